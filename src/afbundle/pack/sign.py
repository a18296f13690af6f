"""Signatures of bundles: Ed25519 over the SHA-256 of the whole file, in a small file next to it.

The signature stays outside of the bundle, so that the trailer stays the last bytes, and signing changes nothing that
the digests cover. What is signed is ``afbundle bundle signature 1``, a zero byte, and the 32 bytes of the digest: no
signature for another purpose made with the same key can be passed off as one for a bundle.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from afbundle.artifact.errors import ArtifactError
from afbundle.artifact.reader import BundleFile

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_DOMAIN = b"afbundle bundle signature 1\0"
_FORMAT = 1
_ALGORITHM = "ed25519"
_OTHERS_MAY = 0o077
_LARGEST = 1 << 16


class SignatureError(ArtifactError):
    """A key or a signature is not right; says which and why."""


def signature_path(bundle: Path) -> Path:
    """Return where a bundle's signature lies: ``FILE.sig``."""
    return bundle.with_name(bundle.name + ".sig")


@dataclass(frozen=True)
class PrivateKey:
    """What signs.

    Attributes:
        key: the key; never shown.
    """

    key: Ed25519PrivateKey

    def __repr__(self) -> str:
        return f"PrivateKey({self.public.id})"

    @classmethod
    def load(cls, path: Path, passphrase: Callable[[Path], bytes]) -> PrivateKey:
        """Read a private key: PEM, PKCS#8.

        Arguments:
            path: the file; nobody else may be able to read it.
            passphrase: called for an encrypted key.

        Raises:
            SignatureError: it is no such key, or others can read it, or the passphrase is wrong.
        """
        _need_cryptography()
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        try:
            with path.open("rb") as file:
                status = os.fstat(file.fileno())
                data = file.read(_LARGEST)
        except OSError as error:
            raise SignatureError(f"cannot read the key {path}: {error.strerror}") from None
        if status.st_mode & _OTHERS_MAY:
            raise SignatureError(
                f"the private key {path} can be used by other users (mode {status.st_mode & 0o777:o}): chmod 600 {path}, "
                "and replace the key if somebody may have copied it"
            )
        if b"PUBLIC KEY" in data:
            raise SignatureError(f"{path} is a public key; signing needs the private one")
        secret = passphrase(path) if b"ENCRYPTED PRIVATE KEY" in data else None
        try:
            key = load_pem_private_key(data, secret)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            why = "its passphrase is another one" if secret is not None else "it is not one in PEM (PKCS#8)"
            raise SignatureError(f"cannot read the private key {path}: {why}") from None
        if not isinstance(key, Ed25519PrivateKey):
            raise SignatureError(f"{path} is not an Ed25519 key; make one with: afbundle keygen FILE")
        return cls(key)

    @property
    def public(self) -> PublicKey:
        """What its signatures are checked with."""
        return PublicKey(self.key.public_key())


@dataclass(frozen=True)
class PublicKey:
    """What signatures are checked with.

    Attributes:
        key: the key.
    """

    key: Ed25519PublicKey

    @classmethod
    def load(cls, path: Path) -> PublicKey:
        """Read a public key: PEM, SubjectPublicKeyInfo.

        Raises:
            SignatureError: it is no such key.
        """
        _need_cryptography()
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        from cryptography.hazmat.primitives.serialization import load_pem_public_key

        data = _read(path, "the key")
        if b"PRIVATE KEY" in data:
            raise SignatureError(f"{path} is a private key; checking a signature takes the public one")
        try:
            key = load_pem_public_key(data)
        except (ValueError, UnsupportedAlgorithm):
            raise SignatureError(f"cannot read the public key {path}: it is not one in PEM") from None
        if not isinstance(key, Ed25519PublicKey):
            raise SignatureError(f"{path} is not an Ed25519 key")
        return cls(key)

    @property
    def id(self) -> str:
        """Which key it is: ``sha256:`` and the digest (hex) of its SubjectPublicKeyInfo."""
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        info = self.key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return f"sha256:{hashlib.sha256(info).hexdigest()}"


