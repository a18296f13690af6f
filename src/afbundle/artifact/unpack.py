"""Unpacks a part of the payload into the cache; the slow half of a bundle's first start on a host.

A part is a sequence of pieces, each a length (8 bytes, big-endian) and a zlib stream of that many bytes. The first one is the
table, marshal version 2 of ``[(digest, [(name, size, is_program), …]), …]``; every further piece is the content of one of its
rows: those files one after the other, with the SHA-256 of them all. The SHA-256 of the table is the digest of the part, so it
stands for every byte of every file, however they are compressed. The pieces are independent, so that several threads can
inflate, verify and write at once; only a complete and verified folder gets the name that readers look for.

The packer begins a new row with every package, so bundles that have a package in common have rows in common. An entry keeps
its table; whoever unpacks a row that another entry of the same cache has links its files instead of writing them again.
"""

from __future__ import annotations

import fcntl
import hashlib
import marshal
import os
import secrets
import shutil
import threading
import time
import zlib

from afbundle.artifact import cache
from afbundle.artifact.errors import CacheError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from afbundle.artifact._boot import BundleFile

    Log = Callable[[str, dict[str, Any]], None]
    Row = tuple[str, list[tuple[str, int, bool]]]

LENGTH = 8
"""Bytes of a piece's length."""

_STEP = 1 << 20
_MOST_THREADS = 4

# Seconds. Whoever waited that long for another process unpacks for itself.
_PATIENCE = 300
_PAUSE = 0.02

_TABLE = "table"

_TAG = b"Signature: 8a477f597d28d172789f06886806bc55\n# This folder is afbundle's cache; it can be deleted.\n"


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
            reason = cache.refusal(root) or cache.refusal_above(root)
            if reason is None and part["native"] and cache.refuses_programs(root):
                reason = "is mounted noexec, and the dependencies hold shared libraries"
            if reason is None:
                return _fill(root, file, part, log)
        except FileExistsError:
            reason = "a file stands in its way"
        except OSError as error:
            reason = error.strerror or str(error)
        problems.append(f"{root}: {reason}")
        log("cache folder not usable", {"folder": root, "reason": reason})
    raise CacheError(
        f"cannot unpack this bundle's dependencies ({part['bytes']} bytes): {'; '.join(problems)}. "
        "Set AFBUNDLE_CACHE to a folder of this user with enough room"
    )


def _make(root: str) -> None:
    """Make a cache folder and what lacks above it, private whatever the umask."""
    if os.path.isdir(root):  # noqa: PTH112
        return
    above = os.path.dirname(root)  # noqa: PTH120
    missing = []
    while not os.path.isdir(above):  # noqa: PTH112
        missing.append(above)
        above = os.path.dirname(above)  # noqa: PTH120
    for folder in (*reversed(missing), root):
        try:
            os.mkdir(folder, 0o700)  # noqa: PTH102
        except FileExistsError:
            if not os.path.isdir(folder):  # noqa: PTH112
                raise
    _write(f"{root}/CACHEDIR.TAG", _TAG)


def _fill(root: str, file: BundleFile, part: dict[str, Any], log: Log) -> str:
    digest = part["digest"]
    entry = f"{root}/{digest}"
    lock = lock_entry(root, digest, log)
    try:
        if os.path.isdir(entry):  # noqa: PTH112
            reason = cache.refusal(entry)
            if reason is not None:
                raise OSError(0, f"{entry} {reason}")
            if cache.hold(entry):
                return entry
        if lock is not None:
            sweep(root, digest)
        log("unpacking dependencies", {"files": part["files"], "bytes": part["bytes"], "folder": entry})
        began = time.monotonic()
        temporary = f"{root}/{digest}.tmp-{os.getpid()}-{secrets.token_hex(4)}"
        os.mkdir(temporary, 0o700)  # noqa: PTH102
        alive = os.open(temporary, os.O_RDONLY | os.O_CLOEXEC)
        try:
            _try_lock(alive)
            _extract(file, part, temporary, root)
            _publish(temporary, entry)
        finally:
            os.close(alive)
            shutil.rmtree(temporary, ignore_errors=True)
        if lock is not None:
            # For who lists the cache.
            os.truncate(lock, 0)
            os.pwrite(lock, f"{part['bytes']} {part['files']}\n".encode(), 0)
        log("dependencies unpacked", {"seconds": round(time.monotonic() - began, 3)})
        if not cache.hold(entry):
            raise OSError(0, f"{entry} was removed as soon as it was there")
    finally:
        if lock is not None:
            os.close(lock)
    from afbundle.artifact import collect

    collect.collect_after_unpacking(root)
    return entry


