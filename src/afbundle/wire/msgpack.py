"""A MessagePack codec in pure Python, made for the small frames of a task process.

Importing a C codec costs a task more than it saves: msgspec adds 59 ms, msgpack 9 ms to an interpreter that starts
in 12 ms. This module adds well under one, and large texts are still copied by C code only.

Timestamps are the extension type -1 in its 32, 64 and 96 bit forms and stand for aware datetimes in UTC; Airflow's
supervisor reads and writes the same (supervisor schemas 2026-06-16 and 2026-10-30). Most tasks never look at one, and
importing datetime costs them more than decoding a whole frame, so `unpackb` can leave them as `Timestamp`.
"""

from __future__ import annotations

import sys
from _struct import Struct
from _struct import error as _StructError  # type: ignore[attr-defined]

from afbundle.wire.errors import DecodeError, EncodeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from typing import Any

__all__ = [
    "MAX_DEPTH",
    "ExtType",
    "Timestamp",
    "datetime_module",
    "pack_parts",
    "packb",
    "settle",
    "unpackb",
]

MAX_DEPTH = 512
"""How many containers may lie inside each other, in both directions."""

# From here on a slice of a view (no copy) beats a slice of bytes (copied, but cheaper to make).
_VIEW_FROM = 1 << 16
# From here on a text is a piece of its own, see `pack_parts`.
_PIECE_FROM = 1 << 16

_TIMESTAMP = -1
# Seconds since 1970 of the first and one past the last moment that a datetime can name.
_FIRST_SECOND, _END_SECOND = -62_135_596_800, 253_402_300_800

_U8, _U16, _U32, _U64 = (Struct(">" + code) for code in "BHIQ")
_I8, _I16, _I32, _I64 = (Struct(">" + code) for code in "bhiq")
_F32, _F64 = Struct(">f"), Struct(">d")
_NANOS_SECONDS = Struct(">Iq")
_BYTE_8, _BYTE_16, _BYTE_32, _BYTE_64 = (Struct(">B" + code) for code in "BHIQ")
_BYTE_I8, _BYTE_I16, _BYTE_I32, _BYTE_I64 = (Struct(">B" + code) for code in "bhiq")
_BYTE_F64 = Struct(">Bd")


class ExtType:
    """An extension value whose type this codec does not know.

    It is kept instead of refused: a newer supervisor may add one in a field that is ignored here, and that must
    not cost the whole frame.

    Arguments:
        code: the extension's type, -128 to 127, except -1 (timestamps are datetimes).
        data: its payload.
    """

    __slots__ = ("code", "data")

    def __init__(self, code: int, data: bytes) -> None:
        self.code = code
        self.data = data

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ExtType) and (self.code, self.data) == (other.code, other.data)

    def __hash__(self) -> int:
        return hash((self.code, self.data))

    def __repr__(self) -> str:
        return f"ExtType({self.code}, {len(self.data)} bytes)"


