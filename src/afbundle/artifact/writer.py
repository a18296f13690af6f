"""Writes a bundle file: all of it and verified, or nothing."""

from __future__ import annotations

import hashlib
import os
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from afbundle.artifact import manifest as manifests
from afbundle.artifact.errors import ArtifactError
from afbundle.artifact.reader import BundleFile
from afbundle.artifact.trailer import LARGEST_REGION, Trailer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

_STEP = 1 << 20
_MODE = 0o755


@dataclass(frozen=True)
class Written:
    """A bundle that was written.

    Attributes:
        path: the file.
        executable_length, source_length, manifest_length: bytes of its regions.
        digests: ``digests`` of its manifest.
    """

    path: Path
    executable_length: int
    source_length: int
    manifest_length: int
    digests: dict[str, Any]

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self.executable_length + self.source_length + self.manifest_length + 64


def write_bundle(
    path: Path,
    executable: Iterable[bytes | tuple[Path, int]],
    sources: Sequence[tuple[str, bytes]],
    metadata: Mapping[str, Any],
    dag_source_paths: Mapping[str, str],
) -> Written:
    """Write a bundle to a temporary file next to `path`, verify it there, and move it into place.

    Arguments:
        path: the file to create or replace.
        executable: the pieces of the executable region: bytes, or a file with the number of its bytes.
        sources: path and UTF-8 text of each embedded source file; the first is the entry.
        metadata: the manifest without ``source``, ``sources``, ``entrypoint_path``, ``dag_source_paths``, ``digests``.
        dag_source_paths: dag_id -> path of the source file that defines it.

    Raises:
        ArtifactError: the file cannot be written there, or a region is larger than the format allows.
        ManifestError: the metadata cannot be written as YAML.
    """
    path = path.absolute()
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        # The mode is tight until the content is complete.
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ArtifactError(f"cannot write in {path.parent}: {error.strerror}") from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            digest = hashlib.sha256()
            executable_length = 0
            for piece in _pieces(executable):
                file.write(piece)
                digest.update(piece)
                executable_length += len(piece)
            source = b"".join(text for _, text in sources)
            manifest = manifests.with_digests(
                manifests.with_sources(metadata, sources, dag_source_paths),
                digest.digest(),
                hashlib.sha256(source).digest(),
            )
            rendered = manifests.render(manifest)
            if max(len(source), len(rendered)) > LARGEST_REGION:
                raise ArtifactError(
                    "the source or the manifest is larger than 4 GiB, which the format cannot hold"
                )
            file.write(source)
            file.write(rendered)
            file.write(Trailer(len(source), len(rendered), digest.digest()).build())
            file.flush()
            os.fsync(file.fileno())
        with BundleFile.open(temporary) as written:
            written.verify()
        temporary.chmod(_MODE)
        temporary.replace(path)
    except OSError as error:
        raise ArtifactError(f"cannot write {path}: {error.strerror}") from None
    finally:
        temporary.unlink(missing_ok=True)
    return Written(path, executable_length, len(source), len(rendered), manifest["digests"])


def _pieces(parts: Iterable[bytes | tuple[Path, int]]) -> Iterable[bytes]:
    for part in parts:
        if isinstance(part, bytes):
            yield part
            continue
        path, length = part
        with path.open("rb") as file:
            while piece := file.read(_STEP):
                length -= len(piece)
                yield piece
        if length:
            raise ArtifactError(f"{path} changed while it was packed")
