"""``afbundle inspect``: what a bundle of any language says about itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from afbundle.artifact import manifest as manifests
from afbundle.artifact.errors import ArtifactError
from afbundle.artifact.reader import BundleFile, Region
from afbundle.cli import output as out

# First Airflow that knows a supervisor schema version.
_AIRFLOW_OF_SCHEMA = {"2026-06-16": "3.3", "2026-10-30": "3.4"}


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--format", "form", type=click.Choice(["table", "json", "yaml"]), default="table", show_default=True
)
@click.option(
    "--source", "with_source", is_flag=True, help="Print the embedded source, too; with the table, instead."
)
@click.option("--sbom", is_flag=True, help="Print the bill of materials instead, CycloneDX in JSON.")
def inspect(file: Path, form: str, with_source: bool, sbom: bool) -> None:
    """Show what FILE, a bundle of any language, says about itself. Never runs it."""
    with out.Failures(), BundleFile.open(file) as bundle:
        if sbom:
            _print_sbom(bundle)
            return
        if form == "table":
            _print_source(bundle) if with_source else _print_table(bundle)
            return
        facts = _facts(bundle, with_source=with_source)
    click.echo(
        json.dumps(facts, indent=2) if form == "json" else manifests.render(facts).decode(), nl=form == "json"
    )


def _facts(bundle: BundleFile, *, with_source: bool) -> dict[str, Any]:
    def region(region: Region) -> dict[str, int]:
        return {"offset": region.offset, "length": region.length}

    sources = []
    for source in bundle.sources():
        entry: dict[str, Any] = {"path": source.path, **region(source.region)}
        if with_source:
            entry["text"] = bundle.read(source.region).decode(errors="replace")
        sources.append(entry)
    return {
        "file": str(bundle.path),
        "size": bundle.size,
        "regions": {
            "executable": region(bundle.executable),
            "source": region(bundle.source),
            "manifest": region(bundle.manifest_region),
        },
        "manifest": _plain(bundle.manifest),
        "sources": sources,
        **_verdict(bundle),
    }


def _verdict(bundle: BundleFile) -> dict[str, Any]:
    try:
        found = bundle.verify()
    except ArtifactError as error:
        return {"verified": False, "problem": str(error)}
    return {"verified": True, "covered": list(found.covered)}


def _plain(value: Any) -> Any:
    """Return a foreign manifest's value as JSON can hold it: YAML knows dates, sets and keys that are not text."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, (str, int, float, bool)) else str(value)


def _print_source(bundle: BundleFile) -> None:
    sources = bundle.sources()
    if not sources:
        raise ArtifactError(f"{bundle.path} embeds no source")
    for source in sources:
        if len(sources) > 1:
            click.echo(f"==> {source.path} <==")
        click.echo(bundle.read(source.region).decode(errors="replace"), nl=False)


def _print_sbom(bundle: BundleFile) -> None:
    bill = bundle.sbom()
    if bill is None:
        raise ArtifactError(f"{bundle.path} carries no bill of materials")
    click.echo(bill, nl=False)


def _interpreter(facts: dict[str, Any]) -> str:
    length, glibc = facts.get("size"), facts.get("glibc")
    text = f"CPython {facts.get('version')}, embedded"
    if isinstance(length, int):
        text += f", {out.size(length)}"
    return f"{text}\nfor hosts with glibc {glibc} or newer" if glibc else text


def _print_table(bundle: BundleFile) -> None:
    manifest = _plain(bundle.manifest)
    sdk, ours = manifest.get("sdk"), manifest.get(manifests.MARK)
    rows = []
    if isinstance(ours, dict) and isinstance(ours.get("bundle"), dict):
        rows.append(("bundle", " ".join(str(part) for part in ours["bundle"].values() if part)))
    if isinstance(sdk, dict):
        python = f" (CPython {ours['python']})" if isinstance(ours, dict) and "python" in ours else ""
        version = f", SDK {sdk['version']}" if sdk.get("version") else ""
        rows.append(("language", f"{sdk.get('language') or '(not named)'}{python}{version}"))
    interpreter = ours.get("interpreter") if isinstance(ours, dict) else None
    if isinstance(interpreter, dict):
        rows.append(("interpreter", _interpreter(interpreter)))
    schema = bundle.schema_version
    if schema is not None:
        airflow = _AIRFLOW_OF_SCHEMA.get(schema)
        rows.append(("schema", f"{schema} (Airflow {airflow} and later)" if airflow else schema))
    rows.append(
        ("dags", "\n".join(f"{dag_id}: {', '.join(tasks)}" for dag_id, tasks in sorted(bundle.dags.items())))
    )
    sizes = [
        f"{out.size(region.length)} {name}"
        for name, region in (
            ("executable", bundle.executable),
            ("source", bundle.source),
            ("manifest", bundle.manifest_region),
        )
    ]
    rows.append(("size", "\n".join([out.size(bundle.size), *sizes])))
    rows.append(
        (
            "sources",
            "\n".join(f"{source.path} ({out.size(source.region.length)})" for source in bundle.sources()),
        )
    )
    digests = manifest.get("digests")
    if isinstance(digests, dict) and isinstance(digests.get("cache"), str):
        rows.append(("digest", digests["cache"]))
    verdict = _verdict(bundle)
    rows.append(
        ("verified", ", ".join(verdict["covered"]) if verdict["verified"] else f"NO: {verdict['problem']}")
    )
    out.show(str(bundle.path), rows)
