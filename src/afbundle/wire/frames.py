"""Frames of the coordinator protocol, as values: bytes in, frames out, no socket.

Theory of operation
-------------------
A frame is a payload's length (4 bytes, big-endian) and the payload: a MessagePack array. From the SDK to the
supervisor it is the request ``[id, body]``, from the supervisor to the SDK the response ``[id, body, error]``.
Airflow's own task runner adds elements to a request (trace context; in 3.4 also a task instance's id), and each of
Airflow's ends ignores elements that it does not know. So does this one (observed in task-sdk 1.3.2 and 1.4.0b2).

A `FrameReader` has two inputs, `FrameReader.feed` for bytes at hand and `FrameReader.get_buffer` with
`FrameReader.buffer_filled` for ``recv_into``; and one output, `FrameReader.next_frame`. What lies between ``_start``
and ``_end`` of its buffer is its state:

    less than a header   next_frame() is None
    part of a frame      next_frame() is None; get_buffer() offers room for the rest, at most 16 MiB at a time, so
                         that a length that lies costs no more than one such step
    a frame or more      next_frame() takes one off the front

A payload that is no frame raises `MalformedFrame` and is taken off, since its length still tells where the next
frame begins. After `FrameTooLarge` nothing can be read: the reader raises it for ever.
"""

from __future__ import annotations

from _struct import Struct

from afbundle.wire.errors import (
    DecodeError,
    FrameTooLarge,
    LocalProtocolError,
    MalformedFrame,
    TruncatedFrame,
)
from afbundle.wire.msgpack import pack_parts, unpackb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Literal

__all__ = [
    "MAX_PAYLOAD",
    "Frame",
    "FrameReader",
    "decode_response",
    "encode_request",
    "encode_response",
    "request_head",
]

MAX_PAYLOAD = 2**32 - 1
"""The largest payload that the length field can announce, in bytes."""

_HEADER = Struct(">I")
_STEP = 16 * 1024 * 1024  # how far a buffer grows ahead of the bytes received
_ROOM = 64 * 1024  # what get_buffer() offers for small frames
_KEPT = 1024 * 1024  # a larger buffer is not kept once it is empty


def encode_request(id: int, body: dict[str, Any]) -> bytes:
    """Return the frame ``[id, body]``.

    Raises:
        LocalProtocolError: the id is no int, the body no dict, or the frame too large.
        EncodeError: something in the body cannot be written; its path starts with ``body``.
    """
    return _join([b"", b"\x92", *_id_part(id), *_map_parts(body, "body")])


def encode_response(id: int, body: dict[str, Any] | None, error: dict[str, Any] | None = None) -> bytes:
    """Return the frame ``[id, body, error]``; raises as `encode_request` does."""
    nil: list[bytes | bytearray] = [b"\xc0"]
    body_parts = nil if body is None else _map_parts(body, "body")
    error_parts = nil if error is None else _map_parts(error, "error")
    return _join([b"", b"\x93", *_id_part(id), *body_parts, *error_parts])


def request_head(id: int, size: int) -> bytes:
    """Return what goes in front of a request's packed body, for who sends a large one in pieces.

    Arguments:
        id: the request's id.
        size: how many bytes the body takes.

    Raises:
        LocalProtocolError: the frame would be too large.
    """
    head: list[bytes | bytearray] = [b"", b"\x92", *_id_part(id)]
    size += sum(map(len, head))
    _check_size(size)
    head[0] = _HEADER.pack(size)
    return b"".join(head)


def decode_response(payload: bytes | memoryview) -> Frame:
    """Return the response that one whole payload holds; its timestamps stay as they travelled, see `messages.from_body`.

    Raises:
        MalformedFrame: the payload is no response.
    """
    return _response(_unpack(payload, lazy=True))


def _id_part(value: object) -> list[bytes | bytearray]:
    if not isinstance(value, int) or isinstance(value, bool):
        raise LocalProtocolError(f"a frame's id is an int, not a {type(value).__qualname__}")
    return pack_parts(value, "id")


def _map_parts(value: object, name: str) -> list[bytes | bytearray]:
    if not isinstance(value, dict):
        raise LocalProtocolError(f"a frame's {name} is a dict, not a {type(value).__qualname__}")
    return pack_parts(value, name)


def _join(parts: list[bytes | bytearray]) -> bytes:
    size = sum(map(len, parts))
    _check_size(size)
    parts[0] = _HEADER.pack(size)
    return b"".join(parts)


def _check_size(size: int) -> None:
    if size > MAX_PAYLOAD:
        raise LocalProtocolError(
            f"a payload of {size} bytes is more than the {MAX_PAYLOAD} that a frame can hold"
        )


class Frame:
    """One frame that was read.

    Attributes:
        id: ties a response to its request; 0 for the unsolicited first frame of a supervisor.
        body: a message as a map, or None (an empty response).
        error: an ``ErrorResponse`` as a map, or None; always None in a request.
    """

    __slots__ = ("body", "error", "id")

    def __init__(self, id: int, body: dict[str, Any] | None, error: dict[str, Any] | None = None) -> None:
        self.id = id
        self.body = body
        self.error = error

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Frame):
            return NotImplemented
        return (self.id, self.body, self.error) == (other.id, other.body, other.error)

    __hash__ = None  # type: ignore[assignment]  # holds dicts

    def __repr__(self) -> str:
        # Bodies hold secrets, so only their type is shown.
        kind = self.body.get("type") if self.body is not None else None
        return f"Frame({self.id}, {kind!s:.100}{', error' if self.error is not None else ''})"


