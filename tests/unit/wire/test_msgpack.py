"""The codec says what msgspec says, in both directions, and refuses what it must."""

from __future__ import annotations

import enum
import math
import struct
import subprocess
import sys
import tracemalloc
from collections import OrderedDict
from datetime import datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from afbundle.wire.errors import DecodeError, EncodeError
from afbundle.wire.msgpack import MAX_DEPTH, ExtType, packb, unpackb

UTC = timezone.utc
# A day inside the years 1 to 9999, so that every moment also exists in UTC.
MOMENTS = st.datetimes(
    datetime(1, 1, 2),
    datetime(9999, 12, 30),
    timezones=st.sampled_from(
        [UTC, timezone(timedelta(hours=5, minutes=30)), timezone(timedelta(hours=-11))]
    ),
)
INTEGERS = st.integers(-(2**63), 2**64 - 1)
KEYS = st.text(max_size=40) | INTEGERS | st.binary(max_size=8) | st.booleans() | st.none()
SCALARS = (
    st.none()
    | st.booleans()
    | INTEGERS
    | st.floats(allow_nan=False)
    | st.text()
    | st.text(min_size=32, max_size=300)
    | st.binary(max_size=300)
    | MOMENTS
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=20)
        | st.dictionaries(st.text(max_size=10), inner, max_size=20)
        | st.dictionaries(KEYS, inner, max_size=4)
    ),
    max_leaves=40,
)


@given(VALUES)
def test_writes_the_same_bytes_as_msgspec(value: Any) -> None:
    assert packb(value) == msgspec.msgpack.encode(value)


@given(VALUES)
def test_reads_what_msgspec_wrote(value: Any) -> None:
    assert unpackb(msgspec.msgpack.encode(value)) == value


@given(VALUES)
def test_msgspec_reads_what_it_wrote(value: Any) -> None:
    assert msgspec.msgpack.decode(packb(value)) == value


@given(st.binary(max_size=60) | VALUES.map(msgspec.msgpack.encode).map(lambda data: data[:-1] + b"\x01"))
def test_accepts_what_msgspec_accepts(data: bytes) -> None:
    try:
        expected = as_here(msgspec.msgpack.decode(data))
    except (msgspec.MsgspecError, UnicodeDecodeError, TypeError):
        with pytest.raises(DecodeError):
            unpackb(data)
    else:
        assert repr(unpackb(data)) == repr(expected)  # NaN is not itself, but its repr is


def as_here(value: Any) -> Any:
    """Return msgspec's value as this codec shows it."""
    if isinstance(value, msgspec.msgpack.Ext):
        return ExtType(value.code, bytes(value.data))
    if isinstance(value, list):
        return [as_here(each) for each in value]
    if isinstance(value, dict):
        if any(isinstance(key, tuple) for key in value):
            raise TypeError("msgspec makes tuples of arrays that are keys")
        return {as_here(key): as_here(each) for key, each in value.items()}
    return value


@pytest.mark.parametrize("size", [0, 1, 15, 16, 31, 32, 255, 256, 65535, 65536, 70000])
def test_every_length_form(size: int) -> None:
    for value in (
        "x" * size,
        b"x" * size,
        [1] * size,
        {str(i): i for i in range(size)},
        ExtType(5, b"x" * size),
    ):
        written = packb(value)
        assert unpackb(written) == value
        if not isinstance(value, ExtType):
            assert written == msgspec.msgpack.encode(value)


@pytest.mark.parametrize("size", [1, 2, 4, 8, 16])
def test_fixed_extensions(size: int) -> None:
    written = packb(ExtType(-7, b"x" * size))
    assert len(written) == 2 + size
    assert unpackb(written) == ExtType(-7, b"x" * size)
    assert unpackb(written) != ExtType(7, b"x" * size)
    assert len({ExtType(1, b"a"), ExtType(1, b"a"), ExtType(2, b"a")}) == 2
    assert "xx" not in repr(ExtType(1, b"xxxx"))


