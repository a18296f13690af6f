"""Unpacks a part of the payload into the cache; the slow half of a bundle's first start on a host.

A part is a tar archive under one zlib stream. Its digest is that of the tar, so that it does not depend on who
compressed it. The digest is checked while unpacking, and only a complete folder gets the name that readers look for.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import shutil
import tarfile
import time
import zlib

from afbundle.artifact import cache
from afbundle.artifact.errors import CacheError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from afbundle.artifact._boot import BundleFile

    Log = Callable[[str, dict[str, Any]], None]

_STEP = 1 << 20
_TAG = "Signature: 8a477f597d28d172789f06886806bc55\n# This folder is afbundle's cache; it can be deleted.\n"


def unpack(file: BundleFile, part: dict[str, Any], log: Log) -> str:
    """Return the folder with the content of `part`, unpacked by this process or by another one at the same time.

    Arguments:
        file: the running bundle.
        part: its entry in the index.
        log: called with an event and its fields before and after the work.

    Raises:
        CacheError: no cache folder is usable, or the bundle is damaged.
    """
    problems = []
    for root in cache.roots():
        try:
            _make(root)
            reason = cache.refusal(root)
            if reason is None:
                return _fill(root, file, part, log)
        except FileExistsError:
            reason = "a file stands in its way"
        except OSError as error:
            reason = error.strerror or str(error)
        problems.append(f"{root}: {reason}")
    raise CacheError(
        f"cannot unpack this bundle's dependencies ({part['bytes']} bytes): {'; '.join(problems)}. "
        "Set AFBUNDLE_CACHE to a folder of this user with enough room"
    )


def _make(root: str) -> None:
    if not os.path.isdir(root):  # noqa: PTH112
        os.makedirs(os.path.dirname(root), exist_ok=True)  # noqa: PTH103, PTH120
        try:
            os.mkdir(root, 0o700)  # noqa: PTH102
        except FileExistsError:
            return
        with open(f"{root}/CACHEDIR.TAG", "w", encoding="ascii") as tag:  # noqa: PTH123
            tag.write(_TAG)


def _fill(root: str, file: BundleFile, part: dict[str, Any], log: Log) -> str:
    digest = part["digest"]
    entry = f"{root}/{digest}"
    lock = os.open(f"{root}/{digest}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        locked = _lock(lock, log)
        if os.path.isdir(entry):  # noqa: PTH112
            return entry
        if locked:
            _sweep(root, digest)
        log("unpacking dependencies", {"files": part["files"], "bytes": part["bytes"], "folder": entry})
        began = time.monotonic()
        temporary = f"{root}/{digest}.tmp-{os.getpid()}-{secrets.token_hex(4)}"
        try:
            os.mkdir(temporary, 0o700)  # noqa: PTH102
            _extract(file, part, temporary)
            _publish(temporary, entry)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        log("dependencies unpacked", {"seconds": round(time.monotonic() - began, 3)})
        return entry
    finally:
        os.close(lock)


def _lock(lock: int, log: Log) -> bool:
    """Let one process unpack and the others wait for it; where locks do not work, all unpack and one wins."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        log("waiting for another process that unpacks the same dependencies", {})
        fcntl.flock(lock, fcntl.LOCK_EX)
    except OSError:
        return False
    return True


def _sweep(root: str, digest: str) -> None:
    """Remove what killed processes left; under the lock nobody else is at work."""
    with os.scandir(root) as entries:
        for found in entries:
            if found.name.startswith(f"{digest}.tmp-"):
                shutil.rmtree(found.path, ignore_errors=True)


def _publish(temporary: str, entry: str) -> None:
    try:
        os.rename(temporary, entry)  # noqa: PTH104
    except OSError:
        # Another process was first; its folder has the same content.
        if not os.path.isdir(entry):  # noqa: PTH112
            raise


class _Archive:
    """The tar inside a part, as a file to read from; hashes what it hands out."""

    def __init__(self, file: BundleFile, part: dict[str, Any]) -> None:
        self._file = file
        self._at = part["offset"]
        self._end = part["offset"] + part["length"]
        self._inflater = zlib.decompressobj()
        self._hash = hashlib.sha256()

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes; less only at the end."""
        found = bytearray()
        while len(found) < size and not self._inflater.eof:
            pending = self._inflater.unconsumed_tail
            if not pending and self._at < self._end:
                step = min(_STEP, self._end - self._at)
                pending = self._file.read(self._at, step)
                self._at += step
            # With nothing pending the inflater may still hold output back.
            piece = self._inflater.decompress(pending, size - len(found))
            if not piece and not pending:
                raise zlib.error("the archive ends early")
            found += piece
        self._hash.update(found)
        return bytes(found)

    def digest(self) -> str:
        """Read to the end and return the digest of everything."""
        while self.read(_STEP):
            pass
        return self._hash.hexdigest()


def _extract(file: BundleFile, part: dict[str, Any], folder: str) -> None:
    archive = _Archive(file, part)
    made = {folder}
    try:
        with tarfile.open(fileobj=archive, mode="r|") as tar:  # type: ignore[call-overload]  # it needs `read` alone
            for member in tar:
                _extract_one(tar, member, folder, made)
        damaged = archive.digest() != part["digest"]
    except (zlib.error, tarfile.TarError, EOFError, ImportError) as error:
        raise CacheError(f"{file.path} is damaged ({error}): deploy the bundle again") from None
    if damaged:
        raise CacheError(
            f"{file.path} is damaged (its dependencies have another digest): deploy the bundle again"
        )


def _extract_one(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: str, made: set[str]) -> None:
    source = tar.extractfile(member)
    names = member.name.split("/")
    # The packer writes regular files with plain relative names; the digest is known only at the end, so look here too.
    if source is None or not member.isreg() or not all(names) or ".." in names or "." in names:
        raise tarfile.TarError(f"unexpected entry {member.name!r}")
    path = f"{folder}/{member.name}"
    parent = os.path.dirname(path)  # noqa: PTH120
    if parent not in made:
        os.makedirs(parent, 0o755, exist_ok=True)  # noqa: PTH103
        made.add(parent)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, member.mode & 0o755)
    with os.fdopen(descriptor, "wb") as target:
        shutil.copyfileobj(source, target, _STEP)
