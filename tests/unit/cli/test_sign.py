"""Keys and signatures, through the command line."""

from __future__ import annotations

import base64
import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from afbundle.artifact.writer import write_bundle
from afbundle.cli.group import afbundle

METADATA = {
    "airflow_bundle_metadata_version": "1.0",
    "sdk": {"language": "python", "version": "0.1", "supervisor_schema_version": "2026-10-30"},
    "dags": {"d": {"tasks": ["a"]}},
}


def _run(*arguments: str | Path, env: dict[str, str] | None = None) -> Result:
    return CliRunner(env=env).invoke(afbundle, [str(argument) for argument in arguments])


def _ok(*arguments: str | Path, env: dict[str, str] | None = None) -> str:
    done = _run(*arguments, env=env)
    assert done.exit_code == 0, done.output
    return done.stdout


def _failure(*arguments: str | Path, env: dict[str, str] | None = None) -> str:
    done = _run(*arguments, env=env)
    assert done.exit_code == 1, done.output
    assert done.stdout == ""
    return done.stderr


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A bundle that nobody signed."""
    return write_bundle(
        tmp_path / "b", [b"#!/bin/sh\nexit\n"], [("a.py", b"a")], METADATA, {"d": "a.py"}
    ).path


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """A private key; the public one is ``<key>.pub``."""
    _ok("keygen", tmp_path / "key")
    return tmp_path / "key"


def test_what_is_signed_is_verified(bundle: Path, key: Path) -> None:
    public = key.with_name("key.pub")
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    before = bundle.read_bytes()
    name = _ok("sign", bundle, "--key", key).strip().rpartition(" ")[2]
    assert bundle.read_bytes() == before
    assert _ok("verify", bundle, "--key", public).splitlines() == [
        f"{bundle}: ok (executable, source, manifest, trailer)",
        f"signed with {name}",
    ]
    facts = json.loads((bundle.parent / "b.sig").read_text())
    assert facts["key_id"] == name
    assert isinstance(load_pem_public_key(public.read_bytes()), ed25519.Ed25519PublicKey)


def test_a_signature_for_another_purpose_is_none_for_a_bundle(bundle: Path, key: Path) -> None:
    _ok("sign", bundle, "--key", key)
    signature = Path(f"{bundle}.sig")
    facts = json.loads(signature.read_text())
    holder = load_pem_private_key(key.read_bytes(), None)
    assert isinstance(holder, ed25519.Ed25519PrivateKey)
    made = base64.b64encode(holder.sign(bytes.fromhex(facts["sha256"]))).decode()
    signature.write_text(json.dumps({**facts, "signature": made}))
    assert "signature: not valid" in _failure("verify", bundle, "--key", f"{key}.pub")


def test_pack_signs(tmp_path: Path, key: Path) -> None:
    (tmp_path / "tasks.py").write_text(
        "from afbundle import Bundle\nb = Bundle('n')\n@b.dag('d').task\ndef t(): ...\nb.serve()\n"
    )
    _ok("pack", tmp_path / "tasks.py", "-o", tmp_path / "packed", "--sign", key)
    assert "signed with" in _ok("verify", tmp_path / "packed", "--key", f"{key}.pub")


def test_a_bundle_that_was_not_signed(bundle: Path, key: Path) -> None:
    said = _failure("verify", bundle, "--key", f"{key}.pub")
    assert said == f"Error: {bundle} is not signed: there is no {bundle}.sig\n"


def test_a_bundle_that_was_changed_and_packed_anew(bundle: Path, key: Path) -> None:
    _ok("sign", bundle, "--key", key)
    write_bundle(bundle, [b"#!/bin/sh\nrm\n"], [("a.py", b"a")], METADATA, {"d": "a.py"})
    assert "ok" in _ok("verify", bundle)
    said = _failure("verify", bundle, "--key", f"{key}.pub")
    assert said == f"Error: signature: not valid; {bundle} is not the file that was signed\n"


def test_another_key(bundle: Path, key: Path, tmp_path: Path) -> None:
    _ok("keygen", tmp_path / "other")
    _ok("sign", bundle, "--key", key)
    said = _failure("verify", bundle, "--key", tmp_path / "other.pub")
    assert said.startswith("Error: signature: made with another key (sha256:")
    # Whoever claims the right key in the file has still not signed with it.
    _ok("sign", bundle, "--key", tmp_path / "other")
    signature = Path(f"{bundle}.sig")
    facts = json.loads(signature.read_text())
    _ok("sign", bundle, "--key", key)
    right = json.loads(signature.read_text())
    signature.write_text(json.dumps({**facts, "key_id": right["key_id"]}))
    said = _failure("verify", bundle, "--key", f"{key}.pub")
    assert said == f"Error: signature: not valid; {signature} was changed or forged\n"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"signature": "AAAA"}, "was changed or forged"),
        ({"signature": "***"}, "was changed or forged"),
        ({"algorithm": "none"}, "is a signature of a kind that this afbundle does not know"),
        ({"afbundle_signature": 2}, "is a signature of a kind that this afbundle does not know"),
    ],
)
def test_signatures_that_are_not_right(bundle: Path, key: Path, change: dict[str, object], says: str) -> None:
    _ok("sign", bundle, "--key", key)
    signature = Path(f"{bundle}.sig")
    signature.write_text(json.dumps({**json.loads(signature.read_text()), **change}))
    assert says in _failure("verify", bundle, "--key", f"{key}.pub")
    signature.write_text("[]")
    assert "is not a signature that afbundle wrote" in _failure("verify", bundle, "--key", f"{key}.pub")


def test_a_damaged_bundle_is_not_signed(bundle: Path, key: Path) -> None:
    bundle.write_bytes(bundle.read_bytes().replace(b"exit", b"halt"))
    assert "executable: its SHA-256" in _failure("sign", bundle, "--key", key)
    assert not Path(f"{bundle}.sig").exists()


def test_a_key_that_others_can_read(bundle: Path, key: Path) -> None:
    key.chmod(0o640)
    said = _failure("sign", bundle, "--key", key)
    assert f"the private key {key} can be used by other users (mode 640): chmod 600 {key}" in said


def test_an_encrypted_key(bundle: Path, tmp_path: Path) -> None:
    key = tmp_path / "locked"
    right = {"AFBUNDLE_KEY_PASSPHRASE": "open sesame"}
    _ok("keygen", key, "--encrypt", env=right)
    assert b"ENCRYPTED" in key.read_bytes()
    _ok("sign", bundle, "--key", key, env=right)
    assert "signed with" in _ok("verify", bundle, "--key", f"{key}.pub")
    wrong = {"AFBUNDLE_KEY_PASSPHRASE": "nope"}
    assert "its passphrase is another one" in _failure("sign", bundle, "--key", key, env=wrong)
    said = _failure("sign", bundle, "--key", key)
    assert "is encrypted: set AFBUNDLE_KEY_PASSPHRASE, or run this at a terminal" in said


def test_files_that_are_not_the_key(bundle: Path, key: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.touch(0o600)
    assert "is not one in PEM" in _failure("sign", bundle, "--key", wrong)
    assert "is not one in PEM" in _failure("verify", bundle, "--key", wrong)
    assert "is a private key; checking" in _failure("verify", bundle, "--key", key)
    public = Path(f"{key}.pub")
    public.chmod(0o600)
    assert "is a public key; signing" in _failure("sign", bundle, "--key", public)
    other = ec.generate_private_key(ec.SECP256R1())
    wrong.write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    assert "is not an Ed25519 key" in _failure("sign", bundle, "--key", wrong)
    info = PublicFormat.SubjectPublicKeyInfo
    wrong.write_bytes(other.public_key().public_bytes(Encoding.PEM, info))
    assert "is not an Ed25519 key" in _failure("verify", bundle, "--key", wrong)
    assert "No such file" in _failure("verify", bundle, "--key", tmp_path / "gone")


def test_a_key_is_never_overwritten(key: Path) -> None:
    before = key.read_bytes()
    assert "is there already" in _failure("keygen", key)
    assert key.read_bytes() == before


def test_without_the_library(bundle: Path, key: Path, tmp_path: Path) -> None:
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / "cryptography.py").write_text("raise ImportError('hidden')")
    command = [sys.executable, "-m", "afbundle.cli", "sign", str(bundle), "--key", str(key)]
    env = {"PYTHONPATH": str(tmp_path / "hidden")}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (
        1,
        "Error: signatures need the cryptography library: pip install 'afbundle[sign]'\n",
    )
