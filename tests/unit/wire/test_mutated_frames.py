"""100,000 mutated frames: each is read or refused with a typed error, quickly and in bounded memory."""

from __future__ import annotations

import random
import resource
import time
from collections import Counter

import pytest

from afbundle.wire import messages
from afbundle.wire.errors import InvalidMessage, MalformedFrame, RemoteProtocolError, TruncatedFrame
from afbundle.wire.frames import FrameReader, encode_response
from tests.unit.wire.samples import message_names, sample

FRAMES = 100_000
# Bytes that mean much: containers, lengths, extensions and their largest values.
TELLING = bytes.fromhex(
    "00 7f 80 8f 90 9f a0 bf c0 c1 c4 c6 c7 c9 ca cb cf d3 d4 d6 d7 d8 d9 db dc dd de df e0 ff"
)


def mutate(frame: bytes, chance: random.Random) -> bytes:
    """Return ``frame`` changed in one to four places; half the time with a header that fits."""
    data = bytearray(frame)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(data)) if data else 0
        way = chance.randrange(6)
        if way == 0 and data:
            data[place] ^= 1 << chance.randrange(8)
        elif way == 1 and data:
            data[place] = chance.choice(TELLING)
        elif way == 2:
            del data[place : place + chance.randint(1, 8)]
        elif way == 3:
            data[place:place] = chance.choice(TELLING).to_bytes(1, "big") * chance.randint(1, 600)
        elif way == 4:
            data[place:place] = data[max(0, place - 20) : place]
        else:
            data[place : place + 5] = chance.choice((b"\xdb", b"\xdd", b"\xdf", b"\xc6")) + chance.randbytes(
                4
            )
    if chance.random() < 0.5 and len(data) > 4:
        data[:4] = (len(data) - 4).to_bytes(4, "big")
    return bytes(data)


def read(data: bytes) -> str:
    """Read all frames, messages and fields in ``data``; return how that ended."""
    reader = FrameReader()
    reader.feed(data)
    try:
        while (frame := reader.next_frame()) is not None:
            message = messages.from_body(frame.body)
            for name in message.__fields__:
                getattr(message, name)
            repr(message)
        reader.eof()
    except RemoteProtocolError as error:
        return type(error).__name__
    return "read"


@pytest.mark.slow
def test_no_mutation_escapes() -> None:
    chance = random.Random(20260616)
    originals = [encode_response(1, sample(name).to_body()) for name in message_names()]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    outcomes: Counter[str] = Counter()
    slowest = 0.0
    for turn in range(FRAMES):
        data = mutate(originals[turn % len(originals)], chance)
        began = time.thread_time()
        outcomes[read(data)] += 1
        slowest = max(slowest, time.thread_time() - began)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory
    assert grown < 64 * 1024, f"memory grew by {grown} KiB"
    assert slowest < 1.0, f"one frame took {slowest:.2f} s"
    # The mutations reach every kind of refusal, and leave something to read.
    for error in (MalformedFrame, TruncatedFrame, InvalidMessage):
        assert outcomes[error.__name__] > 1000, outcomes
    assert outcomes["read"] > 1000, outcomes
