"""``afbundle pack``: one bundle file from Python code, or from a pre-built executable."""

from __future__ import annotations

from pathlib import Path

import click

from afbundle.cli import output as out
from afbundle.pack.dependencies import Requirements
from afbundle.pack.foreign import pack_executable
from afbundle.pack.metadata import SCHEMA_VERSIONS
from afbundle.pack.options import Options, Packed
from afbundle.pack.python import pack_python

_FILE = click.Path(path_type=Path)


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
    help="A requirement file to install from.",
)
@click.option(
    "--with",
    "packages",
    multiple=True,
    metavar="PKG",
    help="A package to install, like 'pandas>=2' or a wheel.",
)
@click.option("--name", help="The bundle's name. Default: the one in the code.")
@click.option("--bundle-version", help="The bundle's version. Default: the one in the code.")
@click.option(
    "--supervisor-schema-version",
    type=click.Choice(SCHEMA_VERSIONS),
    help="Default: chosen by what the tasks need.",
)
@click.option("--executable", type=_FILE, help="Pack this program, of any language, instead of PATH.")
@click.option("--airflow-metadata", type=_FILE, help="Metadata of --executable. Default: it is asked.")
def pack(
    *,
    path: Path | None,
    output: Path | None,
    source: Path | None,
    requirements: tuple[Path, ...],
    packages: tuple[str, ...],
    name: str | None,
    bundle_version: str | None,
    supervisor_schema_version: str | None,
    executable: Path | None,
    airflow_metadata: Path | None,
) -> None:
    """Pack PATH, a Python file or a folder with __main__.py, into one executable bundle file.

    The entry (the file, or __main__.py) calls serve(). Dependencies named with --requirement and --with travel inside.
    """
    if (path is None) == (executable is None):
        raise click.UsageError("name either PATH or --executable FILE")
    options = Options(
        output=output,
        source=source,
        name=name,
        version=bundle_version,
        schema_version=supervisor_schema_version,
        requirements=Requirements(requirements, packages),
    )
    with out.Failures():
        if path is not None:
            if airflow_metadata is not None:
                raise click.UsageError("--airflow-metadata goes with --executable; Python code is asked")
            packed = pack_python(path, options, _progress)
        else:
            assert executable is not None  # noqa: S101  (one of the two)
            if source is None:
                raise click.UsageError("--executable needs --source FILE, which Airflow shows as source")
            if options.requirements:
                raise click.UsageError(
                    "--requirement and --with go with PATH; an executable brings what it needs"
                )
            packed = pack_executable(executable, source, airflow_metadata, options, _progress)
    _summary(packed)


def _progress(line: str) -> None:
    click.echo(f"{line} …", err=True)


def _summary(packed: Packed) -> None:
    name, version = packed.bundle
    sizes = [f"{out.size(length)} {part}" for part, length in packed.parts.items()]
    rows = [
        ("bundle", " ".join(filter(None, (name, version))) or "(no name)"),
        ("size", "\n".join([out.size(packed.written.size), *sizes])),
        ("digest", packed.written.digests["cache"]),
        ("schema", f"{packed.schema.version}\n{packed.schema.reason}"),
        ("dags", "\n".join(f"{dag_id}: {', '.join(tasks)}" for dag_id, tasks in sorted(packed.dags.items()))),
    ]
    out.show(f"packed {packed.written.path}", rows)
    for warning in packed.warnings:
        click.echo(f"Warning: {warning}", err=True)
