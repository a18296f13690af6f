"""Archives of the payload; `afbundle.artifact.unpack` reads them."""

from __future__ import annotations

import hashlib
import os
import tarfile
import zlib
from typing import TYPE_CHECKING

from afbundle.artifact.image import Part

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

_LEVEL = 6


class _Compressor:
    """Takes the tar as it is written; hashes it, and writes it compressed."""

    def __init__(self, target: BinaryIO) -> None:
        self._target = target
        self._deflater = zlib.compressobj(_LEVEL)
        self.hash = hashlib.sha256()

    def write(self, data: bytes) -> int:
        """Take the next bytes of the tar."""
        self.hash.update(data)
        self._target.write(self._deflater.compress(data))
        return len(data)

    def finish(self) -> None:
        """Write what is held back."""
        self._target.write(self._deflater.flush())


def build_part(kind: str, folder: Path, target: Path) -> Part:
    """Archive all files of a folder, the same for the same content whoever packs it and when.

    Arguments:
        kind: ``site`` or ``app``; the first part of every name in the archive.
        folder: what to archive. Symbolic links are replaced by what they point to.
        target: the file to write.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    size = 0
    with target.open("wb") as out:
        compressor = _Compressor(out)
        with tarfile.open(fileobj=compressor, mode="w|", format=tarfile.GNU_FORMAT) as tar:  # type: ignore[call-overload]  # it needs `write` alone
            for path in files:
                entry = tarfile.TarInfo(f"{kind}/{path.relative_to(folder).as_posix()}")
                status = path.stat()
                entry.size = status.st_size
                entry.mode = 0o755 if status.st_mode & 0o100 else 0o644
                size += status.st_size
                with path.open("rb") as content:
                    tar.addfile(entry, content)
        compressor.finish()
    return Part(kind, target, os.stat(target).st_size, compressor.hash.hexdigest(), len(files), size)  # noqa: PTH116