def lock_entry(root: str, digest: str, log: Log | None) -> int | None:
    """Lock what happens to one entry, so that one process unpacks and the others wait for it.

    Arguments:
        root: the cache folder.
        digest: the entry's name.
        log: told when it has to wait; None for who does not want to.

    Returns:
        A descriptor, which is to be closed. None where locks do not work or the wait is over: several processes may then
        unpack, and one wins.
    """
    path = f"{root}/{digest}.lock"
    deadline = time.monotonic() + (_PATIENCE if log is not None else 0)
    told = False
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            if not _try_lock(fd):
                pass
            elif _is_at(fd, path):
                return fd
            else:
                # Whoever collected removed it in the meantime; there may be a new one.
                os.close(fd)
                continue
        except OSError:
            os.close(fd)
            return None
        os.close(fd)
        if time.monotonic() >= deadline:
            return None
        if not told and log is not None:
            log("waiting for another process that unpacks the same dependencies", {})
            told = True
        time.sleep(_PAUSE)


def _is_at(fd: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), os.stat(path))  # noqa: PTH116
    except FileNotFoundError:
        return False


def _try_lock(fd: int) -> bool:
    """Lock exclusively without waiting; raises OSError where locks do not work."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def sweep(root: str, digest: str) -> None:
    """Remove what killed processes left; a folder that somebody still writes to is locked by its writer."""
    with os.scandir(root) as entries:
        found = [entry.path for entry in entries if entry.name.startswith(f"{digest}.tmp-")]
    for path in found:
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            if _try_lock(fd):
                shutil.rmtree(path, ignore_errors=True)
        except OSError:
            pass  # Without locks nobody can know.
        finally:
            os.close(fd)


def _publish(temporary: str, entry: str) -> None:
    try:
        os.rename(temporary, entry)  # noqa: PTH104
    except OSError:
        # Another process was first; its folder has the same content.
        if not os.path.isdir(entry):  # noqa: PTH112
            raise


def _extract(file: BundleFile, part: dict[str, Any], folder: str, root: str) -> None:
    try:
        table, places = _layout(file, part)
        rows: list[Row] = marshal.loads(table)  # noqa: S302  (verified)
        if len(rows) != len(places):
            raise ValueError("its dependencies are incomplete")
        for path in _folders(rows):
            os.mkdir(f"{folder}/{path}", 0o755)  # noqa: PTH102
        there = _rows_of_others(root)
        work = []
        for row, place in zip(rows, places):  # noqa: B905  (of one length)
            if not _link(row, there.get(_key(row)), folder):
                work.append((row, place))
        _Writers(file, folder, work).run()
        _write(f"{folder}/{_TABLE}", table)
    except (zlib.error, ValueError, ImportError) as error:
        # The bundle says ImportError when it ends early.
        raise CacheError(f"{file.path} is damaged ({error}): deploy the bundle again") from None


def _folders(rows: list[Row]) -> list[str]:
    """Return every folder that the files need, those above before those below."""
    found: set[str] = set()
    for _, files in rows:
        for name, _, _ in files:
            while (name := name.rpartition("/")[0]) and name not in found:
                found.add(name)
    return sorted(found)


def _write(path: str, data: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    with os.fdopen(fd, "wb") as file:
        file.write(data)


def _key(row: Row) -> tuple[str, tuple[tuple[str, int, bool], ...]]:
    digest, files = row
    return digest, tuple(files)


def _rows_of_others(root: str) -> dict[Any, str]:
    """Return which rows the entries of a cache hold, and the folder of one that does."""
    found: dict[Any, str] = {}
    with os.scandir(root) as names:
        folders = [each.path for each in names if each.name.isalnum()]
    for folder in folders:
        try:
            # What another user could have put there is not used.
            if cache.refusal(folder) is None:
                with open(f"{folder}/{_TABLE}", "rb") as table:  # noqa: PTH123
                    for row in marshal.loads(table.read()):  # noqa: S302  (written by this user, or root)
                        found[_key(row)] = folder
        except (OSError, ValueError, EOFError, TypeError):
            continue  # an interpreter, which has none, or an entry that is just being removed
    return found


def _link(row: Row, other: str | None, folder: str) -> bool:
    """Give all files of a row another name; False, and nothing is there, where that does not work."""
    if other is None:
        return False
    done = []
    try:
        for name, _, _ in row[1]:
            os.link(f"{other}/{name}", f"{folder}/{name}")
            done.append(name)
    except OSError:
        # The entry is being removed, a file has too many names, or the filesystem knows no links.
        for name in done:
            os.unlink(f"{folder}/{name}")  # noqa: PTH108
        return False
    return True


def _layout(file: BundleFile, part: dict[str, Any]) -> tuple[bytes, list[tuple[int, int]]]:
    """Return the table, verified but not read, and (offset, length) of the stream of each of its rows."""
    at, end = part["offset"], part["offset"] + part["length"]
    places = []
    while at < end:
        length = int.from_bytes(file.read(at, LENGTH), "big")
        places.append((at + LENGTH, length))
        at += LENGTH + length
    if at != end or not places:
        raise ValueError("its dependencies do not end where they should")
    table = zlib.decompress(file.read(*places[0]))
    if hashlib.sha256(table).hexdigest() != part["digest"]:
        raise ValueError("the list of its dependencies has another digest")
    return table, places[1:]


class _Writers:
    """Some threads that write files, until all is done or one of them fails."""

    def __init__(self, file: BundleFile, folder: str, work: list[tuple[Row, tuple[int, int]]]) -> None:
        self._file = file
        self._folder = folder
        # The largest first, so that none of them is what the others wait for.
        self._work = sorted(work, key=lambda item: item[1][1])
        self._failure: BaseException | None = None

    def run(self) -> None:
        """Do all the work; raises what the first thread that failed did."""
        count = min(_MOST_THREADS, os.cpu_count() or 1, len(self._work))
        others = [threading.Thread(target=self._write_groups) for _ in range(count - 1)]
        try:
            for thread in others:
                thread.start()
            self._write_groups()
        finally:
            for thread in others:
                if thread.ident is not None:
                    thread.join()
        if self._failure is not None:
            raise self._failure

    def _write_groups(self) -> None:
        try:
            while self._failure is None:
                try:
                    row, place = self._work.pop()
                except IndexError:
                    return
                self._write_group(row, *place)
        except BaseException as error:  # noqa: BLE001  (the thread that called `run` raises it)
            self._failure = error

    def _write_group(self, row: Row, offset: int, length: int) -> None:
        digest, files = row
        reader = _Reader(self._inflated(offset, length))
        for name, size, is_program in files:
            path = f"{self._folder}/{name}"
            fd = os.open(
                path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o755 if is_program else 0o644
            )
            try:
                for piece in reader.take(size):
                    while piece:
                        piece = piece[os.write(fd, piece) :]  # noqa: PLW2901  (what is left of it)
            finally:
                os.close(fd)
        if reader.finish() != digest:
            raise ValueError("its dependencies have another digest")

    def _inflated(self, offset: int, length: int) -> Iterator[bytes]:
        inflater = zlib.decompressobj()
        end = offset + length
        while offset < end:
            step = min(_STEP, end - offset)
            pending = self._file.read(offset, step)
            offset += step
            while pending:
                yield inflater.decompress(pending, 4 * _STEP)
                pending = inflater.unconsumed_tail
        yield inflater.flush()
        if not inflater.eof:
            raise ValueError("its dependencies end early")


class _Reader:
    """Cuts a stream of pieces into files, and hashes it."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = memoryview(b"")
        self._hash = hashlib.sha256()

    def take(self, size: int) -> Iterator[memoryview]:
        """Give the next `size` bytes, in pieces; raises ValueError when there are not as many."""
        while size:
            if not self._rest and not self._next():
                raise ValueError("its dependencies end early")
            piece = self._rest[:size]
            self._rest = self._rest[len(piece) :]
            size -= len(piece)
            yield piece

    def finish(self) -> str:
        """Return the digest (hex) of the whole stream."""
        while self._next():
            pass
        return self._hash.hexdigest()

    def _next(self) -> bool:
        for piece in self._pieces:
            self._hash.update(piece)
            self._rest = memoryview(piece)
            return True
        return False
