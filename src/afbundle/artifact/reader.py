"""Reads bundle files of any language, and tells whether they are what they were when packed. Executes nothing."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from afbundle.artifact import manifest as manifests
from afbundle.artifact import trailer as trailers
from afbundle.artifact.errors import ArtifactError, CorruptBundle, ManifestError, NotABundle
from afbundle.artifact.trailer import Trailer

if TYPE_CHECKING:
    from types import TracebackType
    from typing import BinaryIO

_STEP = 1 << 20
_SHA256_HEX_DIGITS = 64


@dataclass(frozen=True)
class Region:
    """A byte range of the file.

    Attributes:
        offset: of its first byte, from the start of the file.
        length: bytes.
    """

    offset: int
    length: int


@dataclass(frozen=True)
class Source:
    """One embedded source file.

    Attributes:
        path: as the manifest names it.
        region: where it lies in the file.
        sha256: hex digest that the manifest gives, or None where it gives none.
    """

    path: str
    region: Region
    sha256: str | None


@dataclass(frozen=True)
class Verification:
    """What was checked and found right.

    Attributes:
        covered: names of the regions of which every byte is covered by a digest or has one possible value.
        uncovered: region -> why it is not.
    """

    covered: tuple[str, ...]
    uncovered: dict[str, str]


class BundleFile:
    """An open bundle; use as a context manager.

    Attributes:
        path: the file.
        size: its bytes.
        trailer: its last 64 bytes, parsed.
        executable, source, manifest_region: its regions.
        manifest: the parsed manifest.
    """

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.path = path
        self._file = file
        self.size = os.fstat(file.fileno()).st_size
        tail = self._read(Region(max(0, self.size - trailers.SIZE), min(self.size, trailers.SIZE)))
        self.trailer = Trailer.parse(tail)
        manifest_at = self.size - trailers.SIZE - self.trailer.manifest_length
        source_at = manifest_at - self.trailer.source_length
        if source_at <= 0:
            raise CorruptBundle(
                "trailer", "the regions are longer than the file, or leave no room for the executable"
            )
        self.executable = Region(0, source_at)
        self.source = Region(source_at, self.trailer.source_length)
        self.manifest_region = Region(manifest_at, self.trailer.manifest_length)
        try:
            self.manifest: dict[str, Any] = manifests.parse(self.read(self.manifest_region))
        except ManifestError as error:
            raise CorruptBundle("manifest", str(error)) from None

    @classmethod
    def open(cls, path: str | Path) -> BundleFile:
        """Open a bundle and read its trailer and manifest; no digest is compared yet.

        Raises:
            NotABundle: the file has no bundle trailer.
            UnsupportedVersion: the trailer is of another version.
            CorruptBundle: trailer or manifest make no sense.
            ArtifactError: the file cannot be read.
        """
        path = Path(path)
        try:
            file = path.open("rb")
        except OSError as error:
            raise ArtifactError(f"cannot read {path}: {error.strerror}") from None
        try:
            return cls(path, file)
        except OSError as error:
            file.close()
            raise ArtifactError(f"cannot read {path}: {error.strerror}") from None
        except BaseException:
            file.close()
            raise

    def __enter__(self) -> BundleFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()

    def read(self, region: Region) -> bytes:
        """Return the bytes of a region.

        Raises:
            CorruptBundle: the file became shorter since it was opened.
        """
        data = self._read(region)
        if len(data) != region.length:
            raise CorruptBundle("trailer", "the file became shorter while it was read")
        return data

    def _read(self, region: Region) -> bytes:
        self._file.seek(region.offset)
        return self._file.read(region.length)

    def digest(self, region: Region) -> bytes:
        """Return the SHA-256 of a region, 32 bytes; reads it in pieces."""
        digest = hashlib.sha256()
        at, end = region.offset, region.offset + region.length
        while at < end:
            piece = self.read(Region(at, min(_STEP, end - at)))
            digest.update(piece)
            at += len(piece)
        return digest.digest()

    def whole_digest(self) -> bytes:
        """Return the SHA-256 of the whole file, 32 bytes: what a signature covers."""
        return self.digest(Region(0, self.size))

    @property
    def dags(self) -> dict[str, list[str]]:
        """dag_id -> task ids, as far as the manifest names them properly."""
        found = {}
        dags = self.manifest.get("dags")
        for dag_id, dag in (dags if isinstance(dags, dict) else {}).items():
            tasks = dag.get("tasks") if isinstance(dag, dict) else None
            found[str(dag_id)] = [str(task) for task in tasks] if isinstance(tasks, list) else []
        return found

    @property
    def schema_version(self) -> str | None:
        """The supervisor schema version that the bundle declares."""
        sdk = self.manifest.get("sdk")
        version = sdk.get("supervisor_schema_version") if isinstance(sdk, dict) else None
        return None if version is None else str(version)

    def sources(self) -> list[Source]:
        """Return the embedded source files: those of ``sources``, else the whole region under the name ``source``.

        Raises:
            CorruptBundle: ``sources`` does not fit executable bundle spec 1.0 or the source region.
        """
        entries = self.manifest.get("sources")
        if entries is None:
            if not self.source.length:
                return []
            return [Source(str(self.manifest.get("source") or "source"), self.source, None)]
        if not isinstance(entries, list):
            raise CorruptBundle("manifest", "sources is not a list")
        found = [self._source(entry) for entry in entries]
        if len({source.path for source in found}) != len(found):
            raise CorruptBundle("manifest", "sources names a path twice")
        return found

    def _source(self, entry: Any) -> Source:
        if not isinstance(entry, dict) or not isinstance(entry.get("path"), str) or not entry["path"]:
            raise CorruptBundle("manifest", "an entry of sources has no path")
        path, digest = entry["path"], entry.get("sha256")
        offset, length = (_count(entry, key, f"source {path!r}") for key in ("offset", "length"))
        if offset + length > self.source.length:
            raise CorruptBundle("manifest", f"source {path!r} reaches beyond the source region")
        if not isinstance(digest, str) or len(digest) != _SHA256_HEX_DIGITS:
            raise CorruptBundle(
                "manifest", f"sha256 of source {path!r} is not {_SHA256_HEX_DIGITS} hex digits"
            )
        return Source(path, Region(self.source.offset + offset, length), digest)

    def sbom(self) -> bytes | None:
        """Return the bill of materials, CycloneDX in JSON, or None where the bundle has none.

        Raises:
            CorruptBundle: it is not where the manifest says, or is another one than was packed.
        """
        ours = self.manifest.get(manifests.MARK)
        entry = ours.get("sbom") if isinstance(ours, dict) else None
        if entry is None:
            return None
        if not isinstance(entry, dict):
            raise CorruptBundle("manifest", "sbom is not a mapping")
        region = Region(*(_count(entry, key, "the bill of materials") for key in ("offset", "length")))
        if region.offset + region.length > self.executable.length:
            raise CorruptBundle("manifest", "the bill of materials reaches beyond the executable region")
        bill = self.read(region)
        if hashlib.sha256(bill).hexdigest() != entry.get("sha256"):
            raise CorruptBundle(
                "executable", "the SHA-256 of the bill of materials is not the one in the manifest"
            )
        return bill

    def verify(self) -> Verification:
        """Compare every digest that the file carries.

        Raises:
            CorruptBundle: names the first region that is not what it was when packed.
        """
        executable = self.digest(self.executable)
        if executable != self.trailer.executable_sha256:
            raise CorruptBundle("executable", "its SHA-256 is not the one in the trailer")
        self.sbom()
        sources = self.sources()
        for source in sources:
            if source.sha256 is not None and self.digest(source.region).hex() != source.sha256:
                raise CorruptBundle(
                    "source", f"the SHA-256 of {source.path!r} is not the one in the manifest"
                )
        if manifests.has_our_digests(self.manifest):
            self._verify_ours(executable)
            return Verification(("executable", "source", "manifest", "trailer"), {})
        covered = ["executable", "trailer"]
        uncovered = {"manifest": "this bundle's packer recorded no digest of it that afbundle knows"}
        if sum(source.region.length for source in sources if source.sha256) >= self.source.length:
            covered.insert(1, "source")
        else:
            uncovered["source"] = "the manifest has no digest of all of it"
        return Verification(tuple(covered), uncovered)

    def _verify_ours(self, executable: bytes) -> None:
        expected = manifests.with_digests(self.manifest, executable, self.digest(self.source))
        if self.manifest.get("digests") != expected["digests"]:
            raise CorruptBundle(
                "manifest", "digests does not fit the regions: manifest or source was changed"
            )
        if self.read(self.manifest_region) != manifests.render(self.manifest):
            raise CorruptBundle("manifest", "its bytes are not those that were packed")


def _count(entry: dict[str, Any], key: str, of: str) -> int:
    number = entry.get(key)
    if not isinstance(number, int) or isinstance(number, bool) or number < 0:
        raise CorruptBundle("manifest", f"{key} of {of} is not a byte count")
    return number


def is_bundle(path: Path) -> bool:
    """Return whether a file ends with a bundle trailer, of whatever version.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - trailers.SIZE))
        try:
            Trailer.parse(file.read())
        except NotABundle:
            return False
        except ArtifactError:
            return True
    return True
