"""Where the cache goes on hosts that do not want one."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest

from afbundle.supervise import ExitedBeforeConnecting
from tests.robustness.worker import attempt, cannot_here, entries, host, needs_mounts, needs_root

USED = ["1.0", 7, 2_000_000]
PRIVATE = f"afbundle-{os.geteuid()}"


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    """A temp dir as it should be."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    folder.chmod(0o1777)
    return folder


def test_a_home(bundle: Path, tmp_path: Path, temporary: Path) -> None:
    where = attempt(bundle, HOME=tmp_path, TMPDIR=temporary).succeeded()[3]
    assert where.startswith(f"{tmp_path}/.cache/afbundle/")
    assert list(temporary.iterdir()) == []


def test_no_home(bundle: Path, temporary: Path) -> None:
    assert attempt(bundle, TMPDIR=temporary).succeeded()[3].startswith(f"{temporary}/{PRIVATE}/")


def test_a_home_that_cannot_be_written(bundle: Path, tmp_path: Path, temporary: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    program = bundle
    if os.geteuid() == 0:
        setup = f"mount -t tmpfs -o ro tmpfs {home}"
        program = host(tmp_path / "readonly", bundle, setup, command=needs_mounts())
    else:
        home.chmod(0o555)
    done = attempt(program, HOME=home, TMPDIR=temporary)
    assert done.succeeded()[3].startswith(f"{temporary}/{PRIVATE}/")
    assert f"'folder': '{home}/.cache/afbundle'" in done.text


def test_a_place_where_programs_cannot_run(bundle: Path, tmp_path: Path, temporary: Path) -> None:
    """Its shared libraries would not load; so the next place is used, and a place that was asked for is an error."""
    home = tmp_path / "home"
    home.mkdir()
    setup = f"mount -t tmpfs -o noexec,mode=700 tmpfs {home}"
    program = host(tmp_path / "noexec", bundle, setup, command=needs_mounts())
    done = attempt(program, HOME=home, TMPDIR=temporary)
    assert done.succeeded()[3].startswith(f"{temporary}/{PRIVATE}/")
    assert "mounted noexec" in done.text
    refused = attempt(program, AFBUNDLE_CACHE=home / "cache")
    assert refused.result.state == "failed"
    assert f"{home}/cache: is mounted noexec, and the dependencies hold shared libraries" in refused.text


def test_an_entry_on_such_a_place_is_not_used_either(bundle: Path, tmp_path: Path, temporary: Path) -> None:
    home = tmp_path / "home"
    attempt(bundle, HOME=home).succeeded()
    setup = f"mount --bind {home} {home} && mount -o remount,bind,noexec {home}"
    program = host(tmp_path / "noexec", bundle, setup, command=needs_mounts())
    assert attempt(program, HOME=home, TMPDIR=temporary).succeeded()[3].startswith(f"{temporary}/{PRIVATE}/")


@pytest.mark.parametrize("umask", ["077", "000"])
def test_any_umask(bundle: Path, tmp_path: Path, umask: str) -> None:
    home = tmp_path / "home"
    home.mkdir()
    program = host(tmp_path / "masked", bundle, f"umask {umask}")
    for _ in range(2):
        assert attempt(program, HOME=home).succeeded()[:3] == USED
    cache = home / ".cache" / "afbundle"
    assert len(entries(cache)) == 1
    for path in (home / ".cache", cache, *cache.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) & 0o022 == 0, path


def test_a_cache_of_another_user_is_refused(bundle: Path, tmp_path: Path, temporary: Path) -> None:
    needs_root("give files away")
    planted = tmp_path / "planted"
    attempt(bundle, AFBUNDLE_CACHE=planted).succeeded()
    (entry,) = entries(planted)
    os.chown(planted / entry, 12345, 12345)
    refused = attempt(bundle, AFBUNDLE_CACHE=planted)
    assert refused.result.state == "failed"
    assert f"AFBUNDLE_CACHE={planted} is refused" in refused.text
    assert "belongs to another user" in refused.text
    # Where nobody asked for it, in a temp dir that everybody writes to, it is passed over.
    os.chown(planted, 12345, 12345)
    planted.rename(temporary / PRIVATE)
    passed = attempt(bundle, TMPDIR=temporary, HOME=tmp_path / "home")
    assert passed.succeeded()[3].startswith(f"{tmp_path}/home/.cache/afbundle/")
    # Nothing is left in the real one.
    setup = "unset HOME; mount -t tmpfs -o mode=1777 tmpfs /var/tmp"
    last = attempt(host(tmp_path / "alone", bundle, setup, command=needs_mounts()), TMPDIR=temporary)
    assert last.succeeded()[3].startswith(f"/var/tmp/{PRIVATE}/")
    assert f"'folder': '{temporary}/{PRIVATE}', 'reason': 'belongs to another user'" in last.text


def test_a_folder_that_everybody_can_replace_is_refused(bundle: Path, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    refused = attempt(bundle, AFBUNDLE_CACHE=shared / "cache")
    assert refused.result.state == "failed"
    assert f"{shared}/cache: lies in {shared}, where every user can replace it" in refused.text


def test_a_cache_that_root_filled_serves_a_user_who_cannot_write(bundle: Path, tmp_path: Path) -> None:
    needs_root("become another user")
    cache = Path("/var/tmp") / f"afbundle-test-{os.getpid()}"
    copy = cache.with_name(f"{cache.name}-bundle")
    try:
        copy.write_bytes(bundle.read_bytes())
        copy.chmod(0o755)
        assert attempt(copy, AFBUNDLE_CACHE=cache).succeeded()[:3] == USED
        (entry,) = entries(cache)
        for path in (cache, cache / entry):
            path.chmod(0o755)
        as_user = host(
            cache.with_name(f"{cache.name}-run"),
            copy,
            "",
            command=("setpriv", "--reuid=12345", "--regid=12345", "--clear-groups"),
        )
        try:
            done = attempt(as_user, AFBUNDLE_CACHE=cache)
        except ExitedBeforeConnecting as error:
            cannot_here(f"another user cannot run this interpreter: {error}")
        assert done.succeeded()[3].startswith(f"{cache}/{entry}/")
        assert "unpacking" not in done.text
    finally:
        shutil.rmtree(cache, ignore_errors=True)
        for path in cache.parent.glob(f"{cache.name}-*"):
            path.unlink()
