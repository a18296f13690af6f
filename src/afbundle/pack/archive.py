"""Archives of the payload; `afbundle.artifact.unpack` reads them, and says how they are laid out."""

from __future__ import annotations

import hashlib
import marshal
import os
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from afbundle.artifact import site
from afbundle.artifact.image import Part
from afbundle.artifact.unpack import LENGTH

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LEVEL = 6
_STEP = 1 << 20

# A group is what one thread compresses or unpacks at a time: large enough to compress well, small enough that two threads
# have about the same to do.
_GROUP = 4 << 20

# As the index of a bundle: marshal version 2 gives the same bytes for the same values.
_MARSHAL = 2

_PYC_HEADER = 16


def build_part(kind: str, folder: Path, target: Path) -> Part:
    """Archive all files of a folder, the same for the same content whoever packs it and when.

    Compiled code of sources that are there (``__pycache__``) becomes one file, see `afbundle.artifact.site`.

    Arguments:
        kind: ``site`` or ``app``; the first part of every name in the archive.
        folder: what to archive. Symbolic links are replaced by what they point to.
        target: the file to write.
    """
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    compiled = {source: path for path in found if (source := _source_of(path)) is not None}
    left_out = set(compiled.values())
    names = {path: f"{kind}/{path.relative_to(folder).as_posix()}" for path in found if path not in left_out}
    for name, path in _join_codes(folder, compiled, target.with_name(f"{target.name}.code")).items():
        names[path] = f"{kind}.code/{name}"
    sizes = {path: path.stat().st_size for path in names}
    groups = list(_groups(names, sizes))
    # Compressing releases the interpreter's lock.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        packed = list(pool.map(_compressed, groups))
    table = marshal.dumps(
        [
            (digest, [(names[path], sizes[path], _is_program(path)) for path in group])
            for (_, digest), group in zip(packed, groups, strict=True)
        ],
        _MARSHAL,
    )
    with target.open("wb") as out:
        for data in (zlib.compress(table, _LEVEL), *(data for data, _ in packed)):
            out.write(len(data).to_bytes(LENGTH, "big"))
            out.write(data)
    return Part(
        kind,
        target,
        target.stat().st_size,
        hashlib.sha256(table).hexdigest(),
        len(names),
        sum(sizes.values()),
        native=any(".so" in path.suffixes for path in names),
    )


def _source_of(path: Path) -> Path | None:
    """Return the source file that a ``.pyc`` file was compiled from, if it is one and the source is there."""
    if path.suffix != ".pyc" or path.parent.name != "__pycache__":
        return None
    source = path.parent.parent / f"{path.name.split('.')[0]}.py"
    return source if source.is_file() else None


def _join_codes(folder: Path, compiled: dict[Path, Path], target: Path) -> dict[str, Path]:
    """Write the code of all modules into one file for each package at the top; return their names and files."""
    packages: dict[str, dict[str, bytes]] = {}
    for source, path in sorted(compiled.items()):
        name = source.relative_to(folder).as_posix()
        packages.setdefault(name.split("/")[0], {})[name] = path.read_bytes()[_PYC_HEADER:]
    files = {}
    for package, codes in packages.items():
        at = 0
        table = {}
        for name, code in codes.items():
            table[name] = (at, len(code))
            at += len(code)
        packed = marshal.dumps(table, _MARSHAL)
        target.mkdir(exist_ok=True)
        files[package] = target / package
        files[package].write_bytes(
            b"".join((len(packed).to_bytes(site.LENGTH, "big"), packed, *codes.values()))
        )
    return files


def _groups(names: dict[Path, str], sizes: dict[Path, int]) -> Iterator[list[Path]]:
    """Divide the files, in order, into groups.

    What lies in different folders at the top is in different groups, so that bundles which have a package in common have its
    groups in common. Within that, groups are of about the same size, and a large file is one of its own.
    """
    group: list[Path] = []
    size = 0
    top: list[str] = []
    for path, name in names.items():
        if group and (size + sizes[path] > _GROUP or name.split("/")[:2] != top):
            yield group
            group, size = [], 0
        top = name.split("/")[:2]
        group.append(path)
        size += sizes[path]
    if group:
        yield group


def _is_program(path: Path) -> bool:
    return bool(path.stat().st_mode & 0o100)


def _compressed(group: list[Path]) -> tuple[bytes, str]:
    """Return the content of files, compressed as one stream, and the SHA-256 (hex) of what it was before."""
    deflater = zlib.compressobj(_LEVEL)
    digest = hashlib.sha256()
    data = bytearray()
    for path in group:
        with path.open("rb") as file:
            while piece := file.read(_STEP):
                digest.update(piece)
                data += deflater.compress(piece)
    data += deflater.flush()
    return bytes(data), digest.hexdigest()
