"""``afbundle pack``: one bundle file from Python code, or from a pre-built executable."""

from __future__ import annotations

from pathlib import Path

import click

from afbundle.cli import output as out
from afbundle.cli.sign import passphrase
from afbundle.pack.foreign import pack_executable
from afbundle.pack.interpreter import Choice
from afbundle.pack.metadata import SCHEMA_VERSIONS
from afbundle.pack.options import Options, Packed
from afbundle.pack.platforms import Platform
from afbundle.pack.python import pack_python
from afbundle.pack.pythons import parse_version
from afbundle.pack.resolve import Requirements
from afbundle.pack.sign import PrivateKey, sign_file
from afbundle.pack.venv import Venv

_FILE = click.Path(path_type=Path)
# What `--venv` without a value stands for: the active one.
_ACTIVE = Path()


@click.command()
@click.argument("path", required=False, type=_FILE)
@click.option(
    "-o", "--output", type=_FILE, help="The file to write. Default: dist/NAME, NAME being the bundle's."
)
@click.option(
    "--source", type=_FILE, help="The file that Airflow shows as source. Default: the packed modules."
)
@click.option(
    "--requirement",
    "-r",
    "requirements",
    multiple=True,
    type=_FILE,
    help="A requirement file to install from, or a pylock.toml.",
)
@click.option(
    "--with",
    "packages",
    multiple=True,
    metavar="PKG",
    help="A package to install, like 'pandas>=2' or a wheel.",
)
@click.option(
    "--project",
    type=_FILE,
    help="Install what a project needs: its folder (uv.lock or pylock.toml go first), or one of its files.",
)
@click.option("--extra", "extras", multiple=True, help="An extra of the project.")
@click.option("--group", "groups", multiple=True, help="A dependency group of the project.")
@click.option(
    "--venv",
    type=_FILE,
    is_flag=False,
    flag_value=_ACTIVE,
    metavar="[DIR]",
    help="Copy what is installed in a virtual environment; without DIR, in the active one.",
)
@click.option("--python-version", metavar="3.X", help="Default: that of the Python which runs afbundle.")
@click.option(
    "--platform",
    metavar="TAG",
    help="The machine to pack for, like manylinux_2_28_aarch64; wheels only. Default: one like this.",
)
@click.option(
    "--interpreter",
    default="host",
    metavar="KIND[=PATH]",
    help="host: workers bring the Python (default); embed: a copy travels along. PATH: this one, not the one that runs afbundle.",
)
@click.option("--strip", is_flag=True, help="Leave out the sources of dependencies.")
@click.option("--name", help="The bundle's name. Default: the one in the code.")
@click.option("--bundle-version", help="The bundle's version. Default: the one in the code.")
@click.option(
    "--supervisor-schema-version",
    type=click.Choice(SCHEMA_VERSIONS),
    help="Default: chosen by what the tasks need.",
)
@click.option("--executable", type=_FILE, help="Pack this program, of any language, instead of PATH.")
@click.option(
    "--airflow-metadata", type=_FILE, help="What the packed code says about itself. Default: it is asked."
)
@click.option(
    "--sign", type=_FILE, metavar="KEY", help="Sign the bundle with this private key, into OUTPUT.sig."
)
@click.option("-v", "--verbose", is_flag=True, help="List every distribution and module that enters.")
def pack(
    *,
    path: Path | None,
    output: Path | None,
    source: Path | None,
    requirements: tuple[Path, ...],
    packages: tuple[str, ...],
    project: Path | None,
    extras: tuple[str, ...],
    groups: tuple[str, ...],
    venv: Path | None,
    python_version: str | None,
    platform: str | None,
    interpreter: str,
    strip: bool,
    name: str | None,
    bundle_version: str | None,
    supervisor_schema_version: str | None,
    executable: Path | None,
    airflow_metadata: Path | None,
    sign: Path | None,
    verbose: bool,
) -> None:
    """Pack PATH, a Python file or a folder with __main__.py, into one executable bundle file.

    The entry (the file, or __main__.py) calls serve(). Dependencies travel inside: those named with --requirement and
    --with, those of a --project, or those of a --venv.
    """
    if path is None and executable is None and venv not in (None, _ACTIVE):
        raise click.UsageError(f"--venv took {venv} for its folder; write --venv=DIR, or --venv at the end")
    if (path is None) == (executable is None):
        raise click.UsageError("name either PATH or --executable FILE")
    # Asked for before anything takes time, and before the terminal shows steps.
    with out.Failures():
        key = None if sign is None else PrivateKey.load(sign, passphrase)
    with out.Failures(), out.Steps() as steps:
        environment = None if venv is None else Venv.open(None if venv is _ACTIVE else venv)
        options = Options(
            output=output,
            source=source,
            name=name,
            version=bundle_version,
            schema_version=supervisor_schema_version,
            requirements=Requirements(requirements, packages, project, extras, groups, environment),
            python=None if python_version is None else parse_version(python_version),
            platform=None if platform is None else Platform.parse(platform),
            metadata_file=airflow_metadata,
            interpreter=Choice.parse(interpreter),
            strip=strip,
        )
        if path is not None:
            packed = pack_python(path, options, steps)
        else:
            assert executable is not None  # noqa: S101  (one of the two)
            if source is None:
                raise click.UsageError("--executable needs --source FILE, which Airflow shows as source")
            if options.requirements or python_version or platform or strip or options.interpreter != Choice():
                raise click.UsageError(
                    "dependencies, --interpreter, --python-version, --platform and --strip go with PATH; "
                    "an executable is packed as it is"
                )
            packed = pack_executable(executable, source, airflow_metadata, options, steps)
        signature = None if key is None else sign_file(packed.written.path, key)
    _summary(packed, verbose=verbose)
    if signature is not None:
        click.echo(f"signed: {signature}")


def _summary(packed: Packed, *, verbose: bool) -> None:
    name, version = packed.bundle
    sizes = [f"{out.size(length)} {part}" for part, length in packed.parts.items()]
    rows = [
        ("bundle", " ".join(filter(None, (name, version))) or "(no name)"),
        ("size", "\n".join([out.size(packed.written.size), *sizes])),
        ("digest", packed.written.digests["cache"]),
        ("schema", f"{packed.schema.version}\n{packed.schema.reason}"),
        ("dags", "\n".join(f"{dag_id}: {', '.join(tasks)}" for dag_id, tasks in sorted(packed.dags.items()))),
    ]
    if verbose:
        lines = [f"{one.name} {one.version} ({out.size(one.size)})" for one in packed.distributions]
        rows.append(("distributions", "\n".join(lines) or "(none)"))
        lines = [f"{name} ({out.size(length)})" for name, length in packed.modules.items()]
        rows.append(("modules", "\n".join(lines) or "(none)"))
    out.show(f"packed {packed.written.path}", rows)
    for warning in packed.warnings:
        click.echo(f"Warning: {warning}", err=True)
