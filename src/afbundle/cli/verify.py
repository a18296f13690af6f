"""``afbundle verify``: tells whether a file is, byte for byte, what was packed."""

from __future__ import annotations

from pathlib import Path

import click

from afbundle.artifact.reader import BundleFile
from afbundle.cli import output as out


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
def verify(file: Path) -> None:
    """Check that every byte of FILE is what was packed; works for bundles of any language and never runs them.

    Exits 1 and names the region and the reason when it is not.
    """
    with out.Failures(), BundleFile.open(file) as bundle:
        found = bundle.verify()
    click.echo(f"{file}: ok ({', '.join(found.covered)})")
    for region, why in found.uncovered.items():
        click.echo(f"not covered: {region} ({why})")
