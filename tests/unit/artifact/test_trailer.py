"""The 64 bytes at the end of a bundle."""

from __future__ import annotations

import pytest

from afbundle.artifact.errors import CorruptBundle, NotABundle, UnsupportedVersion
from afbundle.artifact.trailer import Trailer

DIGEST = bytes(range(32))


def test_bytes_are_those_of_the_spec() -> None:
    built = Trailer(source_length=1, manifest_length=258, executable_sha256=DIGEST).build()
    assert built == b"\1\0\0\0" + b"\2\1\0\0" + b"\1\0\0\0" + DIGEST + bytes(12) + b"AFBNDL01"


def test_parse_is_the_inverse_of_build() -> None:
    trailer = Trailer(2**32 - 1, 0, DIGEST)
    assert Trailer.parse(b"before" + trailer.build()) == trailer


@pytest.mark.parametrize("data", [b"", b"AFBNDL01", bytes(64), Trailer(1, 1, DIGEST).build()[1:]])
def test_other_files_are_not_bundles(data: bytes) -> None:
    with pytest.raises(NotABundle):
        Trailer.parse(data)


def test_other_versions_are_named() -> None:
    data = bytearray(Trailer(1, 1, DIGEST).build())
    data[8] = 2
    with pytest.raises(UnsupportedVersion, match="footer_ver is 2"):
        Trailer.parse(bytes(data))


@pytest.mark.parametrize("place", range(44, 56))
def test_reserved_bytes_must_be_zero(place: int) -> None:
    data = bytearray(Trailer(1, 1, DIGEST).build())
    data[place] = 1
    with pytest.raises(CorruptBundle, match="reserved"):
        Trailer.parse(bytes(data))


@pytest.mark.parametrize(
    "trailer", [Trailer(2**32, 0, DIGEST), Trailer(0, -1, DIGEST), Trailer(0, 0, b"short")]
)
def test_what_does_not_fit_is_refused(trailer: Trailer) -> None:
    with pytest.raises(ValueError, match="bytes"):
        trailer.build()
