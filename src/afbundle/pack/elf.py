"""What an ELF file says about the libraries it needs: as much as relocating an interpreter asks for."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

# System V ABI, chapters 4 and 5, and the GNU symbol versions of the Linux Standard Base.
_MAGIC = b"\x7fELF"
_LOAD, _DYNAMIC, _INTERPRETER = 1, 2, 3
_NEEDED, _STRING_TABLE, _RPATH, _RUNPATH = 1, 5, 15, 29
_VERSIONS_NEEDED, _VERSIONS_NEEDED_COUNT = 0x6FFFFFFE, 0x6FFFFFFF
_GLIBC = re.compile(r"GLIBC_(\d+)\.(\d+)")


class NotElf(Exception):
    """The file is no ELF file, or one that makes no sense."""


@dataclass(frozen=True)
class Elf:
    """One ELF file.

    Attributes:
        machine: ``e_machine`` of its header: 62 is x86-64, 183 is aarch64.
        loader: the dynamic loader that the file names, empty for a library.
        needed: names of libraries that it is linked to.
        search: its RPATH or RUNPATH, empty where it has none.
        inherited: whether that also serves the libraries which this file loads: an RPATH does, a RUNPATH does not.
        glibc: newest version of glibc that it needs a symbol of, or None.
    """

    machine: int
    loader: str
    needed: tuple[str, ...]
    search: str
    inherited: bool
    glibc: tuple[int, int] | None


def is_elf(path: Path) -> bool:
    """Return whether the file begins as ELF files do."""
    with path.open("rb") as file:
        return file.read(4) == _MAGIC


def read_elf(path: Path) -> Elf:
    """Read the file's dynamic section.

    Raises:
        NotElf: it is no ELF file, or a damaged one.
    """
    data = path.read_bytes()
    if data[:4] != _MAGIC:
        raise NotElf(f"{path} is not an ELF file")
    try:
        return _Reader(data).read()
    except (struct.error, IndexError, ValueError, KeyError) as error:
        raise NotElf(f"{path} is a damaged ELF file ({error})") from None


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._wide = data[4] == 2
        self._order = "<" if data[5] == 1 else ">"
        self._loads: list[tuple[int, int, int]] = []

    def read(self) -> Elf:
        machine = self._unpack("H", 18)[0]
        programs, size, count = (
            (self._unpack("Q", 32)[0], *self._unpack("HH", 54))
            if self._wide
            else (self._unpack("I", 28)[0], *self._unpack("HH", 42))
        )
        loader, dynamic = "", (0, 0)
        for number in range(count):
            at = programs + number * size
            if self._wide:
                kind, _, offset, address, _, length = self._unpack("IIQQQQ", at)
            else:
                kind, offset, address, _, length = self._unpack("IIIII", at)
            if kind == _LOAD:
                self._loads.append((address, offset, length))
            elif kind == _DYNAMIC:
                dynamic = (offset, length)
            elif kind == _INTERPRETER:
                loader = self._text(offset)
        return self._dynamic(machine, loader, *dynamic)

    def _dynamic(self, machine: int, loader: str, offset: int, length: int) -> Elf:
        width = "qQ" if self._wide else "iI"
        step = struct.calcsize(self._order + width)
        found: dict[int, list[int]] = {}
        for at in range(offset, offset + length, step):
            tag, value = self._unpack(width, at)
            if tag == 0:
                break
            found.setdefault(tag, []).append(value)
        if _STRING_TABLE not in found:
            return Elf(machine, loader, (), "", False, None)
        strings = self._offset(found[_STRING_TABLE][0])
        search = [self._text(strings + value) for tag in (_RUNPATH, _RPATH) for value in found.get(tag, ())]
        needed = tuple(self._text(strings + value) for value in found.get(_NEEDED, ()))
        inherited = bool(search) and _RUNPATH not in found
        return Elf(
            machine, loader, needed, search[0] if search else "", inherited, self._glibc(found, strings)
        )

    def _glibc(self, found: dict[int, list[int]], strings: int) -> tuple[int, int] | None:
        if _VERSIONS_NEEDED not in found:
            return None
        newest = None
        at = self._offset(found[_VERSIONS_NEEDED][0])
        for _ in range(found[_VERSIONS_NEEDED_COUNT][0]):
            _, count, _, first, following = self._unpack("HHIII", at)
            entry = at + first
            for _ in range(count):
                _, _, _, name, step = self._unpack("IHHII", entry)
                version = _GLIBC.match(self._text(strings + name))
                if version:
                    number = (int(version[1]), int(version[2]))
                    newest = number if newest is None else max(newest, number)
                entry += step
            at += following
        return newest

    def _offset(self, address: int) -> int:
        for start, offset, length in self._loads:
            if start <= address < start + length:
                return address - start + offset
        raise ValueError("an address outside of its segments")

    def _unpack(self, form: str, at: int) -> tuple[int, ...]:
        return struct.unpack_from(self._order + form, self._data, at)

    def _text(self, at: int) -> str:
        return self._data[at : self._data.index(b"\0", at)].decode("utf-8", "surrogateescape")
