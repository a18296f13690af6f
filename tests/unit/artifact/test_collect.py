"""The cache gets smaller again, and never under somebody's feet."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from afbundle.artifact import cache, collect, unpack

DAY = 86400.0


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A cache folder."""
    folder = tmp_path / "cache"
    folder.mkdir(mode=0o700)
    return folder


def _entry(root: Path, digit: str, *, age: float = 0.0, size: int = 100, noted: bool = True) -> str:
    digest = digit * 64
    (root / digest / "site").mkdir(parents=True, mode=0o700)
    (root / digest).chmod(0o700)
    (root / digest / "site" / "file").write_bytes(bytes(size))
    if noted:
        (root / f"{digest}.lock").write_text(f"{size} 1\n")
    when = time.time() - age
    os.utime(root / digest, (when, when))
    return digest


def _left(root: Path) -> set[str]:
    return {path.name[0] for path in root.iterdir()}


def test_what_is_old_goes(root: Path) -> None:
    _entry(root, "a", age=31 * DAY)
    _entry(root, "b", age=29 * DAY)
    removed = collect.collect(str(root))
    assert [(entry.digest[0], size) for entry, size in removed] == [("a", 100)]
    assert _left(root) == {"b"}


def test_what_was_used_longest_ago_goes_first_when_it_is_too_much(root: Path) -> None:
    for digit, age in (("a", 1), ("b", 3), ("c", 2)):
        _entry(root, digit, age=age * DAY, noted=digit != "b")
    collect.collect(str(root), max_bytes=250)
    assert _left(root) == {"a", "c"}
    collect.collect(str(root), max_bytes=100)
    assert _left(root) == {"a"}


def test_what_a_process_uses_stays(root: Path) -> None:
    digest = _entry(root, "a", age=100 * DAY)
    program = f"""
import sys
sys.path[:0] = {sys.path!r}
from afbundle.artifact import cache
print(cache.hold({str(root / digest)!r}), flush=True)
sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "True\n"
        assert collect.collect(str(root), 0, -1) == []
        (entry,) = collect.entries(str(root))
        assert entry.in_use()
        # It was used just now, which the folder says.
        assert time.time() - entry.used < 60
        process.communicate("")
    assert len(collect.collect(str(root), 0, -1)) == 1


def test_what_is_being_unpacked_stays(root: Path) -> None:
    digest = _entry(root, "a", age=100 * DAY)
    writing = root / f"{digest}.tmp-1-aa"
    writing.mkdir()
    lock = unpack.lock_entry(str(root), digest, None)
    assert lock is not None
    try:
        assert collect.collect(str(root), 0, -1) == []
        assert writing.exists()
    finally:
        os.close(lock)
    collect.collect(str(root), 0, -1)
    assert _left(root) == set()


def test_an_entry_that_is_being_removed_is_not_used(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = _entry(root, "a")
    monkeypatch.setattr(cache, "roots", lambda: [str(root)])
    alone = collect._lock_alone(str(root / digest))
    assert alone is not None
    assert cache.find(digest) is None
    os.close(alone)
    assert cache.find(digest) == f"{root}/{digest}"


def test_the_stamp_is_touched_at_most_once_an_hour(root: Path) -> None:
    for digit, age, moves in (("a", 60, False), ("b", 2 * 3600, True)):
        path = root / _entry(root, digit, age=age)
        before = path.stat().st_mtime
        assert cache.hold(str(path))
        assert (path.stat().st_mtime != before) == moves


def test_other_names_in_the_folder_are_nobodys_business(root: Path) -> None:
    (root / "CACHEDIR.TAG").write_text("x")
    (root / "mine").mkdir()
    (root / ("b" * 64)).write_text("a file")
    assert collect.entries(str(root)) == []
    collect.collect(str(root), 0, -1)
    assert sorted(path.name for path in root.iterdir()) == ["CACHEDIR.TAG", "b" * 64, "mine"]


def test_a_cache_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert collect.entries(str(tmp_path / "none")) == []