@pytest.mark.parametrize(
    "number",
    [0, 127, 128, 255, 256, 65535, 65536, 2**32 - 1, 2**32, 2**64 - 1, -1, -32, -33, -128, -129, -(2**15)],
)
def test_integers_take_the_shortest_form(number: int) -> None:
    assert packb(number) == msgspec.msgpack.encode(number)
    assert packb(-number) == msgspec.msgpack.encode(-number) if number < 2**63 else True


def test_floats() -> None:
    assert unpackb(packb(math.inf)) == math.inf
    assert math.isnan(unpackb(packb(math.nan)))  # type: ignore[arg-type]
    assert unpackb(b"\xca" + struct.pack(">f", 1.5)) == 1.5


def test_booleans_stay_booleans() -> None:
    assert unpackb(packb([True, False, 1, 0])) == [True, False, 1, 0]
    assert [type(each) for each in unpackb(packb([True, 1]))] == [bool, int]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("moment", "payload"),
    [
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), 4),
        (datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC), 8),
        (datetime(2200, 1, 1, tzinfo=UTC), 8),
        (datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC), 12),
        (datetime(1, 1, 1, tzinfo=UTC), 12),
        (datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC), 12),
    ],
)
def test_timestamps_in_their_three_forms(moment: datetime, payload: int) -> None:
    written = packb(moment)
    assert len(written) == payload + (3 if payload == 12 else 2)
    assert written == msgspec.msgpack.encode(moment)
    assert unpackb(written) == moment
    assert unpackb(written).tzinfo is UTC  # type: ignore[attr-defined]


def test_nanoseconds_are_cut() -> None:
    assert unpackb(b"\xc7\x0c\xff" + struct.pack(">Iq", 1999, 0)) == datetime(
        1970, 1, 1, 0, 0, 0, 1, tzinfo=UTC
    )


@pytest.mark.parametrize(
    "data",
    [
        b"\xd6\xff\x00\x00\x00",  # ends early
        b"\xd4\xff\x00",  # a size that no timestamp has
        b"\xd7\xff" + struct.pack(">Q", 1_000_000_000 << 34),  # too many nanoseconds
        b"\xc7\x0c\xff" + struct.pack(">Iq", 0, 253_402_300_800),  # the year 10000
        b"\xc7\x0c\xff" + struct.pack(">Iq", 0, -(2**63)),
    ],
)
def test_bad_timestamps(data: bytes) -> None:
    with pytest.raises(DecodeError):
        unpackb(data)


class Colour(str, enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


class Text(str):
    __slots__ = ()

    def encode(self, *_: object) -> bytes:
        return b"not this"


def test_subclasses_are_written_as_their_base() -> None:
    class Half(float):
        pass

    written = packb([Colour.RED, Level.HIGH, Text("a"), OrderedDict(b=1), Half(0.5), (1, 2), bytearray(b"x")])
    assert unpackb(written) == ["red", 3, "a", {"b": 1}, 0.5, [1, 2], b"x"]
    assert unpackb(packb(memoryview(b"abc"))) == b"abc"


@pytest.mark.parametrize(
    ("value", "path", "reason"),
    [
        ({"a": [1, {2}]}, "value.a[1]", "set cannot be sent"),
        ({"a": {3: object()}}, "value.a[3]", "object cannot be sent"),
        ([datetime(2026, 1, 1)], "value[0]", "no time zone"),
        ([datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=1)))], "value[0]", "outside the years"),
        ({"n": 2**64}, "value.n", "more than 64 bits"),
        ({"n": -(2**63) - 1}, "value.n", "more than 64 bits"),
        ({"s": "\ud800"}, "value.s", "lone surrogate"),
    ],
)
def test_what_cannot_be_written_is_named(value: Any, path: str, reason: str) -> None:
    with pytest.raises(EncodeError) as caught:
        packb(value)
    assert caught.value.path == path
    assert str(caught.value).startswith(f"{path}: ")
    assert reason in caught.value.reason


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def test_depth_is_bounded_both_ways() -> None:
    assert unpackb(packb(nested(MAX_DEPTH))) == nested(MAX_DEPTH)
    with pytest.raises(EncodeError, match="nested deeper") as caught:
        packb(nested(MAX_DEPTH + 1))
    assert len(str(caught.value)) < 400
    for start in (b"\x91", b"\x81\x01", b"\x81\xa1a"):
        with pytest.raises(DecodeError, match="nested deeper"):
            unpackb(start * 100_000 + b"\x01")


