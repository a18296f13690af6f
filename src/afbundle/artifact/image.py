"""The executable region of a packed Python bundle: launcher, index, blobs.

The index is a dict of plain values:

========================== =====================================================================================
``format``                 1
``python``                 (major, minor) of the interpreter that the code was compiled for
``bundle``, ``version``    name and version of the bundle, as its author gave them
``entry``                  ``{"module": name, "kind": "module"}``: the module that runs as ``__main__``
``modules``                name -> (offset, length, is package, source offset, source length); source length is 0
                           where the bundle carries no source of the module
``front``, ``hot``         names of modules that are imported at once, each list from one read, in the order of their
                           dependencies: before the sockets are connected, and right after
``payload``                list of parts to unpack, ``{"kind": "site" | "app", "native", "digest", "offset", "length", "files",
                           "bytes"}``: site is importable dependencies, app the author's folder with its data files
``interpreter``            None, or the library of the interpreter that the bundle carries, ``{"version", "digest", "offset",
                           "length", "checksum", "files", "bytes"}``; see `afbundle.artifact.embedded`
``dags``                   dag_id -> module that registers it
``supervisor_schema_version``  what the manifest says, None in the probe that `pack` runs to learn the Dags
``boot``                   marshalled code of `afbundle.artifact._boot`; taken out before the boot code runs
========================== =====================================================================================

Every offset counts from the first byte after the index, so that none depends on the index's own length.
"""

from __future__ import annotations

import marshal
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from afbundle.artifact import launcher

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

FORMAT = 1

# Version 2 of marshal has no back references. Those depend on who else holds a string, so newer versions give other
# bytes for the same values.
_INDEX_MARSHAL = 2


@dataclass(frozen=True)
class Module:
    """One importable module.

    Attributes:
        name: dotted name.
        code: its marshalled code.
        is_package: whether it is a package's ``__init__``.
        source: its text, to be carried among the blobs; or (offset, length) of it in the bundle's source region; or None
            for a module whose text the bundle does not carry.
    """

    name: str
    code: bytes
    is_package: bool = False
    source: bytes | tuple[int, int] | None = None


@dataclass(frozen=True)
class Part:
    """One compressed archive of the payload; see `afbundle.artifact.unpack` for its format.

    Attributes:
        kind: ``site`` or ``app``; ``python`` or ``stdlib`` for those of an interpreter.
        path: the file that holds the archive while packing.
        length: its bytes.
        digest: SHA-256 (hex) that stands for the content, however it is compressed; the cache's key.
        files: number of files in it.
        size: bytes of those files.
        native: whether shared libraries are among them, which some filesystems refuse to load.
    """

    kind: str
    path: Path
    length: int
    digest: str
    files: int
    size: int
    native: bool = False


@dataclass(frozen=True)
class Embedded:
    """An interpreter that travels in a bundle; see `afbundle.artifact.embedded`.

    Attributes:
        version: its full version, as ``3.11.7``.
        program: its path inside the core, as ``python/bin/python3.11``.
        core, library: its two parts, each a tar under gzip.
        core_checksum, library_checksum: SHA-256 (hex) of the compressed bytes.
        glibc: the oldest glibc that it runs with, as ``2.35``, or empty when it needs none.
    """

    version: str
    program: str
    core: Part
    library: Part
    core_checksum: str
    library_checksum: str
    glibc: str = ""


@dataclass(frozen=True)
class Image:
    """An executable region, ready to be written.

    Attributes:
        head: launcher, index and blobs.
        index: the index, without ``boot``.
        stage0: the program that the launcher gives to ``python -c``.
        parts: the payload; written after `head`, in this order.
    """

    head: bytes
    index: dict[str, Any]
    stage0: str
    parts: Sequence[Part] = ()

    @property
    def length(self) -> int:
        """Bytes of head and payload; in the executable region only the bill of materials follows."""
        return len(self.head) + sum(part.length for part in self.parts)


