"""Which cache folder is used, and which is refused."""

from __future__ import annotations

import os
import posix
from pathlib import Path

import pytest

from afbundle.artifact import cache
from afbundle.artifact.errors import CacheError

DIGEST = "ab" * 32


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> dict[bytes, bytes]:
    """An empty environment, as the cache sees it."""
    found: dict[bytes, bytes] = {}
    monkeypatch.setattr(posix, "environ", found)
    return found


def _give_away(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make `path` another user's in the eyes of this process."""
    if posix.geteuid() == 0:
        os.chown(path, 12345, 12345)
    else:
        monkeypatch.setattr(posix, "geteuid", lambda: 12345)


def test_the_order_of_folders(environment: dict[bytes, bytes]) -> None:
    private = f"afbundle-{os.geteuid()}"
    assert cache.roots() == [f"/tmp/{private}", f"/var/tmp/{private}"]
    environment[b"TMPDIR"] = b"/scratch"
    environment[b"HOME"] = b"/home/me"
    assert cache.roots() == ["/home/me/.cache/afbundle", f"/scratch/{private}", f"/var/tmp/{private}"]
    environment[b"XDG_CACHE_HOME"] = b"/cache"
    assert cache.roots()[0] == "/cache/afbundle"
    environment[b"XDG_CACHE_HOME"] = b"relative"
    assert cache.roots()[0] == "/home/me/.cache/afbundle"
    environment[b"AFBUNDLE_CACHE"] = b"/mine"
    assert cache.roots() == ["/mine"]


def test_a_private_folder_is_trusted(environment: dict[bytes, bytes], tmp_path: Path) -> None:
    environment[b"AFBUNDLE_CACHE"] = os.fsencode(tmp_path)
    assert cache.find(DIGEST) is None
    (tmp_path / DIGEST).mkdir(mode=0o700)
    assert cache.find(DIGEST) == f"{tmp_path}/{DIGEST}"


@pytest.mark.parametrize("place", [".", DIGEST])
@pytest.mark.parametrize("mode", [0o770, 0o702, 0o1777])
def test_what_others_can_write_is_refused(
    environment: dict[bytes, bytes], tmp_path: Path, place: str, mode: int
) -> None:
    environment[b"AFBUNDLE_CACHE"] = os.fsencode(tmp_path)
    (tmp_path / DIGEST).mkdir(mode=0o700)
    (tmp_path / place).chmod(mode)
    with pytest.raises(CacheError, match="can be written by other users"):
        cache.find(DIGEST)


def test_what_another_user_owns_is_refused(
    environment: dict[bytes, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment[b"AFBUNDLE_CACHE"] = os.fsencode(tmp_path)
    (tmp_path / DIGEST).mkdir(mode=0o700)
    _give_away(tmp_path / DIGEST, monkeypatch)
    with pytest.raises(CacheError, match="belongs to another user"):
        cache.find(DIGEST)


def test_a_folder_that_nobody_asked_for_is_passed_over(
    environment: dict[bytes, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody planted a cache under the temp dir; ours is found behind it."""
    environment[b"HOME"] = os.fsencode(tmp_path / "home")
    environment[b"TMPDIR"] = os.fsencode(tmp_path / "tmp")
    planted = tmp_path / "home" / ".cache" / "afbundle" / DIGEST
    planted.mkdir(parents=True)
    planted.chmod(0o777)
    ours = tmp_path / "tmp" / f"afbundle-{os.geteuid()}" / DIGEST
    ours.mkdir(parents=True, mode=0o700)
    ours.parent.chmod(0o700)
    assert cache.find(DIGEST) == str(ours)


def test_refusals_name_their_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.touch()
    assert cache.refusal(str(file)) == "is not a folder"
    link = tmp_path / "link"
    link.symlink_to(tmp_path)
    assert cache.refusal(str(link)) is None
    if posix.geteuid() == 0:
        os.chown(link, 12345, 12345, follow_symlinks=False)
        assert cache.refusal(str(link)) == "is a symbolic link of another user"
