"""Packing pre-built executables of other languages."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from afbundle.artifact.reader import BundleFile
from afbundle.pack.errors import PackError
from afbundle.pack.foreign import pack_executable
from afbundle.pack.options import Options

METADATA = """\
airflow_bundle_metadata_version: "1.0"
sdk: {language: go, version: v1.0.0, supervisor_schema_version: "2026-06-16"}
source: cmd/main.go
dags: {d: {tasks: [a, b]}}
build: {flags: [-s, 1.5, null]}
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """An executable that prints its metadata."""
    path = tmp_path / "program.bin"
    path.write_text(f"#!/bin/sh\ncat <<'EOF'\n{METADATA}EOF\nexit 0\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Its source."""
    path = tmp_path / "main.go"
    path.write_text("package main\n")
    return path


def test_asked_for_its_metadata(program: Path, source: Path, tmp_path: Path) -> None:
    output = tmp_path / "bundle"
    packed = pack_executable(program, source, None, Options(output=output))
    assert packed.dags == {"d": ["a", "b"]}
    assert packed.schema.version == "2026-06-16"
    assert "is a script: it must exit before its end" in packed.warnings[0]
    with BundleFile.open(output) as bundle:
        assert bundle.verify().uncovered == {}
        assert bundle.read(bundle.executable) == program.read_bytes()
        assert bundle.manifest["source"] == "main.go"
        assert bundle.manifest["dag_source_paths"] == {"d": "main.go"}
        assert bundle.manifest["build"] == {"flags": ["-s", 1.5, None]}
        assert bundle.manifest["sdk"]["language"] == "go"
    # The bytes behind `exit` do not harm a script, just as they do not harm a binary.
    assert subprocess.run([output], check=True, capture_output=True, text=True).stdout == METADATA


def test_with_a_metadata_file_it_is_never_run(source: Path, tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    program.chmod(0o755)
    (tmp_path / "m.yaml").write_text(METADATA)
    options = Options(output=tmp_path / "b", name="n", version="2", schema_version="2026-10-30")
    packed = pack_executable(program, source, tmp_path / "m.yaml", options)
    assert not (tmp_path / "ran").exists()
    assert packed.bundle == ("n", "2")
    with BundleFile.open(tmp_path / "b") as bundle:
        assert bundle.schema_version == "2026-10-30"
        assert bundle.manifest["x_afbundle"]["bundle"] == {"name": "n", "version": "2"}


def test_a_real_binary(source: Path, tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text(METADATA)
    packed = pack_executable(Path("/bin/true"), source, tmp_path / "m.yaml", Options(output=tmp_path / "b"))
    assert packed.warnings == ()
    subprocess.run([tmp_path / "b"], check=True)


def test_the_default_output_has_the_name_of_the_program(
    program: Path, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert pack_executable(program, source, None, Options()).written.path == tmp_path / "dist" / "program"


def test_a_bundle_is_not_packed_again(program: Path, source: Path, tmp_path: Path) -> None:
    pack_executable(program, source, None, Options(output=tmp_path / "b"))
    with pytest.raises(PackError, match=r"b is already a bundle"):
        pack_executable(tmp_path / "b", source, None, Options(output=tmp_path / "c"))


def test_executables_that_are_not_right(program: Path, source: Path, tmp_path: Path) -> None:
    options = Options(output=tmp_path / "b")
    with pytest.raises(PackError, match=r"the executable .*gone does not exist"):
        pack_executable(tmp_path / "gone", source, None, options)
    program.chmod(0o644)
    with pytest.raises(PackError, match=r"is not executable; make it so with: chmod \+x"):
        pack_executable(program, source, None, options)
    os.truncate(program, 0)
    with pytest.raises(PackError, match="is empty"):
        pack_executable(program, source, None, options)
    with pytest.raises(PackError, match=r"cannot read the source file .*gone: No such file"):
        pack_executable(Path("/bin/true"), tmp_path / "gone", None, options)
