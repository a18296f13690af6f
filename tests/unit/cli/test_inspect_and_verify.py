"""``afbundle inspect`` and ``afbundle verify``, on bundles of any language."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from afbundle.artifact.trailer import Trailer
from afbundle.artifact.writer import write_bundle
from afbundle.cli.group import afbundle

METADATA = {
    "airflow_bundle_metadata_version": "1.0",
    "sdk": {"language": "python", "version": "0.1", "supervisor_schema_version": "2026-10-30"},
    "dags": {"d": {"tasks": ["a", "b"]}},
    "x_afbundle": {"bundle": {"name": "etl", "version": "3"}, "format": 1, "python": "3.11"},
}


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A bundle that would leave a trace if it were run."""
    sources = [("pkg/__main__.py", b"import a\n"), ("pkg/a.py", "é = 1\n".encode())]
    script = f"#!/bin/sh\ntouch {tmp_path}/ran\n".encode()
    return write_bundle(tmp_path / "b", [script], sources, METADATA, {"d": "pkg/a.py"}).path


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """A bundle of another packer: no digests, a date where text belongs, no list of sources."""
    executable, source = b"\x7fELF", b"package main\n"
    manifest = b"sdk: {language: go, supervisor_schema_version: 2026-06-16}\nsource: main.go\ndags: {7: {tasks: [1]}}\n"
    path = tmp_path / "foreign"
    trailer = Trailer(len(source), len(manifest), hashlib.sha256(executable).digest())
    path.write_bytes(executable + source + manifest + trailer.build())
    return path


def _run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(afbundle, [str(argument) for argument in arguments])


def test_the_table(bundle: Path, tmp_path: Path) -> None:
    done = _run("inspect", bundle)
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert lines[:5] == [
        str(bundle),
        "bundle: etl 3",
        "language: python (CPython 3.11), SDK 0.1",
        "schema: 2026-10-30 (Airflow 3.4 and later)",
        "dags: d: a, b",
    ]
    assert "sources: pkg/__main__.py (9 B)" in lines
    assert lines[-1] == "verified: executable, source, manifest, trailer"
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_facts_for_programs(bundle: Path, form: str) -> None:
    done = _run("inspect", bundle, "--format", form, "--source")
    facts = json.loads(done.output) if form == "json" else yaml.safe_load(done.output)
    assert facts["manifest"]["dags"] == {"d": {"tasks": ["a", "b"]}}
    assert [source["text"] for source in facts["sources"]] == ["import a\n", "é = 1\n"]
    assert facts["regions"]["source"] == {"offset": facts["regions"]["executable"]["length"], "length": 16}
    assert facts["size"] == bundle.stat().st_size
    assert facts["verified"] is True


def test_the_source(bundle: Path, foreign: Path) -> None:
    assert (
        _run("inspect", bundle, "--source").output
        == "==> pkg/__main__.py <==\nimport a\n==> pkg/a.py <==\né = 1\n"
    )
    assert _run("inspect", foreign, "--source").output == "package main\n"


def test_a_foreign_bundle(foreign: Path) -> None:
    lines = _run("inspect", foreign).output.splitlines()
    assert "language: go" in lines
    assert "schema: 2026-06-16 (Airflow 3.3 and later)" in lines
    assert "dags: 7: 1" in lines
    assert json.loads(_run("inspect", foreign, "--format", "json").output)["covered"] == [
        "executable",
        "trailer",
    ]


def test_a_damaged_bundle_is_shown_with_what_is_wrong(bundle: Path) -> None:
    bundle.write_bytes(bundle.read_bytes().replace(b"import a", b"import b"))
    done = _run("inspect", bundle)
    assert done.exit_code == 0
    assert done.output.splitlines()[-1].startswith("verified: NO: source: the SHA-256 of 'pkg/__main__.py'")
    assert json.loads(_run("inspect", bundle, "--format", "json").output)["verified"] is False


def test_verify_says_what_is_covered(bundle: Path, foreign: Path) -> None:
    done = _run("verify", bundle)
    assert (done.exit_code, done.output) == (0, f"{bundle}: ok (executable, source, manifest, trailer)\n")
    done = _run("verify", foreign)
    assert done.exit_code == 0
    assert done.output.splitlines() == [
        f"{foreign}: ok (executable, trailer)",
        "not covered: manifest (this bundle's packer recorded no digest of it that afbundle knows)",
        "not covered: source (the manifest has no digest of all of it)",
    ]


@pytest.mark.parametrize(
    ("place", "says"),
    [
        (3, "executable: its SHA-256 is not the one in the trailer"),
        (-1, "not a bundle"),
        (-9, "trailer: the 12 reserved bytes are not zero"),
        (-56, "trailer: footer_ver is "),
        (-70, "manifest: "),
    ],
)
def test_verify_fails_with_the_reason(bundle: Path, place: int, says: str) -> None:
    data = bytearray(bundle.read_bytes())
    data[place] ^= 4
    bundle.write_bytes(data)
    done = _run("verify", bundle)
    assert done.exit_code == 1
    assert done.stderr.startswith(f"Error: {says}")


def test_files_that_are_no_bundles(tmp_path: Path) -> None:
    for command in ("inspect", "verify"):
        done = _run(command, "/bin/true")
        assert done.exit_code == 1
        assert "does not end with the bundle trailer" in done.stderr
        assert _run(command, tmp_path / "gone").exit_code == 1