def sign_file(bundle: Path, key: PrivateKey) -> Path:
    """Check a bundle, sign it, and return where the signature was written.

    Raises:
        ArtifactError: it is not a bundle, or damaged, or the signature cannot be written.
    """
    with BundleFile.open(bundle) as file:
        file.verify()
        digest = file.whole_digest()
    signature = key.key.sign(_DOMAIN + digest)
    facts = {
        "afbundle_signature": _FORMAT,
        "algorithm": _ALGORITHM,
        "key_id": key.public.id,
        "sha256": digest.hex(),
        "signature": base64.b64encode(signature).decode(),
    }
    target = signature_path(bundle)
    write_private(target, (json.dumps(facts, indent=1) + "\n").encode(), mode=0o644)
    return target


def check_signature(bundle: BundleFile, key: PublicKey) -> None:
    """Check that an open bundle is what the holder of a key signed.

    Raises:
        SignatureError: it is not signed, or by another key, or it was changed since.
    """
    from cryptography.exceptions import InvalidSignature

    path = signature_path(bundle.path)
    if not path.exists():
        raise SignatureError(f"{bundle.path} is not signed: there is no {path}")
    facts = _facts(path)
    if facts["key_id"] != key.id:
        raise SignatureError(f"signature: made with another key ({facts['key_id']}), not with {key.id}")
    digest = bundle.whole_digest()
    try:
        signature = base64.b64decode(str(facts["signature"]), validate=True)
        key.key.verify(signature, _DOMAIN + digest)
    except (InvalidSignature, binascii.Error):
        changed = facts["sha256"] != digest.hex()
        why = f"{bundle.path} is not the file that was signed" if changed else f"{path} was changed or forged"
        raise SignatureError(f"signature: not valid; {why}") from None


def _facts(path: Path) -> dict[str, Any]:
    try:
        facts = json.loads(_read(path, "the signature"))
    except ValueError:
        facts = None
    if not isinstance(facts, dict) or not {"key_id", "signature", "sha256"} <= facts.keys():
        raise SignatureError(f"{path} is not a signature that afbundle wrote")
    if (facts.get("afbundle_signature"), facts.get("algorithm")) != (_FORMAT, _ALGORITHM):
        raise SignatureError(f"{path} is a signature of a kind that this afbundle does not know")
    return facts


def make_keys(path: Path, passphrase: bytes | None) -> PublicKey:
    """Write a new pair of keys: the private one to `path`, the public one to ``<path>.pub``.

    Arguments:
        path: a file that is not there yet.
        passphrase: encrypts the private key, or None.

    Raises:
        SignatureError: a file is there already, or cannot be written.
    """
    _need_cryptography()
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    public_path = path.with_name(path.name + ".pub")
    for each in (path, public_path):
        if each.exists():
            raise SignatureError(f"{each} is there already; a key is never overwritten")
    key = Ed25519PrivateKey.generate()
    locked = form.BestAvailableEncryption(passphrase) if passphrase else form.NoEncryption()
    write_private(path, key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, locked), mode=0o600)
    public = key.public_key()
    text = public.public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo)
    write_private(public_path, text, mode=0o644)
    return PublicKey(public)


def write_private(path: Path, data: bytes, *, mode: int) -> None:
    """Write a whole file or nothing, readable by its owner alone until it has its name.

    Raises:
        SignatureError: it cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                os.fchmod(file.fileno(), mode)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise SignatureError(f"cannot write {path}: {error.strerror}") from None


def _read(path: Path, what: str) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_LARGEST)
    except OSError as error:
        raise SignatureError(f"cannot read {what} {path}: {error.strerror}") from None


def _need_cryptography() -> None:
    try:
        import cryptography  # noqa: F401  (asks whether the extra is installed)
    except ImportError:
        raise SignatureError(
            "signatures need the cryptography library: pip install 'afbundle[sign]'"
        ) from None