@dataclass(frozen=True)
class Target:
    """The interpreter that a bundle is packed for.

    Attributes:
        executable: absolute path; tried first at every start.
        version: (major, minor).
        magic: its `importlib.util.MAGIC_NUMBER`.
    """

    executable: str
    version: tuple[int, int]
    magic: bytes

    @property
    def text(self) -> str:
        """The version as ``3.11``."""
        return "{}.{}".format(*self.version)


@dataclass
class ImageBuilder:
    """Collects what goes into an executable region.

    Attributes:
        target: the interpreter.
        entry: name of the module that runs as ``__main__``.
        boot: marshalled code of `afbundle.artifact._boot`.
        modules: in the order of their blobs; put first what every start needs.
        parts: the payload.
        after: bytes that are written behind the parts, before the source region (the bill of materials).
        embedded: the interpreter that travels along, or None for one of the host.
        front: the modules that every start imports before it connects.
        hot: those that every task needs after that.
    """

    target: Target
    entry: str
    boot: bytes
    modules: list[Module] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    after: int = 0
    embedded: Embedded | None = None
    front: Sequence[str] = ()
    hot: Sequence[str] = ()

    def build(
        self,
        *,
        bundle: str = "",
        version: str = "",
        dags: Mapping[str, str] | None = None,
        supervisor_schema_version: str | None = None,
    ) -> Image:
        """Return the region.

        Arguments:
            bundle: name of the bundle.
            version: its version.
            dags: dag_id -> module that registers it.
            supervisor_schema_version: what the manifest says.

        Raises:
            ArtifactError: the launcher does not fit its page.
        """
        blobs = bytearray()
        code_at = {}
        for module in self.modules:
            code_at[module.name] = len(blobs)
            blobs += module.code
        text_at = {}
        for module in self.modules:
            if isinstance(module.source, bytes):
                text_at[module.name] = (len(blobs), len(module.source))
                blobs += module.source
        payload = []
        end = len(blobs)
        library = None
        if self.embedded is not None:
            library = {
                "version": self.embedded.version,
                **_entry(self.embedded.library, end + self.embedded.core.length),
                "checksum": self.embedded.library_checksum,
            }
            end += self.embedded.core.length + self.embedded.library.length
        for part in self.parts:
            payload.append({"kind": part.kind, "native": part.native, **_entry(part, end)})
            end += part.length
        end += self.after
        # `end` is where the source region begins.
        modules = {}
        for module in sorted(self.modules, key=lambda module: module.name):
            text = text_at.get(module.name, (0, 0))
            if isinstance(module.source, tuple):
                text = (end + module.source[0], module.source[1])
            modules[module.name] = (code_at[module.name], len(module.code), module.is_package, *text)
        index: dict[str, Any] = {
            "format": FORMAT,
            "python": self.target.version,
            "bundle": bundle,
            "version": version,
            "entry": {"module": self.entry, "kind": "module"},
            "modules": modules,
            "front": list(self.front),
            "hot": list(self.hot),
            "interpreter": library,
            "payload": payload,
            "dags": dict(sorted((dags or {}).items())),
            "supervisor_schema_version": supervisor_schema_version,
        }
        packed = marshal.dumps({**index, "boot": self.boot}, _INDEX_MARSHAL)
        if self.embedded is None:
            stage0 = launcher.stage0(self.target.magic, len(packed))
            header = launcher.header(self.target.executable, self.target.text, stage0)
            return Image(header + packed + blobs, index, stage0, tuple(self.parts))
        stage0 = launcher.stage0(self.target.magic, len(packed), launcher.EMBEDDED_HEADER_SIZE)
        core_at = launcher.EMBEDDED_HEADER_SIZE + len(packed) + len(blobs)
        header = launcher.embedded_header(self.embedded, core_at, stage0)
        parts = (self.embedded.core, self.embedded.library, *self.parts)
        return Image(header + packed + blobs, index, stage0, parts)


def _entry(part: Part, offset: int) -> dict[str, Any]:
    return {
        "digest": part.digest,
        "offset": offset,
        "length": part.length,
        "files": part.files,
        "bytes": part.size,
    }