def test_a_value_that_contains_itself() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(EncodeError, match="containing itself"):
        packb(loop)


def test_a_full_call_stack_is_an_encode_error() -> None:
    def at_the_end_of_the_stack(value: object) -> bytes:
        try:
            return at_the_end_of_the_stack(value)
        except RecursionError:
            return packb(value)

    with pytest.raises((EncodeError, RecursionError)) as caught:
        at_the_end_of_the_stack(nested(MAX_DEPTH))
    assert isinstance(caught.value, EncodeError)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",
        b"\xa5abc",
        b"\xda\x00",
        b"\xd9\x05abc",
        b"\xcb\x00",
        b"\x92\x01",
        b"\x81\x01",
        b"\xc4\x05ab",
        b"\xd4",
        b"\xd4\x05",
        b"\xc7\x05\x01ab",
        b"\xa2\xff\xfe",
        b"\x01\x02",
        b"\x80\xc0",
        b"\x81\x90\x01",
        b"\x81\x80\x01",
    ],
)
def test_malformed_data(data: bytes) -> None:
    with pytest.raises(DecodeError):
        unpackb(data)
    with pytest.raises(DecodeError):
        unpackb(memoryview(bytearray(data)))


@pytest.mark.parametrize("head", [b"\xdb", b"\xc6", b"\xdd", b"\xdf", b"\xc9"])
def test_a_length_that_lies_costs_nothing(head: bytes) -> None:
    data = head + b"\xff\xff\xff\xff" + b"\x01" * 100
    tracemalloc.start()
    try:
        with pytest.raises(DecodeError):
            unpackb(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 100_000


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
@pytest.mark.parametrize("size", [10, 100_000])
def test_reads_from_any_buffer(kind: Any, size: int) -> None:
    value = {"text": "é" * size, "data": b"x" * size}
    assert unpackb(kind(packb(value))) == value


def test_a_wide_view_is_read_as_bytes() -> None:
    assert unpackb(memoryview(packb([1, 2, 3])).cast("I")) == [1, 2, 3]


def test_large_texts_are_copied_once_to_read_and_twice_to_write() -> None:
    size = 20_000_000
    text = "x" * size
    tracemalloc.start()
    try:
        written = packb({"v": text})
        peak_to_write = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        unpackb(written)
        peak_to_read = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    assert peak_to_write < 2.1 * size
    assert peak_to_read < 1.1 * size


def test_a_failed_read_leaves_the_buffer_free() -> None:
    buffer = bytearray(b"\xc7\x01\xff\x00" + b"\xa1")
    with pytest.raises(DecodeError) as caught:
        unpackb(buffer)
    buffer.append(1)  # a BufferError while the error still holds a view of it
    assert caught.value


def test_importing_it_imports_next_to_nothing() -> None:
    script = """
import sys
before = set(sys.modules)
import afbundle.wire.msgpack, afbundle.wire.frames, afbundle.wire.messages
print(*sorted(set(sys.modules) - before))
"""
    command = [sys.executable, "-S", "-c", script]
    env = {"PYTHONPATH": msgpack_root(), "PATH": ""}
    loaded = subprocess.run(command, capture_output=True, text=True, check=True, env=env).stdout.split()
    assert [name for name in loaded if not name.startswith("afbundle")] == ["__future__", "_struct"]


def msgpack_root() -> str:
    import afbundle.wire.msgpack

    return afbundle.wire.msgpack.__file__.removesuffix("/afbundle/wire/msgpack.py")
