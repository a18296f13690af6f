"""What may happen to a bundle's file, and what must not happen because of its surroundings."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from afbundle.artifact.errors import ArtifactError
from afbundle.artifact.launcher import HEADER_SIZE
from afbundle.artifact.reader import BundleFile
from scripts.pythons import SUPPORTED, find
from tests.robustness.worker import attempt, entries, host

USED = ["1.0", 7, 2_000_000]


def _copy(bundle: Path, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(bundle, path)
    return path


@pytest.mark.parametrize(
    "place",
    ["header", "index", "payload", "source", "manifest", "trailer"],
)
def test_a_flipped_bit_is_found(bundle: Path, tmp_path: Path, place: str) -> None:
    data = bytearray(bundle.read_bytes())
    with BundleFile.open(bundle) as opened:
        source, manifest = opened.trailer.source_length, opened.trailer.manifest_length
    ends = {"trailer": 64, "manifest": 64 + manifest, "source": 64 + manifest + source}
    at = {
        "header": 100,
        "index": HEADER_SIZE + 10,
        "payload": len(data) // 2,
        **{name: len(data) - end + 1 for name, end in ends.items()},
    }[place]
    data[at] ^= 0x04
    damaged = tmp_path / "damaged"
    damaged.write_bytes(data)
    with pytest.raises(ArtifactError), BundleFile.open(damaged) as opened:
        opened.verify()


def test_a_damaged_payload_is_found_before_it_is_used(bundle: Path, tmp_path: Path, cache: Path) -> None:
    data = bytearray(bundle.read_bytes())
    data[len(data) // 2] ^= 0x04
    damaged = tmp_path / "damaged"
    damaged.write_bytes(data)
    damaged.chmod(0o755)
    failed = attempt(damaged, AFBUNDLE_CACHE=cache)
    assert failed.result.state == "failed"
    assert f"{damaged} is damaged" in failed.text
    assert "deploy the bundle again" in failed.text
    assert entries(cache) == set()
    assert attempt(bundle, AFBUNDLE_CACHE=cache).succeeded()[:3] == USED


def test_a_truncated_copy(bundle: Path, tmp_path: Path, cache: Path) -> None:
    short = tmp_path / "short"
    short.write_bytes(bundle.read_bytes()[: bundle.stat().st_size // 2])
    short.chmod(0o755)
    with pytest.raises(ArtifactError):
        BundleFile.open(short)
    failed = attempt(short, AFBUNDLE_CACHE=cache)
    assert failed.result.state == "failed"
    assert f"{short} is damaged" in failed.text
    assert entries(cache) == set()


def test_moved_renamed_and_linked(bundle: Path, tmp_path: Path, cache: Path) -> None:
    moved = _copy(bundle, tmp_path / "a folder with späces and 漢字 $HOME 'quoted'" / 'bündle "x"')
    symlink = tmp_path / "symlink"
    symlink.symlink_to(moved)
    hard = tmp_path / "hard"
    os.link(moved, hard)
    for path in (moved, symlink, hard):
        assert attempt(path, AFBUNDLE_CACHE=cache).succeeded()[:3] == USED
    assert attempt(moved.rename(tmp_path / "-renamed"), AFBUNDLE_CACHE=cache).succeeded()[:3] == USED
    assert len(entries(cache)) == 1


def test_the_environment_of_python_has_no_effect(bundle: Path, tmp_path: Path, cache: Path) -> None:
    hostile = tmp_path / "hostile"
    hostile.mkdir()
    for name in (
        "socket",
        "json",
        "sitecustomize",
        "usercustomize",
        "dep",
        "afbundle",
        "fcntl",
        "zlib",
        "sturdy",
    ):
        (hostile / f"{name}.py").write_text("raise SystemExit('hostile')")
    there = host(tmp_path / "there", bundle, f"cd {hostile}")
    env: dict[str, Any] = {"PYTHONPATH": hostile, "PYTHONHOME": hostile, "PYTHONSTARTUP": hostile / "json.py"}
    done = attempt(there, "surroundings", AFBUNDLE_CACHE=cache, **env)
    json_file, socket_file, path, isolated = done.succeeded()
    assert str(hostile) not in json_file + socket_file
    assert not [each for each in path if each in ("", ".", str(hostile))]
    assert isolated == 1
    assert attempt(there, AFBUNDLE_CACHE=cache, **env).succeeded()[:3] == USED


@pytest.mark.slow
@pytest.mark.parametrize("version", SUPPORTED, ids=lambda version: "{}.{}".format(*version))
def test_every_python(version: tuple[int, int], pack_version: Callable[..., Path], cache: Path) -> None:
    python = find(version)
    if python is None:
        pytest.skip("CPython {}.{} is not on this machine".format(*version))
    packed = pack_version("1.0", "--python-version", "{}.{}".format(*version))
    assert attempt(packed, AFBUNDLE_CACHE=cache).succeeded()[:3] == USED
    assert attempt(packed, AFBUNDLE_CACHE=cache).succeeded()[:3] == USED
