"""Reading and verifying bundles: no damaged byte goes unnoticed."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from afbundle.artifact import manifest as manifests
from afbundle.artifact.errors import ArtifactError, CorruptBundle, NotABundle, UnsupportedVersion
from afbundle.artifact.reader import BundleFile, is_bundle
from afbundle.artifact.trailer import Trailer
from afbundle.artifact.writer import write_bundle
from tests.unit.artifact.small import METADATA

EXECUTABLE = b"#!/bin/sh\nexit 0\n"
SOURCES = [("pkg/__main__.py", b"import a\n"), ("pkg/empty.py", b""), ("pkg/a.py", "é = 1\n".encode())]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bundle") / "b"
    write_bundle(path, [EXECUTABLE], SOURCES, METADATA, {"d": "pkg/a.py"})
    return path


def _foreign(path: Path, manifest: bytes, source: bytes = b"package main\n") -> Path:
    trailer = Trailer(len(source), len(manifest), hashlib.sha256(EXECUTABLE).digest())
    path.write_bytes(EXECUTABLE + source + manifest + trailer.build())
    return path


def _verify(path: Path) -> None:
    with BundleFile.open(path) as opened:
        opened.verify()


def test_regions_and_contents(bundle: Path) -> None:
    with BundleFile.open(bundle) as opened:
        assert opened.read(opened.executable) == EXECUTABLE
        assert opened.read(opened.source) == b"".join(text for _, text in SOURCES)
        assert [(source.path, opened.read(source.region)) for source in opened.sources()] == SOURCES
        assert opened.dags == {"d": ["a", "b"]}
        assert opened.schema_version == "2026-06-16"
        assert opened.manifest["source"] == "__main__.py"
        assert opened.manifest["entrypoint_path"] == "pkg/__main__.py"
        assert opened.manifest["dag_source_paths"] == {"d": "pkg/a.py"}
        assert opened.verify().uncovered == {}


def test_a_flipped_bit_in_any_byte_is_found(bundle: Path, tmp_path: Path) -> None:
    data = bundle.read_bytes()
    damaged = tmp_path / "b"
    for place in range(len(data)):
        changed = bytearray(data)
        changed[place] ^= 1 << (place * 5 % 8)
        damaged.write_bytes(changed)
        with pytest.raises(ArtifactError):
            _verify(damaged)


def test_truncation_at_either_end_is_found(bundle: Path, tmp_path: Path) -> None:
    data = bundle.read_bytes()
    damaged = tmp_path / "b"
    for length in range(0, len(data), 7):
        for piece in (data[:length], data[len(data) - length :]):
            damaged.write_bytes(piece)
            with pytest.raises(ArtifactError):
                _verify(damaged)


def test_appended_bytes_are_found(bundle: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "b"
    damaged.write_bytes(bundle.read_bytes() + b"\n")
    with pytest.raises(NotABundle):
        _verify(damaged)


@pytest.mark.parametrize(
    ("region", "old", "new"),
    [
        ("executable", b"exit 0", b"exit 1"),
        ("source", b"import a", b"import b"),
        ("manifest", b"- b\n", b"- c\n"),
        ("manifest", b"- b\n", b"-  b"),
    ],
)
def test_the_damaged_region_is_named(
    bundle: Path, tmp_path: Path, region: str, old: bytes, new: bytes
) -> None:
    damaged = tmp_path / "b"
    damaged.write_bytes(bundle.read_bytes().replace(old, new, 1))
    with pytest.raises(CorruptBundle) as caught:
        _verify(damaged)
    assert caught.value.region == region


def test_a_consistent_forgery_of_the_manifest_needs_its_digest(bundle: Path, tmp_path: Path) -> None:
    """A manifest that is whole, and not the one that was packed with these regions."""
    with BundleFile.open(bundle) as opened:
        manifest = opened.manifest
        source = opened.read(opened.source)
    manifest["dags"] = {"other": {"tasks": []}}
    rendered = manifests.render(manifest)
    trailer = Trailer(len(source), len(rendered), hashlib.sha256(EXECUTABLE).digest())
    forged = tmp_path / "b"
    forged.write_bytes(EXECUTABLE + source + rendered + trailer.build())
    with pytest.raises(CorruptBundle, match="digests does not fit"):
        _verify(forged)


def test_a_foreign_bundle_tells_what_is_not_covered(tmp_path: Path) -> None:
    manifest = b"airflow_bundle_metadata_version: '1.0'\nsource: main.go\ndags: {d: {tasks: [a]}}\n"
    with BundleFile.open(_foreign(tmp_path / "b", manifest)) as opened:
        found = opened.verify()
        assert [(source.path, opened.read(source.region)) for source in opened.sources()] == [
            ("main.go", b"package main\n")
        ]
    assert found.covered == ("executable", "trailer")
    assert set(found.uncovered) == {"source", "manifest"}


def test_a_foreign_bundle_with_sources_covers_them(tmp_path: Path) -> None:
    source = b"package main\n"
    digest = hashlib.sha256(source).hexdigest()
    manifest = (
        f"sources: [{{path: main.go, offset: 0, length: {len(source)}, sha256: '{digest}'}}]\n".encode()
    )
    with BundleFile.open(_foreign(tmp_path / "b", manifest, source)) as opened:
        assert opened.verify().covered == ("executable", "source", "trailer")
    with pytest.raises(CorruptBundle, match=r"source: the SHA-256 of 'main.go'"):
        _verify(_foreign(tmp_path / "b", manifest, source.replace(b"main", b"niam")))


def test_digests_of_an_unknown_definition_are_not_taken_for_ours(tmp_path: Path) -> None:
    manifest = b"source: main.go\ndigests: {integrity: x, cache: y}\n"
    with BundleFile.open(_foreign(tmp_path / "b", manifest)) as opened:
        assert "manifest" in opened.verify().uncovered


@pytest.mark.parametrize(
    ("sources", "says"),
    [
        ("7", "not a list"),
        ("[7]", "no path"),
        ("[{path: a, offset: -1, length: 1}]", "offset of source 'a'"),
        ("[{path: a, offset: 0, length: true}]", "length of source 'a'"),
        ("[{path: a, offset: 0, length: 14, sha256: x}]", "beyond the source region"),
        ("[{path: a, offset: 0, length: 1, sha256: x}]", "64 hex digits"),
    ],
)
def test_sources_that_make_no_sense(tmp_path: Path, sources: str, says: str) -> None:
    path = _foreign(tmp_path / "b", f"sources: {sources}\n".encode())
    with BundleFile.open(path) as opened, pytest.raises(CorruptBundle, match=says):
        opened.sources()


def test_regions_longer_than_the_file(tmp_path: Path) -> None:
    path = tmp_path / "b"
    path.write_bytes(EXECUTABLE + Trailer(2**32 - 1, 2**32 - 1, bytes(32)).build())
    with pytest.raises(CorruptBundle, match="longer than the file"):
        BundleFile.open(path)


def test_a_bundle_without_executable(tmp_path: Path) -> None:
    path = tmp_path / "b"
    path.write_bytes(b"{}\n" + Trailer(0, 3, hashlib.sha256(b"").digest()).build())
    with pytest.raises(CorruptBundle, match="no room for the executable"):
        BundleFile.open(path)


def test_files_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="No such file"):
        BundleFile.open(tmp_path / "missing")
    with pytest.raises(ArtifactError, match="directory"):
        BundleFile.open(tmp_path)


def test_is_bundle_goes_by_the_trailer_alone(bundle: Path, tmp_path: Path) -> None:
    assert is_bundle(bundle)
    newer = tmp_path / "newer"
    data = bytearray(bundle.read_bytes())
    data[-56] = 9
    newer.write_bytes(data)
    assert is_bundle(newer)
    with pytest.raises(UnsupportedVersion):
        BundleFile.open(newer)
    assert not is_bundle(Path("/bin/sh"))
