"""What lies in a cache folder, and how it gets smaller again.

An entry that nobody has used for a while goes, and when all of them are too large, the one that was used longest ago. What a
running process uses stays: it holds a shared lock on the entry's folder, and whoever removes needs that lock alone. Removing
begins with one rename, so that no start ever finds half an entry.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import time

from afbundle.artifact import cache, unpack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_AGE = 30 * 86400.0
"""Seconds. What was not used for longer is removed after an unpacking."""

MAX_BYTES = 10 << 30
"""What is used longest ago is removed while there is more than this, likewise."""

_DIGEST_LENGTH = 64


class Entry:
    """One unpacked part.

    Attributes:
        root: the cache folder.
        digest: its name there.
        used: when it was last used (seconds since the epoch), to the hour.
    """

    __slots__ = ("digest", "root", "used")

    def __init__(self, root: str, digest: str, used: float) -> None:
        self.root = root
        self.digest = digest
        self.used = used

    @property
    def path(self) -> str:
        """Its folder."""
        return f"{self.root}/{self.digest}"

    def size(self) -> tuple[int, int]:
        """Return its bytes and its number of files; counts them, where the unpacking did not note them."""
        try:
            with open(f"{self.path}.lock", encoding="ascii") as note:  # noqa: PTH123
                noted = note.read(64).split()
                return int(noted[0]), int(noted[1])
        except (OSError, ValueError, IndexError):
            pass
        size, count = 0, 0
        for folder, _, names in os.walk(self.path):
            for name in names:
                size += os.lstat(f"{folder}/{name}").st_size
                count += 1
        return size, count

    def in_use(self) -> bool:
        """Return whether a running process uses it, or nobody can know because locks do not work there."""
        fd = _lock_alone(self.path)
        if fd is None:
            return True
        os.close(fd)
        return False


def entries(root: str) -> list[Entry]:
    """Return what a cache folder holds, what was used longest ago first; nothing for one that is not there."""
    found = []
    try:
        with os.scandir(root) as names:
            for each in names:
                if len(each.name) == _DIGEST_LENGTH and each.is_dir(follow_symlinks=False):
                    found.append(Entry(root, each.name, each.stat().st_mtime))
    except FileNotFoundError:
        return []
    return sorted(found, key=lambda entry: entry.used)


def remove(entry: Entry) -> bool:
    """Remove an entry; return False, and leave it alone, when it is in use or being unpacked."""
    lock = unpack.lock_entry(entry.root, entry.digest, None)
    if lock is None:
        return False
    try:
        alone = _lock_alone(entry.path)
        if alone is None:
            return False
        try:
            rubbish = f"{entry.path}.tmp-{os.getpid()}-{secrets.token_hex(4)}"
            os.rename(entry.path, rubbish)  # noqa: PTH104
            shutil.rmtree(rubbish, ignore_errors=True)
            os.unlink(f"{entry.path}.lock")  # noqa: PTH108
        finally:
            os.close(alone)
        return True
    finally:
        os.close(lock)


def collect(root: str, max_age: float = MAX_AGE, max_bytes: int = MAX_BYTES) -> list[tuple[Entry, int]]:
    """Remove what is too old, then what is too much, and what killed processes left.

    Arguments:
        root: the cache folder.
        max_age: seconds since the last use after which an entry goes.
        max_bytes: what all entries together may have.

    Returns:
        The removed entries, with their bytes.

    Raises:
        OSError: the folder cannot be read or written.
    """
    for digest in set(_left_behind(root)):
        lock = unpack.lock_entry(root, digest, None)
        if lock is not None:
            unpack.sweep(root, digest)
            if not os.path.isdir(f"{root}/{digest}"):  # noqa: PTH112
                os.unlink(f"{root}/{digest}.lock")  # noqa: PTH108
            os.close(lock)
    removed = []
    kept = []
    oldest = time.time() - max_age
    for entry in entries(root):
        size = entry.size()[0]
        if entry.used < oldest and remove(entry):
            removed.append((entry, size))
        else:
            kept.append((entry, size))
    total = sum(size for _, size in kept)
    for entry, size in kept:
        if total <= max_bytes:
            break
        if remove(entry):
            total -= size
            removed.append((entry, size))
    return removed


def collect_after_unpacking(root: str) -> None:
    """Collect with the usual limits; a cache that cannot be collected is no reason to fail a task."""
    try:
        # Who may only read this folder, or shares it with others, leaves it to its owner.
        if os.stat(root).st_uid == os.geteuid():  # noqa: PTH116
            collect(root)
    except OSError:
        pass


def existing_roots() -> list[str]:
    """Return the cache folders of this user that are there and can be trusted."""
    found = []
    for root in cache.roots():
        try:
            if cache.refusal(root) is None:
                found.append(root)
        except OSError:
            continue
    return found


def _left_behind(root: str) -> Iterator[str]:
    with os.scandir(root) as names:
        for each in names:
            digest, temporary, _ = each.name.partition(".tmp-")
            if temporary:
                yield digest


def _lock_alone(path: str) -> int | None:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        return None
    return fd
