"""The last 64 bytes of every bundle (executable bundle spec 1.0)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from afbundle.artifact.errors import CorruptBundle, NotABundle, UnsupportedVersion

MAGIC = b"AFBNDL01"
SIZE = 64
"""Bytes of the trailer."""
VERSION = 1
"""The one ``footer_ver`` that executable bundle spec 1.0 defines."""

_LAYOUT = struct.Struct("<III32s12s8s")
_RESERVED = bytes(12)
LARGEST_REGION = 2**32 - 1
"""Bytes that a source or manifest region can have: its length is a u32."""


@dataclass(frozen=True)
class Trailer:
    """What a trailer says.

    Attributes:
        source_length: bytes of the source region.
        manifest_length: bytes of the manifest region (``metadata_len`` in the spec).
        executable_sha256: 32 bytes, the SHA-256 of the executable region.
    """

    source_length: int
    manifest_length: int
    executable_sha256: bytes

    def build(self) -> bytes:
        """Return the 64 bytes.

        Raises:
            ValueError: a length does not fit a u32, or the digest is not 32 bytes.
        """
        if not (0 <= self.source_length <= LARGEST_REGION and 0 <= self.manifest_length <= LARGEST_REGION):
            raise ValueError("a region of a bundle is at most 2^32 - 1 bytes")
        if len(self.executable_sha256) != 32:
            raise ValueError("the digest of the executable region is 32 bytes")
        return _LAYOUT.pack(
            self.source_length, self.manifest_length, VERSION, self.executable_sha256, _RESERVED, MAGIC
        )

    @classmethod
    def parse(cls, data: bytes) -> Trailer:
        """Return what the last bytes of a file say.

        Arguments:
            data: the last `SIZE` bytes, or the whole file where it is shorter.

        Raises:
            NotABundle: there is no trailer.
            UnsupportedVersion: ``footer_ver`` is not 1.
            CorruptBundle: the reserved bytes are not zero.
        """
        if len(data) < SIZE or data[-len(MAGIC) :] != MAGIC:
            raise NotABundle("not a bundle: the file does not end with the bundle trailer AFBNDL01")
        source_length, manifest_length, version, digest, reserved, _ = _LAYOUT.unpack(data[-SIZE:])
        if version != VERSION:
            raise UnsupportedVersion(f"trailer: footer_ver is {version}; this afbundle knows {VERSION}")
        if reserved != _RESERVED:
            raise CorruptBundle("trailer", "the 12 reserved bytes are not zero")
        return cls(source_length, manifest_length, digest)