class FrameReader:
    """Cuts a stream of bytes into frames, see the theory of operation above.

    Arguments:
        shape: ``"response"`` on the SDK's side, ``"request"`` on the supervisor's.
        max_payload: the largest payload to accept, in bytes.
    """

    __slots__ = ("_buffer", "_end", "_max", "_offered", "_shape", "_start")

    def __init__(
        self, shape: Literal["response", "request"] = "response", max_payload: int = MAX_PAYLOAD
    ) -> None:
        if shape not in ("response", "request"):
            raise ValueError(f"shape is 'response' or 'request', not {shape!r}")
        self._shape = shape
        self._max = max_payload
        self._buffer = bytearray()
        self._start = 0
        self._end = 0
        self._offered: memoryview | None = None

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """Take bytes that were received."""
        self._withdraw()
        self._drop_taken()
        del self._buffer[self._end :]
        self._buffer += data
        self._end = len(self._buffer)

    def get_buffer(self) -> memoryview:
        """Return room for bytes to be received; say with `buffer_filled` how many came.

        The view is valid until the next call of this reader and must not be kept, nor slices of it. Its size is
        what the current frame still lacks, but at least 64 KiB and at most 16 MiB.

        Raises:
            FrameTooLarge: as `next_frame` does.
        """
        self._withdraw()
        lacking = _HEADER.size + self._payload_size() - (self._end - self._start)
        room = min(max(lacking, _ROOM), _STEP)
        self._drop_taken()
        if len(self._buffer) < self._end + room:
            self._buffer += bytes(self._end + room - len(self._buffer))
        self._offered = memoryview(self._buffer)[self._end : self._end + room]
        return self._offered

    def buffer_filled(self, count: int) -> None:
        """Say that ``count`` bytes were written to the front of the last `get_buffer`."""
        room = 0 if self._offered is None else len(self._offered)
        if not 0 <= count <= room:
            raise ValueError(f"{count} bytes cannot have been written to a buffer of {room}")
        self._withdraw()
        self._end += count

    def next_frame(self) -> Frame | None:
        """Return the next frame, or None when more bytes are needed.

        Raises:
            FrameTooLarge: the frame announces more than ``max_payload``; the stream cannot be read any further.
            MalformedFrame: the payload is no frame of this shape; it is skipped.
        """
        begin = self._start + _HEADER.size
        stop = begin + self._payload_size()
        if stop > self._end:
            return None
        try:
            with memoryview(self._buffer) as whole, whole[begin:stop] as payload:
                value = _unpack(payload)
        finally:
            self._start = stop
            if stop == self._end:
                self._start_over()
        return _response(value) if self._shape == "response" else _request(value)

    def eof(self) -> None:
        """Say that the stream has ended; whole frames that were not yet taken are no error.

        Raises:
            TruncatedFrame: the stream ended in the middle of a frame.
        """
        start = self._start
        while (left := self._end - start) >= _HEADER.size:
            size = _HEADER.size + _HEADER.unpack_from(self._buffer, start)[0]
            if size > left:
                raise TruncatedFrame(f"the stream ended after {left} of a frame's {size} bytes")
            start += size
        if left:
            raise TruncatedFrame(f"the stream ended after {left} of a frame header's {_HEADER.size} bytes")

    def _payload_size(self) -> int:
        """Return the size that the current frame's header announces, 0 while there is no header."""
        if self._end - self._start < _HEADER.size:
            return 0
        size: int = _HEADER.unpack_from(self._buffer, self._start)[0]
        if size > self._max:
            raise FrameTooLarge(
                f"a frame announces {size} bytes of payload, more than the {self._max} accepted;"
                " the other end does not speak this protocol or is out of step"
            )
        return size

    def _drop_taken(self) -> None:
        # Only when room is needed, so that many small frames in one buffer are not moved one by one.
        if self._start:
            del self._buffer[: self._start]
            self._end -= self._start
            self._start = 0

    def _start_over(self) -> None:
        self._withdraw()
        self._start = self._end = 0
        if len(self._buffer) > _KEPT:
            self._buffer = bytearray()

    def _withdraw(self) -> None:
        """Take back the offered view: a buffer that has one cannot be resized."""
        if self._offered is not None:
            self._offered.release()
            self._offered = None


def _unpack(payload: bytes | memoryview, *, lazy: bool = False) -> object:
    try:
        return unpackb(payload, lazy=lazy)
    except DecodeError as error:
        raise MalformedFrame(f"a payload of {len(payload)} bytes is not MessagePack: {error}") from error


def _request(value: object) -> Frame:
    id_, body, *_ = _elements(value, at_least=2)
    return Frame(_id(id_), _map(body, "body"))


def _response(value: object) -> Frame:
    # The supervisor's own reader lets body and error be absent.
    id_, body, error, *_ = *_elements(value, at_least=1), None, None
    return Frame(_id(id_), _map(body, "body"), _map(error, "error"))


def _elements(value: object, at_least: int) -> list[Any]:
    if not isinstance(value, list) or len(value) < at_least:
        raise MalformedFrame(f"a frame's payload is not an array of {at_least} or more elements")
    return value


def _id(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise MalformedFrame(f"a frame's id is an integer, not a {type(value).__qualname__}")
    return value


def _map(value: Any, name: str) -> dict[str, Any] | None:
    if value is not None and not isinstance(value, dict):
        raise MalformedFrame(f"a frame's {name} is a map or nil, not a {type(value).__qualname__}")
    return value
