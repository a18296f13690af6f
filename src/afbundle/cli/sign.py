"""``afbundle sign``: vouch for a bundle."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from afbundle.cli import output as out
from afbundle.pack.sign import PrivateKey, SignatureError, sign_file

PASSPHRASE = "AFBUNDLE_KEY_PASSPHRASE"  # noqa: S105  (the variable's name)
"""Environment variable with the passphrase of an encrypted key; arguments are seen by everybody on the machine."""


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--key", type=click.Path(path_type=Path), required=True, help="The private key, a PEM file.")
def sign(file: Path, key: Path) -> None:
    """Check FILE, sign it with an Ed25519 key, and write the signature to FILE.sig.

    The passphrase of an encrypted key comes from AFBUNDLE_KEY_PASSPHRASE, or is asked for.
    """
    with out.Failures():
        signer = PrivateKey.load(key, passphrase)
        written = sign_file(file, signer)
    click.echo(f"{written}: signed with {signer.public.id}")


def passphrase(path: Path) -> bytes:
    """Return the passphrase of the key at `path`, from the environment or the terminal.

    Raises:
        SignatureError: it is in neither.
    """
    given = os.environ.get(PASSPHRASE)
    if given is not None:
        return given.encode()
    if not sys.stdin.isatty():
        raise SignatureError(f"the key {path} is encrypted: set {PASSPHRASE}, or run this at a terminal")
    entered: str = click.prompt(f"Passphrase of {path}", hide_input=True, err=True)
    return entered.encode()
