"""Imports dependencies from their folder in the cache, their compiled code from one file beside it.

Half of the files of an installed package would be ``.pyc`` files, and creating files is what a first start on a host waits for.
So the code of all modules of a package lies in one file, ``site.code/PACKAGE``::

    8 bytes   length of the table, big-endian
    table     marshal of {path of the source file below ``site``: (offset, length)}
    code      marshalled, each by offset from the end of the table

All else is as everywhere: the sources are files, so is what lies next to them, and the loader is the interpreter's own, but for
where it finds the compiled code.
"""

from __future__ import annotations

import _imp
import marshal
import posix
import sys
from _frozen_importlib_external import (
    BYTECODE_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    SourceFileLoader,
    SourcelessFileLoader,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any

LENGTH = 8
"""Bytes of the table's length."""


def use(folder: str) -> None:
    """Make what lies in ``<folder>/site`` importable, after everything else.

    Arguments:
        folder: an entry of the cache.
    """
    site = f"{folder}/site"
    codes = _Codes(f"{site}.code", len(site) + 1)

    class Loader(SourceFileLoader):
        """Loads a module whose compiled code lies in the one file."""

        def get_code(self, fullname: str) -> CodeType | None:
            """Return the module's code, its path made the one of this host."""
            code = codes.of(self.path)
            return super().get_code(fullname) if code is None else code

    details: tuple[Any, ...] = (
        (ExtensionFileLoader, _imp.extension_suffixes()),
        (Loader, SOURCE_SUFFIXES),
        (SourcelessFileLoader, BYTECODE_SUFFIXES),
    )

    def hook(path: str) -> FileFinder:
        if path != site and not path.startswith(f"{site}/"):
            raise ImportError(f"{path!r} is not among the bundle's dependencies")
        return FileFinder(path, *details)

    sys.path_hooks.insert(0, hook)
    sys.path.append(site)


class _Codes:
    """The files of compiled code, each looked into with the first import that needs it."""

    def __init__(self, folder: str, prefix: int) -> None:
        self._folder = folder
        self._prefix = prefix
        # package -> (where the code begins, table)
        self._tables: dict[str, tuple[int, dict[str, tuple[int, int]]]] = {}

    def of(self, source: str) -> CodeType | None:
        """Return the code of the module with that source file, or None where it was not compiled."""
        name = source[self._prefix :]
        package = name.partition("/")[0]
        known = self._tables.get(package)
        if known is not None and name not in known[1]:
            return None
        try:
            # Opened each time: a descriptor that stays could be closed by the task, and be another file's by now.
            fd = posix.open(f"{self._folder}/{package}", posix.O_RDONLY | posix.O_CLOEXEC)
        except FileNotFoundError:
            return (
                None  # nothing of it could be compiled, or the cache was cleared: there may still be a source
            )
        try:
            if known is None:
                length = int.from_bytes(posix.pread(fd, LENGTH, 0), "big")
                table = marshal.loads(posix.pread(fd, length, LENGTH))  # noqa: S302  (verified when unpacked)
                known = self._tables[package] = LENGTH + length, table
            base, table = known
            if name not in table:
                return None
            offset, length = table[name]
            code: CodeType = marshal.loads(posix.pread(fd, length, base + offset))  # noqa: S302  (likewise)
        finally:
            posix.close(fd)
        _imp._fix_co_filename(code, source)  # type: ignore[attr-defined]  # as the base class does
        return code
