"""Frames are cut from any chunks of bytes, and what is no frame is refused."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afbundle.wire.errors import (
    EncodeError,
    FrameTooLarge,
    LocalProtocolError,
    MalformedFrame,
    RemoteProtocolError,
    TruncatedFrame,
)
from afbundle.wire.frames import (
    Frame,
    FrameReader,
    decode_response,
    encode_request,
    encode_response,
    request_head,
)
from afbundle.wire.msgpack import pack_parts, packb

BODIES = st.dictionaries(st.text(max_size=8), st.integers(0, 2**32) | st.text(max_size=300), max_size=5)
FRAMES = st.builds(Frame, st.integers(0, 2**63), BODIES | st.none(), BODIES | st.none())


def as_bytes(frames: list[Frame]) -> bytes:
    return b"".join(encode_response(each.id, each.body, each.error) for each in frames)


def read_all(reader: FrameReader) -> list[Frame]:
    found = []
    while (frame := reader.next_frame()) is not None:
        found.append(frame)
    return found


def framed(payload: bytes) -> bytes:
    return len(payload).to_bytes(4, "big") + payload


@given(st.lists(FRAMES, max_size=6), st.lists(st.integers(1, 200), min_size=1), st.booleans())
def test_chunks_make_no_difference(frames: list[Frame], sizes: list[int], into_buffer: bool) -> None:
    stream, reader, found = as_bytes(frames), FrameReader(), []
    for turn in range(len(stream)):
        chunk, stream = stream[: sizes[turn % len(sizes)]], stream[sizes[turn % len(sizes)] :]
        if into_buffer:
            reader.get_buffer()[: len(chunk)] = chunk
            reader.buffer_filled(len(chunk))
        else:
            reader.feed(chunk)
        if turn % 3:
            found += read_all(reader)
        if not stream:
            break
    assert found + read_all(reader) == frames
    reader.eof()


def test_a_request_and_a_response() -> None:
    reader = FrameReader("request")
    reader.feed(encode_request(7, {"type": "GetVariable", "key": "x"}))
    frame = reader.next_frame()
    assert frame is not None
    assert (frame.id, frame.body, frame.error) == (7, {"type": "GetVariable", "key": "x"}, None)
    assert encode_request(1, {"a": 1}) == framed(packb([1, {"a": 1}]))
    assert encode_response(1, None, {"error": "E"}) == framed(packb([1, None, {"error": "E"}]))


@pytest.mark.parametrize(
    ("shape", "elements", "expected"),
    [
        ("request", [1, {"a": 1}, {"traceparent": "00"}, "ti-id", "later"], Frame(1, {"a": 1})),
        ("request", [1, None], Frame(1, None)),
        ("response", [1], Frame(1, None)),
        ("response", [1, {"a": 1}], Frame(1, {"a": 1})),
        ("response", [1, {"a": 1}, None, "later"], Frame(1, {"a": 1})),
    ],
)
def test_elements_that_airflow_adds_or_leaves_out(shape: Any, elements: list[Any], expected: Frame) -> None:
    reader = FrameReader(shape)
    reader.feed(framed(packb(elements)))
    assert reader.next_frame() == expected


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xc1",
        packb({"id": 1}),
        packb([]),
        packb(["1", {}, None]),
        packb([True, {}, None]),
        packb([1.0, {}, None]),
        packb([1, [], None]),
        packb([1, {}, "error"]),
        packb([1, {}, None]) + b"\x00",
        packb([1, "x" * 100_000, None]),
    ],
)
def test_a_malformed_payload_is_skipped(payload: bytes) -> None:
    reader = FrameReader()
    reader.feed(framed(payload) + encode_response(2, {"a": 1}))
    with pytest.raises(MalformedFrame):
        reader.next_frame()
    assert reader.next_frame() == Frame(2, {"a": 1})
    assert reader.next_frame() is None


def test_a_request_needs_a_body() -> None:
    reader = FrameReader("request")
    reader.feed(framed(packb([1])))
    with pytest.raises(MalformedFrame, match="array of 2"):
        reader.next_frame()


def test_errors_quote_nothing_that_was_sent() -> None:
    reader = FrameReader()
    reader.feed(framed(packb([1, {"password": "hunter2"}, "hunter2"])))
    with pytest.raises(MalformedFrame) as caught:
        reader.next_frame()
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(Frame(1, {"type": "ConnectionResult", "password": "hunter2"}))


def test_a_frame_too_large_ends_it_for_good() -> None:
    reader = FrameReader(max_payload=100)
    reader.feed(framed(b"\x00" * 101))
    for _ in range(2):
        with pytest.raises(FrameTooLarge, match="101 bytes of payload, more than the 100"):
            reader.next_frame()
    with pytest.raises(FrameTooLarge):
        reader.get_buffer()


def test_the_largest_length_is_not_allocated() -> None:
    tracemalloc.start()
    try:
        reader = FrameReader()
        reader.feed(b"\xff\xff\xff\xff")
        assert reader.next_frame() is None
        assert len(reader.get_buffer()) == 16 * 1024 * 1024
        reader.buffer_filled(10)
        assert len(reader.get_buffer()) == 16 * 1024 * 1024
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 60 * 1024 * 1024


def test_a_large_frame_is_received_in_place_and_let_go() -> None:
    body = {"v": "x" * 40_000_000}
    stream = memoryview(encode_response(1, body))
    reader = FrameReader()
    tracemalloc.start()
    try:
        while reader.next_frame() is None:
            room = reader.get_buffer()
            count = min(len(room), len(stream))
            room[:count], stream = stream[:count], stream[count:]
            reader.buffer_filled(count)
            if not stream:
                break
        assert reader.next_frame() == Frame(1, body)
        left, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3 * 40_000_000
    assert left < 1_000_000


@pytest.mark.parametrize("cut", [1, 3, 4, 5, 20])
def test_an_end_inside_a_frame(cut: int) -> None:
    whole = encode_response(1, {"a": "b" * 30})
    reader = FrameReader()
    reader.feed(whole + whole[:cut])
    with pytest.raises(TruncatedFrame, match=f"after {cut} of"):
        reader.eof()


def test_an_end_after_whole_frames() -> None:
    reader = FrameReader()
    reader.eof()
    reader.feed(encode_response(1, {}) * 2)
    reader.eof()
    assert len(read_all(reader)) == 2
    reader.eof()


@pytest.mark.parametrize("count", [-1, 2**40])
def test_more_bytes_than_there_was_room_for(count: int) -> None:
    reader = FrameReader()
    with pytest.raises(ValueError, match="cannot have been written"):
        reader.buffer_filled(1)
    reader.get_buffer()
    with pytest.raises(ValueError, match="cannot have been written"):
        reader.buffer_filled(count)


def test_a_shape_that_does_not_exist() -> None:
    with pytest.raises(ValueError, match="'response' or 'request'"):
        FrameReader("reply")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("id_", "body", "error"),
    [("1", {}, None), (True, {}, None), (1, [], None), (1, {}, "error")],
)
def test_what_must_not_be_sent(id_: Any, body: Any, error: Any) -> None:
    with pytest.raises(LocalProtocolError):
        encode_response(id_, body, error)


def test_a_request_without_a_body_must_not_be_sent() -> None:
    with pytest.raises(LocalProtocolError, match="body is a dict"):
        encode_request(1, None)  # type: ignore[arg-type]


def test_an_encode_error_names_the_place_in_the_body() -> None:
    with pytest.raises(EncodeError, match=r"^body\.value\[3\]: set cannot be sent"):
        encode_request(1, {"value": [0, 1, 2, {4}]})
    with pytest.raises(EncodeError, match=r"^error\.detail: "):
        encode_response(1, None, {"detail": object()})


def test_a_payload_beyond_the_length_field(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("afbundle.wire.frames.MAX_PAYLOAD", 1000)
    with pytest.raises(LocalProtocolError, match="more than the 1000"):
        encode_request(1, {"v": "x" * 1000})


def test_frames_compare_by_value() -> None:
    assert Frame(1, {}) != (1, {}, None)
    assert Frame(1, {}) != Frame(1, {}, {})
    assert repr(Frame(1, None, {"type": "ErrorResponse"})) == "Frame(1, None, error)"
    assert issubclass(MalformedFrame, RemoteProtocolError)


@given(st.integers(0, 2**64 - 1), BODIES)
def test_a_head_and_pieces_make_a_request(id_: int, body: dict[str, Any]) -> None:
    pieces = pack_parts(body)
    assert request_head(id_, sum(map(len, pieces))) + b"".join(pieces) == encode_request(id_, body)


def test_a_head_of_a_request_too_large() -> None:
    with pytest.raises(LocalProtocolError, match="more than the 4294967295"):
        request_head(1, 2**32)


def test_a_payload_at_hand() -> None:
    assert decode_response(packb([1, {"a": 1}, None])) == Frame(1, {"a": 1})
    assert decode_response(memoryview(packb([1]))) == Frame(1, None)
    for payload in (b"", b"\x90", packb([1, 2])):
        with pytest.raises(MalformedFrame):
            decode_response(payload)
