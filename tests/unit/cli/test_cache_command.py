"""``afbundle cache``: what is shown and what is removed."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from afbundle.artifact import cache
from afbundle.cli.group import afbundle


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only cache folder, with an entry of today and one of 40 days ago."""
    folder = tmp_path / "cache"
    folder.mkdir(mode=0o700)
    monkeypatch.setattr(cache, "roots", lambda: [str(folder)])
    for digit, age in (("a", 0.0), ("b", 40 * 86400.0)):
        entry = folder / (digit * 64)
        entry.mkdir(mode=0o700)
        (entry / "file").write_bytes(bytes(2048))
        when = time.time() - age
        os.utime(entry, (when, when))
    return folder


def _run(*arguments: str) -> Result:
    done = CliRunner().invoke(afbundle, ["cache", *arguments])
    assert done.exit_code == 0, done.output
    return done


def test_list(root: Path) -> None:
    first, old, new = _run("list").output.splitlines()
    assert first == f"{root}: 2 entries, 4.0 KiB"
    assert old == f"{root}/{'b' * 64}  2.0 KiB  1  40 days ago"
    assert new == f"{root}/{'a' * 64}  2.0 KiB  1  just now"


def test_list_for_programs(root: Path) -> None:
    facts = json.loads(_run("list", "--json").output)
    assert facts["bytes"] == 4096
    assert [(entry["digest"][0], entry["files"], entry["in_use"]) for entry in facts["entries"]] == [
        ("b", 1, False),
        ("a", 1, False),
    ]


def test_gc_removes_what_is_old(root: Path) -> None:
    assert _run("gc").output.splitlines() == [
        "removed 1, 2.0 KiB; kept 1",
        f"{root}/{'b' * 64}: 2.0 KiB",
    ]
    assert [path.name[0] for path in root.iterdir()] == ["a"]


def test_gc_with_limits(root: Path) -> None:
    assert json.loads(_run("gc", "--max-size", "0", "--json").output)["kept"] == 0
    assert list(root.iterdir()) == []


def test_clear_removes_all_but_what_is_in_use(root: Path) -> None:
    from afbundle.artifact import collect

    fd = os.open(root / ("a" * 64), os.O_RDONLY)
    try:
        import fcntl

        fcntl.flock(fd, fcntl.LOCK_SH)
        assert collect.entries(str(root))[1].in_use()
        assert json.loads(_run("clear", "--json").output) == {
            "removed": [f"{root}/{'b' * 64}"],
            "bytes": 2048,
            "kept": 1,
        }
    finally:
        os.close(fd)
    _run("clear")
    assert list(root.iterdir()) == []


def test_an_empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "roots", lambda: [str(tmp_path / "none")])
    assert _run("list").output == f"{tmp_path}/none: 0 entries, 0 B\n"
    assert _run("clear").output == "removed 0, 0 B; kept 0\n"
