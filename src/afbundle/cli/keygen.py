"""``afbundle keygen``: a pair of keys for signing bundles."""

from __future__ import annotations

import os
from pathlib import Path

import click

from afbundle.cli import output as out
from afbundle.cli.sign import PASSPHRASE
from afbundle.pack.sign import make_keys


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--encrypt", is_flag=True, help=f"Ask for a passphrase, or take it from {PASSPHRASE}.")
def keygen(file: Path, encrypt: bool) -> None:
    """Make an Ed25519 key: the private one in FILE, which stays with you, the public one in FILE.pub."""
    secret = os.environ.get(PASSPHRASE) if encrypt else None
    if encrypt and not secret:
        secret = click.prompt("Passphrase", hide_input=True, confirmation_prompt=True, err=True)
    with out.Failures():
        public = make_keys(file, secret.encode() if secret else None)
    click.echo(f"{file}: {public.id}")
