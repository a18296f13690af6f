"""As much of MessagePack as the frames of one task take."""

from __future__ import annotations

from _struct import unpack_from
from time import time

_SIZED = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4, 0xDC: 2, 0xDD: 4, 0xDE: 2, 0xDF: 4}
_CONSTANTS = {0xC0: None, 0xC2: False, 0xC3: True}
_NUMBERS = {
    0xCA: ">f", 0xCB: ">d", 0xCC: ">B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">Q", 0xD0: ">b", 0xD1: ">h", 0xD2: ">i", 0xD3: ">q",
}  # fmt: skip
_WIDTHS = {"B": 1, "b": 1, "H": 2, "h": 2, "I": 4, "i": 4, "f": 4, "Q": 8, "q": 8, "d": 8}


class Timestamp(int):
    """A point in time, in whole seconds since the epoch."""


def now() -> Timestamp:
    """Return the time."""
    return Timestamp(int(time()))


def pack(value: object) -> bytes:
    """Encode None, small ints, texts, lists, dicts and timestamps."""
    if value is None:
        return b"\xc0"
    if isinstance(value, Timestamp):
        return b"\xd6\xff" + value.to_bytes(4, "big")
    if isinstance(value, int):
        return bytes([value])
    if isinstance(value, str):
        data = value.encode()
        return bytes([0xD9, len(data)]) + data
    if isinstance(value, list):
        return bytes([0x90 | len(value)]) + b"".join(map(pack, value))
    assert isinstance(value, dict)
    return bytes([0x80 | len(value)]) + b"".join(pack(key) + pack(value[key]) for key in value)


def unpack(data: bytes) -> object:
    """Decode one value."""
    return _unpack(data, 0)[0]


def _unpack(data: bytes, at: int) -> tuple[object, int]:
    head = data[at]
    at += 1
    if head < 0x80:
        return head, at
    if head >= 0xE0:
        return head - 256, at
    if head < 0x90:
        return _map(data, at, head & 15)
    if head < 0xA0:
        return _array(data, at, head & 15)
    if head < 0xC0:
        return data[at : at + (head & 31)].decode(), at + (head & 31)
    if head in _CONSTANTS:
        return _CONSTANTS[head], at
    if head in _NUMBERS:
        code = _NUMBERS[head]
        return unpack_from(code, data, at)[0], at + _WIDTHS[code[1]]
    if 0xD4 <= head <= 0xD8:
        return _timestamp(data, at + 1, 1 << (head - 0xD4))
    if head == 0xC7:
        return _timestamp(data, at + 2, data[at])
    width = _SIZED[head]
    size = int.from_bytes(data[at : at + width], "big")
    at += width
    if head >= 0xDE:
        return _map(data, at, size)
    if head >= 0xDC:
        return _array(data, at, size)
    chunk = data[at : at + size]
    return (chunk.decode() if head >= 0xD9 else chunk), at + size


def _array(data: bytes, at: int, size: int) -> tuple[list[object], int]:
    values = []
    for _ in range(size):
        value, at = _unpack(data, at)
        values.append(value)
    return values, at


def _map(data: bytes, at: int, size: int) -> tuple[dict[object, object], int]:
    values = {}
    for _ in range(size):
        key, at = _unpack(data, at)
        values[key], at = _unpack(data, at)
    return values, at


def _timestamp(data: bytes, at: int, size: int) -> tuple[Timestamp, int]:
    number = int.from_bytes(data[at : at + size], "big")
    seconds = number if size == 4 else number & (2**34 - 1) if size == 8 else number & (2**64 - 1)
    return Timestamp(seconds), at + size
