"""Where unpacked payloads live: one folder per content, found by its digest.

``$AFBUNDLE_CACHE`` alone where it is set; else the first usable one of ``$XDG_CACHE_HOME/afbundle``,
``~/.cache/afbundle``, and a private folder under the temp dir. An entry's folder appears by one rename, complete, and
never changes; readers take no lock.

This module is on the way of every start of a bundle with dependencies, so it imports nothing that is not built in.
"""

from __future__ import annotations

import posix
from _stat import S_ISDIR, S_ISLNK

from afbundle.artifact.errors import CacheError

_OTHERS_MAY_WRITE = 0o022


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
        found.append(variable(b"HOME") + "/.cache/afbundle")
    temporary = variable(b"TMPDIR")
    for folder in (temporary if temporary.startswith("/") else "/tmp", "/var/tmp"):  # noqa: S108  (checked by `refusal`)
        found.append(f"{folder}/afbundle-{posix.geteuid()}")
    return list(dict.fromkeys(found))


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


def find(digest: str) -> str | None:
    """Return the folder of the content with that digest, or None where no usable cache has it.

    Raises:
        CacheError: it is there, in a folder that others could have changed, and ``$AFBUNDLE_CACHE`` says to use that.
    """
    for root in roots():
        entry = f"{root}/{digest}"
        try:
            reason = refusal(entry) or refusal(root)
        except OSError:
            continue
        if reason is None:
            return entry
        if posix.environ.get(b"AFBUNDLE_CACHE"):
            raise CacheError(f"AFBUNDLE_CACHE={root} is refused: {root} or what it holds {reason}")
    return None