class Timestamp:
    """A moment as it travels, for who may never want the datetime.

    Arguments:
        data: payload of the extension, 4, 8 or 12 bytes that were checked.
    """

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = data

    @classmethod
    def now(cls) -> Timestamp:
        """Return the present, to the microsecond as a datetime would have it."""
        from time import time_ns

        seconds, nanos = divmod(time_ns(), 1_000_000_000)
        return cls(_moment(seconds, nanos // 1000 * 1000))

    def to_datetime(self) -> datetime:
        """Return the aware datetime in UTC, nanoseconds cut to microseconds."""
        seconds, nanos = _read_timestamp(self.data)
        module = datetime_module()
        epoch = module.datetime(1970, 1, 1, tzinfo=module.timezone.utc)
        moment: datetime = epoch + module.timedelta(0, seconds, nanos // 1000)
        return moment

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Timestamp) and _read_timestamp(self.data) == _read_timestamp(other.data)

    def __hash__(self) -> int:
        return hash(_read_timestamp(self.data))

    def __repr__(self) -> str:
        return f"Timestamp({self.to_datetime().isoformat()})"


def settle(value: Any) -> Any:
    """Return a value with a datetime for every `Timestamp` in it; lists and dicts are changed in place."""
    if type(value) is Timestamp:
        return value.to_datetime()
    pending = [value]
    while pending:
        container = pending.pop()
        kind = type(container)
        if kind is not dict and kind is not list:
            continue
        for key, item in container.items() if kind is dict else enumerate(container):
            kind = type(item)
            if kind is Timestamp:
                container[key] = item.to_datetime()
            elif kind is dict or kind is list:
                pending.append(item)
    return value


def datetime_module() -> Any:
    """Return the C half of datetime (0.6 ms to import), or all of it where there is no C half (2.7 ms)."""
    try:
        import _datetime  # type: ignore[import-not-found]
    except ImportError:  # pragma: no cover - CPython always has it
        import datetime

        return datetime
    return _datetime


def packb(obj: object) -> bytes:
    """Return ``obj`` as one MessagePack value.

    Takes None, bool, int (-2**63 to 2**64 - 1), float, str, bytes-like, list, tuple, dict, aware datetime, `Timestamp`
    and `ExtType`; subclasses (enum.StrEnum, OrderedDict, …) are written as their base.

    Raises:
        EncodeError: something else is in it, or it is nested deeper than `MAX_DEPTH`; names the place.
    """
    return b"".join(pack_parts(obj))


def pack_parts(obj: object, root: str = "value") -> list[bytes | bytearray]:
    """Return the pieces that `packb` would join, for a caller that joins or sends them itself.

    Long texts and bytes are pieces of their own, which are copied no more; all that lies between two of them is one piece. A
    value of many small items thus takes its packed size, not an object for each.

    Arguments:
        obj: what to write, see `packb`.
        root: the name of ``obj`` in the path of an `EncodeError`.
    """
    small = bytearray()
    parts: list[bytes | bytearray] = [small]

    def append(part: bytes) -> None:
        nonlocal small
        if len(part) < _PIECE_FROM:
            small += part
        else:
            small = bytearray()
            parts.extend((part, small))

    try:
        _pack(obj, append, MAX_DEPTH)
    except EncodeError as error:
        error.path = root + error.path
        raise
    except RecursionError:
        raise EncodeError("the call stack is too full to write a value this deep", root) from None
    return parts


def _pack(obj: Any, append: Callable[[Any], None], depth: int) -> None:  # noqa: PLR0915 - one branch per type
    # Ordered by how often a type occurs in messages.
    kind = type(obj)
    if kind is str:
        try:
            data = obj.encode()
        except UnicodeEncodeError:
            raise EncodeError("the text holds a lone surrogate, which UTF-8 cannot express") from None
        size = len(data)
        if size < 32:
            append(_U8.pack(0xA0 | size))
        elif size < 0x100:
            append(_BYTE_8.pack(0xD9, size))
        elif size < 0x10000:
            append(_BYTE_16.pack(0xDA, size))
        else:
            append(_long_head(0xDB, size))
        append(data)
    elif kind is dict:
        size = len(obj)
        append(_U8.pack(0x80 | size) if size < 16 else _container_head(0xDE, size))
        if not depth:
            raise _too_deep()
        for key, value in obj.items():
            try:
                _pack(key, append, depth - 1)
                _pack(value, append, depth - 1)
            except EncodeError as error:
                error.path = (f".{key}" if isinstance(key, str) else f"[{key!r:.50}]") + error.path
                raise
    elif obj is None:
        append(b"\xc0")
    elif kind is bool:
        append(b"\xc3" if obj else b"\xc2")
    elif kind is int:
        append(_U8.pack(obj) if 0 <= obj < 128 else _int(obj))
    elif kind is list or kind is tuple:
        size = len(obj)
        append(_U8.pack(0x90 | size) if size < 16 else _container_head(0xDC, size))
        if not depth:
            raise _too_deep()
        for index, value in enumerate(obj):
            try:
                _pack(value, append, depth - 1)
            except EncodeError as error:
                error.path = f"[{index}]{error.path}"
                raise
    elif kind is float:
        append(_BYTE_F64.pack(0xCB, obj))
    elif kind is bytes:
        size = len(obj)
        if size < 0x100:
            append(_BYTE_8.pack(0xC4, size))
        elif size < 0x10000:
            append(_BYTE_16.pack(0xC5, size))
        else:
            append(_long_head(0xC6, size))
        append(obj)
    else:
        _pack_other(obj, append, depth)


def _pack_other(obj: Any, append: Callable[[Any], None], depth: int) -> None:
    # A datetime can only come from a module that was imported, so looking for one imports nothing.
    datetime = sys.modules.get("_datetime") or sys.modules.get("datetime")
    if datetime is not None and isinstance(obj, datetime.datetime):
        _pack_ext(_TIMESTAMP, _timestamp(obj), append)
    elif isinstance(obj, Timestamp):
        _pack_ext(_TIMESTAMP, obj.data, append)
    elif isinstance(obj, ExtType):
        _pack_ext(obj.code, obj.data, append)
    elif isinstance(obj, str):
        _pack(str.__str__(obj), append, depth)
    elif isinstance(obj, int):
        _pack(int.__int__(obj), append, depth)
    elif isinstance(obj, float):
        _pack(float.__float__(obj), append, depth)
    elif isinstance(obj, dict):
        _pack(dict(obj), append, depth)
    elif isinstance(obj, (list, tuple)):
        _pack(list(obj), append, depth)
    elif isinstance(obj, (bytes, bytearray, memoryview)):
        _pack(bytes(obj), append, depth)
    else:
        raise EncodeError(
            f"{type(obj).__qualname__} cannot be sent to Airflow; convert it to text, numbers, lists or dicts first"
        )


def _int(number: int) -> bytes:
    if number >= 0:
        if number < 0x100:
            return _BYTE_8.pack(0xCC, number)
        if number < 0x10000:
            return _BYTE_16.pack(0xCD, number)
        if number < 0x100000000:
            return _BYTE_32.pack(0xCE, number)
        if number < 0x10000000000000000:
            return _BYTE_64.pack(0xCF, number)
    elif number >= -32:
        return _U8.pack(number & 0xFF)
    elif number >= -0x80:
        return _BYTE_I8.pack(0xD0, number)
    elif number >= -0x8000:
        return _BYTE_I16.pack(0xD1, number)
    elif number >= -0x80000000:
        return _BYTE_I32.pack(0xD2, number)
    elif number >= -0x8000000000000000:
        return _BYTE_I64.pack(0xD3, number)
    raise EncodeError("the integer needs more than 64 bits; send it as text")


def _container_head(code: int, size: int) -> bytes:
    # The 32-bit form's code follows the 16-bit form's.
    return _BYTE_16.pack(code, size) if size < 0x10000 else _long_head(code + 1, size)


def _long_head(code: int, size: int) -> bytes:
    if size >= 0x100000000:
        raise EncodeError(f"{size} bytes or items are more than the 2**32 - 1 that MessagePack can hold")
    return _BYTE_32.pack(code, size)


def _pack_ext(code: int, data: bytes, append: Callable[[Any], None]) -> None:
    size = len(data)
    fixed = {1: 0xD4, 2: 0xD5, 4: 0xD6, 8: 0xD7, 16: 0xD8}.get(size)
    if fixed is not None:
        append(_U8.pack(fixed))
    elif size < 0x100:
        append(_BYTE_8.pack(0xC7, size))
    elif size < 0x10000:
        append(_BYTE_16.pack(0xC8, size))
    else:
        append(_long_head(0xC9, size))
    append(_I8.pack(code))
    append(data)


def _timestamp(moment: datetime) -> bytes:
    datetime = datetime_module()
    epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    if moment.utcoffset() is None:
        raise EncodeError("the datetime has no time zone; add one, for example tzinfo=timezone.utc")
    since = moment - epoch
    seconds = since.days * 86_400 + since.seconds
    nanos = since.microseconds * 1000
    if not _FIRST_SECOND <= seconds < _END_SECOND:
        raise EncodeError("the datetime lies outside the years 1 to 9999 of UTC")
    return _moment(seconds, nanos)


def _moment(seconds: int, nanos: int) -> bytes:
    if 0 <= seconds < 1 << 34:
        if not nanos and seconds < 1 << 32:
            return _U32.pack(seconds)
        return _U64.pack(nanos << 34 | seconds)
    return _NANOS_SECONDS.pack(nanos, seconds)


def _too_deep() -> EncodeError:
    return EncodeError(f"nested deeper than {MAX_DEPTH} levels, or containing itself")


def unpackb(data: bytes | bytearray | memoryview, *, lazy: bool = False) -> object:
    """Return the one value that ``data`` holds.

    Arrays come as lists, timestamps as aware datetimes in UTC (nanoseconds cut to microseconds), other extensions
    as `ExtType`. Nothing returned refers to ``data``.

    Arguments:
        data: the bytes.
        lazy: leave timestamps, except keys of maps, as `Timestamp`; `settle` makes datetimes of them.

    Raises:
        DecodeError: ``data`` ends early, goes on after the value, is no MessagePack, is nested deeper than
            `MAX_DEPTH`, or has a map key that cannot be hashed. A length that cannot fit fails before anything is
            allocated for it.
    """
    view = memoryview(data)
    if view.format != "B" or view.ndim != 1:
        view = view.cast("B")
    # Reading from bytes is fastest, and copying little is cheap.
    source: Any = data if type(data) is bytes else bytes(view) if len(view) < _VIEW_FROM else view
    try:
        return _unpack(source, view, lazy)
    except (IndexError, _StructError):
        raise DecodeError("the data ends in the middle of a value") from None
    except UnicodeDecodeError:
        raise DecodeError("a text is not UTF-8") from None
    finally:
        view.release()


# One loop with one branch per type: a call per value would double the time.
def _unpack(data: Any, view: memoryview, lazy: bool) -> object:  # noqa: PLR0915
    """Read one value without recursion.

    An open container is a list that is filled up to its number of items; a map is read as a flat list of keys
    and values and becomes a dict when full. ``stack`` holds the containers around the current one.
    """
    end = len(data)
    pos = 0
    stack: list[tuple[list[Any], int, bool]] = []
    items: list[Any] = []  # of the container being filled; at first a pretended one of one item
    missing = 1
    is_map = False
    value: Any
    while True:
        code = data[pos]
        pos += 1
        size = -1  # of a text, else negative
        count = -1  # of a container's items, else negative
        if 0xA0 <= code < 0xC0:
            size = code & 0x1F
        elif code == 0xC0:
            value = None
        elif code < 0x80:
            value = code
        elif code < 0xA0:
            count = code & 0x0F
            opens_map = code < 0x90
        elif code >= 0xE0:
            value = code - 0x100
        elif code == 0xC2:
            value = False
        elif code == 0xC3:
            value = True
        elif 0xD9 <= code <= 0xDB:
            number = _LENGTHS[code - 0xD9]
            (size,) = number.unpack_from(data, pos)
            pos += number.size
        elif 0xCA <= code <= 0xD3:
            number = _NUMBERS[code - 0xCA]
            (value,) = number.unpack_from(data, pos)
            pos += number.size
        elif code >= 0xDC:
            number = _LENGTHS[(code & 1) + 1]
            (count,) = number.unpack_from(data, pos)
            pos += number.size
            opens_map = code >= 0xDE
        elif 0xC4 <= code <= 0xC6:
            number = _LENGTHS[code - 0xC4]
            (length,) = number.unpack_from(data, pos)
            pos += number.size
            if length > end - pos:
                raise IndexError
            value = bytes(view[pos : pos + length])
            pos += length
        elif code == 0xC1:
            raise DecodeError("the byte 0xC1 starts no value")
        else:
            if code >= 0xD4:
                length = 1 << (code - 0xD4)
            else:
                number = _LENGTHS[code - 0xC7]
                (length,) = number.unpack_from(data, pos)
                pos += number.size
            if length >= end - pos:  # one byte more for the extension's type
                raise IndexError
            value = _extension(data[pos], bytes(view[pos + 1 : pos + 1 + length]))
            pos += 1 + length
            if type(value) is Timestamp and (not lazy or (is_map and not len(items) & 1)):
                value = value.to_datetime()

        if size >= 0:
            stop = pos + size
            if stop > end:
                raise IndexError
            value = str(data[pos:stop] if size < _VIEW_FROM else view[pos:stop], "utf-8")
            pos = stop
        elif count >= 0:
            if opens_map:
                count += count
            if count > end - pos:  # every item takes a byte or more
                raise IndexError
            if len(stack) >= MAX_DEPTH:
                raise DecodeError(f"nested deeper than {MAX_DEPTH} levels")
            if count:
                stack.append((items, missing, is_map))
                items = []
                missing = count
                is_map = opens_map
                continue
            value = {} if opens_map else []

        items.append(value)
        missing -= 1
        while not missing:
            if not stack:
                if pos != end:
                    raise DecodeError(f"{end - pos} more bytes follow the value")
                return items[0]
            if is_map:
                try:
                    value = dict(zip(items[::2], items[1::2]))  # noqa: B905 - always of one length
                except TypeError:
                    raise DecodeError("a list or a map is used as a map's key") from None
            else:
                value = items
            items, missing, is_map = stack.pop()
            items.append(value)
            missing -= 1


_LENGTHS = (_U8, _U16, _U32)
_NUMBERS = (_F32, _F64, _U8, _U16, _U32, _U64, _I8, _I16, _I32, _I64)  # in the order of their codes from 0xCA


def _extension(code: int, data: bytes) -> object:
    if code >= 0x80:
        code -= 0x100
    if code != _TIMESTAMP:
        return ExtType(code, data)
    _read_timestamp(data)
    return Timestamp(data)


def _read_timestamp(data: bytes) -> tuple[int, int]:
    """Return seconds since 1970 and nanoseconds; raises DecodeError."""
    nanos = 0
    if len(data) == 4:
        (seconds,) = _U32.unpack(data)
    elif len(data) == 8:
        (both,) = _U64.unpack(data)
        nanos, seconds = both >> 34, both & 0x3FFFFFFFF
    elif len(data) == 12:
        nanos, seconds = _NANOS_SECONDS.unpack(data)
    else:
        raise DecodeError(f"a timestamp has {len(data)} bytes instead of 4, 8 or 12")
    if nanos >= 1_000_000_000:
        raise DecodeError("a timestamp has more than 999999999 nanoseconds")
    if not _FIRST_SECOND <= seconds < _END_SECOND:
        raise DecodeError("a timestamp lies outside the years 1 to 9999")
    return seconds, nanos
