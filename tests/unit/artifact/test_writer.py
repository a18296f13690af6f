"""Writing a bundle: all of it, or nothing."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from afbundle.artifact.errors import ArtifactError
from afbundle.artifact.reader import BundleFile
from afbundle.artifact.writer import write_bundle
from tests.unit.artifact.small import METADATA

SOURCES = [("a.py", b"pass\n")]


def test_the_file_is_executable_and_nothing_else_is_left(tmp_path: Path) -> None:
    written = write_bundle(tmp_path / "b", [b"#!", b"/bin/true\n"], SOURCES, METADATA, {})
    assert stat.S_IMODE(written.path.stat().st_mode) == 0o755
    assert [path.name for path in tmp_path.iterdir()] == ["b"]
    assert written.size == written.path.stat().st_size


def test_pieces_may_be_files(tmp_path: Path) -> None:
    piece = tmp_path / "piece"
    piece.write_bytes(b"x" * 3_000_000)
    written = write_bundle(tmp_path / "b", [b"head", (piece, 3_000_000)], SOURCES, METADATA, {})
    with BundleFile.open(written.path) as bundle:
        assert bundle.read(bundle.executable) == b"head" + piece.read_bytes()


def test_an_earlier_file_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "b"
    path.write_bytes(b"old")

    def pieces() -> Iterator[bytes]:
        yield b"half"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_bundle(path, pieces(), SOURCES, METADATA, {})
    assert path.read_bytes() == b"old"
    assert [each.name for each in tmp_path.iterdir()] == ["b"]


def test_a_piece_that_changed_its_length_is_found(tmp_path: Path) -> None:
    piece = tmp_path / "piece"
    piece.write_bytes(b"123")
    with pytest.raises(ArtifactError, match="changed while it was packed"):
        write_bundle(tmp_path / "b", [(piece, 4)], SOURCES, METADATA, {})
    assert not (tmp_path / "b").exists()


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"cannot write in .*missing"):
        write_bundle(tmp_path / "missing" / "b", [b"x"], SOURCES, METADATA, {})


def test_the_target_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    with pytest.raises(ArtifactError, match=r"cannot write .*b: Is a directory"):
        write_bundle(tmp_path / "b", [b"x"], SOURCES, METADATA, {})
    assert list((tmp_path / "b").iterdir()) == []
