"""Where unpacked payloads live: one folder per content, found by its digest.

``$AFBUNDLE_CACHE`` alone where it is set; else the first usable one of the user's cache folder
(``$XDG_CACHE_HOME/afbundle``, ``~/.cache/afbundle``, on macOS ``~/Library/Caches/afbundle``) and a private folder under the
temp dir. An entry's folder appears by one rename, complete, and never changes; readers wait for nobody.

A process that uses an entry holds a shared ``flock`` on its folder until it ends, so that collecting (see
`afbundle.artifact.collect`) leaves it alone. Its modification time says when it was last used, to the hour.

This module is on the way of every start of a bundle with dependencies, so it imports nothing that is not built in; but for
``fcntl``, once there is an entry to hold.
"""

from __future__ import annotations

import posix
import sys
from _stat import S_ISDIR, S_ISLNK

from afbundle.artifact.errors import CacheError

_OTHERS_MAY_WRITE = 0o022
_WORLD_MAY_WRITE = 0o002
_STICKY = 0o1000

# Seconds. More often than that an entry's time is not brought up to date.
_STAMP_AGE = 3600

# Descriptors of the entries that this process uses: their locks last as long as they.
_held: list[int] = []


def roots() -> list[str]:
    """Return the cache folders to try, in order."""

    def variable(name: bytes) -> str:
        return posix.environ.get(name, b"").decode("utf-8", "surrogateescape")

    explicit = variable(b"AFBUNDLE_CACHE")
    if explicit:
        return [explicit if explicit.startswith("/") else f"{posix.getcwd()}/{explicit}"]
    found = []
    # The XDG specification says to ignore a relative path.
    if variable(b"XDG_CACHE_HOME").startswith("/"):
        found.append(variable(b"XDG_CACHE_HOME") + "/afbundle")
    elif variable(b"HOME").startswith("/"):
        caches = "Library/Caches" if sys.platform == "darwin" else ".cache"
        found.append(f"{variable(b'HOME')}/{caches}/afbundle")
    temporary = variable(b"TMPDIR")
    for folder in (temporary if temporary.startswith("/") else "/tmp", "/var/tmp"):  # noqa: S108  (checked by `refusal`)
        found.append(f"{folder}/afbundle-{posix.geteuid()}")
    return list(dict.fromkeys(found))


def is_explicit() -> bool:
    """Return whether ``$AFBUNDLE_CACHE`` leaves no choice."""
    return bool(posix.environ.get(b"AFBUNDLE_CACHE"))


def refusal(path: str) -> str | None:
    """Return why code from `path` must not be run, or None.

    A folder is trusted when root or this user owns it and nobody else can write to it.

    Raises:
        OSError: there is no such folder, or it cannot be looked at.
    """
    trusted = (0, posix.geteuid())
    status = posix.lstat(path)
    if S_ISLNK(status.st_mode):
        if status.st_uid not in trusted:
            return "is a symbolic link of another user"
        status = posix.stat(path)
    if not S_ISDIR(status.st_mode):
        return "is not a folder"
    if status.st_uid not in trusted:
        return "belongs to another user"
    if status.st_mode & _OTHERS_MAY_WRITE:
        return "can be written by other users; name a folder inside it, it will be made private"
    return None


def refusal_above(path: str) -> str | None:
    """Return why somebody could put another folder in the place of `path`, or None.

    Above the cache it is enough that not everybody can rename what is there: a group may share a home.

    Raises:
        OSError: a folder above it cannot be looked at.
    """
    while (path := path.rpartition("/")[0]) != "":
        status = posix.stat(path)
        if status.st_mode & _WORLD_MAY_WRITE and not status.st_mode & _STICKY:
            return f"lies in {path}, where every user can replace it"
    return None


def refuses_programs(path: str) -> bool:
    """Return whether the filesystem is mounted ``noexec``, so that no shared library can be loaded from it."""
    return bool(posix.statvfs(path).f_flag & posix.ST_NOEXEC)


def find(digest: str, *, native: bool = False) -> str | None:
    """Return the folder of the content with that digest, held for this process, or None where no usable cache has it.

    Arguments:
        digest: what is looked for.
        native: whether there are shared libraries in it.

    Raises:
        CacheError: it is there, in a folder that others could have changed, and ``$AFBUNDLE_CACHE`` says to use that.
    """
    for root in roots():
        entry = f"{root}/{digest}"
        try:
            reason = refusal(entry) or refusal(root) or refusal_above(root)
            if reason is None and native and refuses_programs(entry):
                reason = (
                    "is mounted noexec, and the dependencies hold shared libraries; name a folder elsewhere"
                )
        except OSError:
            continue
        if reason is None:
            if hold(entry):
                return entry
        elif is_explicit():
            raise CacheError(f"AFBUNDLE_CACHE={root} is refused: {root} or what it holds {reason}")
    return None


def hold(entry: str) -> bool:
    """Keep an entry from being collected for as long as this process lives, and note that it was used.

    Returns:
        False when it is being removed, or is gone.
    """
    from fcntl import LOCK_NB, LOCK_SH, flock
    from time import time

    try:
        fd = posix.open(entry, posix.O_RDONLY | posix.O_DIRECTORY | posix.O_CLOEXEC)
    except OSError:
        return False
    try:
        flock(fd, LOCK_SH | LOCK_NB)
    except BlockingIOError:
        posix.close(fd)
        return False
    except OSError:
        pass  # No locks on this filesystem; whoever collects needs one and will leave everything there alone.
    try:
        status, named = posix.fstat(fd), posix.stat(entry)
        if (status.st_dev, status.st_ino) != (named.st_dev, named.st_ino):
            raise FileNotFoundError(entry)
    except OSError:
        posix.close(fd)
        return False
    _held.append(fd)
    if abs(time() - status.st_mtime) > _STAMP_AGE:
        try:
            posix.utime(entry)
        except OSError:
            pass  # A cache that somebody else filled and that we may only read.
    return True
