"""``afbundle verify``: tells whether a file is, byte for byte, what was packed, and whether a key vouches for it."""

from __future__ import annotations

from pathlib import Path

import click

from afbundle.artifact.reader import BundleFile
from afbundle.cli import output as out


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--key",
    type=click.Path(path_type=Path),
    metavar="PUB",
    help="Check FILE.sig, too, with this public key, a PEM file.",
)
def verify(file: Path, key: Path | None) -> None:
    """Check that every byte of FILE is what was packed; works for bundles of any language and never runs them.

    Exits 1 and names the region and the reason when it is not, or with --key when the holder of that key did not sign it.
    """
    signer = ""
    with out.Failures(), BundleFile.open(file) as bundle:
        if key is not None:
            from afbundle.pack.sign import PublicKey, check_signature

            public = PublicKey.load(key)
            check_signature(bundle, public)
            signer = public.id
        found = bundle.verify()
    click.echo(f"{file}: ok ({', '.join(found.covered)})")
    if signer:
        click.echo(f"signed with {signer}")
    for region, why in found.uncovered.items():
        click.echo(f"not covered: {region} ({why})")
