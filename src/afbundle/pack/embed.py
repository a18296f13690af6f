"""Makes the two parts of a bundle that an interpreter travels in, and proves that they work."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
import zlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from afbundle.artifact.embedded import unpack_part
from afbundle.artifact.image import Embedded, Part
from afbundle.pack import proof, relocate
from afbundle.pack.errors import PackError

if TYPE_CHECKING:
    from collections.abc import Callable

    from afbundle.artifact.image import Target
    from afbundle.pack.platforms import Platform

    Progress = Callable[[str], None]

_LEVEL = 6
# A gzip header of zlib carries no time and no name.
_GZIP = 31
_STEP = 1 << 20


def embed(
    target: Target, platform: Platform | None, work: Path, progress: Progress
) -> tuple[Embedded, Target, tuple[str, ...]]:
    """Copy an interpreter for travelling in a bundle.

    Arguments:
        target: the interpreter.
        platform: the machine that the bundle is for, or None for one like this.
        work: a folder for files that are needed until the bundle is written; its ``cache`` is a cache folder, and the copy
            is left unpacked there.
        progress: called with a line before each step that takes time.

    Returns:
        The interpreter to embed; the same interpreter as `target`, to be run from that folder; and what the author should know.

    Raises:
        PackError: it cannot be copied, is not relocatable, or does not fit the platform.
    """
    machine = os.uname().machine
    if platform is not None and (platform.libc, platform.machine) != ("many", machine):
        raise PackError(
            f"the interpreter that travels along is one of this machine ({machine}), and the bundle is for {platform.tag}: "
            "pack it on such a machine, or with --interpreter host"
        )
    original = relocate.ask(target.executable)
    progress(f"copying CPython {original.version}")
    folder = work / "interpreter"
    folder.mkdir()
    copied = relocate.copy(original, target, folder)
    if platform is not None and copied.glibc and platform.version < copied.glibc:
        raise PackError(
            "{} needs glibc {}.{}, and {} promises {}.{} only: embed an interpreter that was built for older systems".format(
                original.program, *copied.glibc, platform.tag, *platform.version
            )
        )
    progress("compressing it")
    library, library_checksum = build_part("stdlib", copied.library, work / "library.part")
    # From <core>/python/lib to the folder of the library beside the core.
    link = Path(*[".."] * copied.link.count("/"), "..", library.digest, "stdlib")
    os.symlink(link, copied.core / copied.link)  # noqa: PTH211  (its target comes to be elsewhere)
    core, core_checksum = build_part("python", copied.core, work / "core.part")
    embedded = Embedded(
        original.version,
        copied.program,
        core,
        library,
        core_checksum,
        library_checksum,
        "{}.{}".format(*copied.glibc) if copied.glibc else "",
    )
    cache = work / "cache"
    progress("checking that it runs from anywhere")
    program = cache / core.digest / copied.program
    _unpack(core, core_checksum, cache)
    early = _extensions(copied.core, original.suffix)
    proof.prove_core(original, program, early)
    _unpack(library, library_checksum, cache)
    proof.prove(original, program, cache, [*early, *_extensions(copied.library, original.suffix)])
    warnings = tuple(f"the embedded interpreter comes without {module}" for module in copied.dropped)
    return embedded, replace(target, executable=str(program)), warnings


def _unpack(part: Part, checksum: str, cache: Path) -> None:
    entry = {"length": part.length, "checksum": checksum}
    status, said = unpack_part(str(part.path), str(cache), part.digest, 0, entry)
    if status != 0:
        raise PackError("cannot unpack the copied interpreter", said)


def _extensions(folder: Path, suffix: str) -> list[str]:
    return sorted(path.name.removesuffix(suffix) for path in folder.rglob(f"*{suffix}"))


def facts(embedded: Embedded) -> dict[str, Any]:
    """Return what a bundle's manifest says about its interpreter."""
    return {
        "version": embedded.version,
        "glibc": embedded.glibc,
        "size": embedded.core.length + embedded.library.length,
        "digests": [embedded.core.digest, embedded.library.digest],
    }


def build_part(kind: str, folder: Path, target: Path) -> tuple[Part, str]:
    """Write a folder's files as a tar under gzip, always the same; return the part and the SHA-256 of the file."""
    tar_digest, file_digest = hashlib.sha256(), hashlib.sha256()
    deflater = zlib.compressobj(_LEVEL, wbits=_GZIP)
    files = sorted(path for path in folder.rglob("*") if path.is_symlink() or path.is_file())
    archive = io.BytesIO()
    size = 0
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for path in files:
            entry = tarfile.TarInfo(path.relative_to(folder).as_posix())
            status = path.lstat()
            if path.is_symlink():
                entry.type = tarfile.SYMTYPE
                entry.linkname = str(path.readlink())
                entry.mode = 0o777
                tar.addfile(entry)
                continue
            entry.size = status.st_size
            entry.mode = 0o755 if status.st_mode & 0o100 else 0o644
            size += status.st_size
            with path.open("rb") as content:
                tar.addfile(entry, content)
    data = archive.getbuffer()
    tar_digest.update(data)
    with target.open("wb") as out:
        for piece in (
            *(deflater.compress(data[at : at + _STEP]) for at in range(0, len(data), _STEP)),
            deflater.flush(),
        ):
            out.write(piece)
            file_digest.update(piece)
    part = Part(kind, target, target.stat().st_size, tar_digest.hexdigest(), len(files), size)
    return part, file_digest.hexdigest()
