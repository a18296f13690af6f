"""The first start of a bundle on a host: in company, interrupted, and without room."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.robustness.worker import (
    attempt,
    attempt_all,
    content,
    entries,
    host,
    needs_mounts,
    rubbish,
)

USED = ["1.0", 7, 2_000_000]

POINTS = 10

# What a process does to the filesystem while it unpacks, counted; at the KILL_AT-th step it is killed.
SABOTAGE = """
import posix, sys
_at, _report, _done = int(posix.environ[b"KILL_AT"]), posix.environ[b"REPORT"], [0]
def _count(name):
    real = getattr(posix, name)
    def counted(*args, **kwargs):
        if name != "open" or args[1] & posix.O_CREAT:
            _done[0] += 1
            if _done[0] == _at:
                posix.kill(posix.getpid(), 9)
            if name == "rename":
                with open(_report, "w") as file:
                    file.write(str(_done[0]))
        return real(*args, **kwargs)
    setattr(posix, name, counted)
for _name in ("open", "mkdir", "write", "rename", "truncate", "pwrite"):
    _count(_name)
"""


def test_fifty_processes_at_once(bundle: Path, cache: Path) -> None:
    tries = attempt_all([bundle] * 50, AFBUNDLE_CACHE=cache)
    for each in tries:
        assert each.succeeded()[:3] == USED
    assert sum("dependencies unpacked" in each.text for each in tries) == 1
    assert len(entries(cache)) == 1
    assert rubbish(cache) == []


@pytest.fixture
def sabotaged(tmp_path: Path, bundle: Path) -> Path:
    """An interpreter that can be told to kill itself."""
    code = tmp_path / "sabotage.py"
    code.write_text(SABOTAGE)
    real = next(
        word
        for line in bundle.read_bytes()[:4096].decode().splitlines()
        if line.startswith("for c in")
        for word in line.replace("'", " ").split()
        if word.startswith("/")
    )
    python = tmp_path / "python"
    # The last flags end in c; what follows them is the program.
    python.write_text(
        f'#!/bin/sh\nx=$1 u=$2 f=$3 p=$4; shift 4\nexec {real} "$x" "$u" "$f" "$(cat {code})\n$p" "$@"\n'
    )
    python.chmod(0o755)
    return python


def test_killed_at_ten_points_of_unpacking(bundle: Path, tmp_path: Path, sabotaged: Path) -> None:
    report = tmp_path / "steps"
    whole = tmp_path / "whole"
    env: dict[str, Any] = {"AFBUNDLE_PYTHON": sabotaged, "REPORT": report}
    assert attempt(bundle, **env, AFBUNDLE_CACHE=whole, KILL_AT="0").succeeded()[:3] == USED
    steps = int(report.read_text())
    expected = content(whole)
    # From the first one to the one that gives the entry its name, and one after that.
    points = sorted({1 + (steps - 1) * point // (POINTS - 2) for point in range(POINTS - 1)} | {steps + 1})
    assert len(points) == POINTS
    for point in points:
        cache = tmp_path / f"killed-{point}"
        killed = attempt(bundle, **env, AFBUNDLE_CACHE=cache, KILL_AT=str(point))
        assert killed.result.exit_code == -signal.SIGKILL, (point, killed.text)
        assert bool(cache.exists() and entries(cache)) == (point > steps)
        assert attempt(bundle, AFBUNDLE_CACHE=cache).succeeded()[:3] == USED, point
        # Where the tag was not written, it is the only thing missing.
        assert {**content(cache), "CACHEDIR.TAG": expected["CACHEDIR.TAG"]} == expected, point
        assert rubbish(cache) == [], point


def test_a_full_disk(bundle: Path, tmp_path: Path, cache: Path) -> None:
    cache.mkdir(mode=0o700)
    # One megabyte for the largest file stands for a disk without room: the error is another one, its handling is not.
    limited = host(tmp_path / "limited", bundle, "ulimit -f 1000")
    failed = attempt(limited, AFBUNDLE_CACHE=cache)
    _says_there_is_no_room(failed.result.state, failed.text, cache)
    assert entries(cache) == set()
    assert [name for name in rubbish(cache) if not name.endswith(".lock")] == []
    assert attempt(bundle, AFBUNDLE_CACHE=cache).succeeded()[:3] == USED


def test_a_really_full_disk(bundle: Path, tmp_path: Path, cache: Path) -> None:
    command = needs_mounts()
    cache.mkdir(mode=0o700)
    listing = tmp_path / "listing"
    # The shell stays, to look at the filesystem that only its processes see.
    small = tmp_path / "small"
    small.write_text(
        f"#!/bin/sh\nexec {' '.join(command)} /bin/sh -c '"
        f'mount -t tmpfs -o size=1m,mode=700 tmpfs {cache}; {bundle} "$@"; code=$?; ls -A {cache} > {listing}; exit $code'
        '\' sh "$@"\n'
    )
    small.chmod(0o755)
    failed = attempt(small, AFBUNDLE_CACHE=cache)
    _says_there_is_no_room(failed.result.state, failed.text, cache)
    assert "No space left on device" in failed.text
    assert all(name.endswith(".lock") for name in listing.read_text().split())


def test_the_next_folder_is_used_when_the_disk_is_full(bundle: Path, tmp_path: Path) -> None:
    command = needs_mounts()
    home, temporary = tmp_path / "home", tmp_path / "tmp"
    home.mkdir()
    temporary.mkdir()
    small = host(
        tmp_path / "small", bundle, f"mount -t tmpfs -o size=1m,mode=700 tmpfs {home}", command=command
    )
    done = attempt(small, HOME=home, TMPDIR=temporary)
    assert done.succeeded()[3].startswith(f"{temporary}/afbundle-{os.geteuid()}/")
    assert "cache folder not usable" in done.text
    assert "No space left on device" in done.text


def _says_there_is_no_room(state: str, text: str, cache: Path) -> None:
    assert state == "failed"
    assert "cannot unpack this bundle's dependencies" in text
    assert str(cache) in text
    assert "Set AFBUNDLE_CACHE to a folder of this user with enough room" in text


def test_the_cache_is_deleted_while_a_task_runs(bundle: Path, cache: Path) -> None:
    """What the task has imported stays; what it has not is gone; the next start repairs."""
    assert attempt(bundle, "lose_the_cache", AFBUNDLE_CACHE=cache).succeeded() == [1, "ModuleNotFoundError"]
    assert attempt(bundle, AFBUNDLE_CACHE=cache).succeeded()[:3] == USED


def test_two_versions_side_by_side(bundle: Path, pack_version: Callable[..., Path], cache: Path) -> None:
    newer = pack_version("2.0")
    tries = attempt_all([bundle, newer] * 4, AFBUNDLE_CACHE=cache)
    assert [each.succeeded()[0] for each in tries] == ["1.0", "2.0"] * 4
    assert len(entries(cache)) == 2
    assert rubbish(cache) == []
