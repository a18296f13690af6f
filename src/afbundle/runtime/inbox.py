"""Bytes that came from the supervisor and were not yet understood.

Theory of operation
-------------------
A task may be interrupted at any bytecode by an exception that a signal handler raises (`KeyboardInterrupt`, a timeout of the
user's own, `TaskTerminated`), also while it reads. Not a byte may then be lost or read twice, or every later answer is garbage.
Two rules see to that:

- What arrives is recorded by C code, with no bytecode in between: ``list.extend(map(socket.recv, …))``. A signal handler runs
  before the call (nothing was received) or after it (all is recorded).
- A frame is handed on before it is taken off, and taking it off is one assignment. An interruption between the two only means
  that the next `Inbox.take` hands the same frame on again; whoever takes it must not mind.

The state is a list of chunks while frames are small. A large frame gets a buffer of its own size, which grows with what really
arrives, so that it is held in memory once.
"""

from __future__ import annotations

from _struct import Struct

from afbundle.wire.frames import decode_response

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket as Socket
    from collections.abc import Callable

    from afbundle.wire.frames import Frame

_HEADER = Struct(">I")
_CHUNK = 65536
_LARGE = 2 * _CHUNK
# How far a large frame's buffer grows ahead of what arrived, in bytes: the cost of a length that lies.
_STEP = 16 * 1024 * 1024


class Inbox:
    """Receives from a socket and cuts what came into frames.

    Attributes:
        ended: whether the other end has closed the connection.
    """

    __slots__ = ("_state", "ended")

    def __init__(self) -> None:
        self._state: list[bytes | memoryview] | _Large = []
        self.ended = False

    def __bool__(self) -> bool:
        """Whether there is anything that `take` could look at."""
        return bool(self._state)

    @property
    def is_ripe(self) -> bool:
        """Whether `take` was interrupted and has something left to do."""
        state = self._state
        if not isinstance(state, list):
            return state.is_complete
        return len(state) > 1 or (bool(state) and len(state[0]) >= _size_of(state[0]))

    def receive(self, socket: Socket, flags: int = 0) -> None:
        """Receive once.

        Arguments:
            socket: where from.
            flags: as for ``recv``.

        Raises:
            BlockingIOError: with ``MSG_DONTWAIT``, nothing is there.
            OSError: the connection broke.
        """
        state = self._state
        if isinstance(state, list):
            state.extend(map(socket.recv, (_CHUNK,), (flags,)))
        else:
            with state.room() as room:
                state.counts.extend(map(socket.recv_into, (room,), (0,), (flags,)))

    def take(self, hand_on: Callable[[Frame], None]) -> None:
        """Hand on every whole frame, in order, each at least once.

        Raises:
            MalformedFrame: a payload is no response; nothing after it is read.
        """
        while state := self._state:
            if not isinstance(state, list):
                if not state.is_complete:
                    self.ended = self.ended or state.has_ended
                    return
                with memoryview(state.buffer) as payload:
                    frame = decode_response(payload)
                hand_on(frame)
                if self._state is state:
                    self._state = []
                continue
            if not state[-1]:
                self.ended = True
                state.pop()
                continue
            head = state[0]
            size = _size_of(head)
            if len(head) >= size:
                hand_on(decode_response(head[_HEADER.size : size]))
                if self._state is state and state and state[0] is head:
                    if len(head) == size:
                        del state[0]
                    else:
                        state[0] = memoryview(head)[size:]
            elif len(state) > 1:
                state[:] = [b"".join(state)]
            elif size > _LARGE:
                self._state = _Large(size - _HEADER.size, head[_HEADER.size :])
            else:
                return

    def describe_rest(self) -> str:
        """Say how much of an unfinished frame is there; empty when there is none."""
        state = self._state
        if isinstance(state, list):
            return f"{sum(map(len, state))} bytes of a frame" if state else ""
        return f"{sum(state.counts)} of a frame's {state.size} bytes"


def _size_of(head: bytes | memoryview) -> int:
    """Return the size of the frame that starts here, header included; more than there is when that cannot be told yet."""
    if len(head) < _HEADER.size:
        return _HEADER.size
    size: int = _HEADER.unpack_from(head)[0]
    return _HEADER.size + size


class _Large:
    """A frame too large for chunks.

    Attributes:
        size: of its payload, in bytes.
        buffer: holds what arrived, and room for more.
        counts: how many bytes each ``recv_into`` brought; their sum says how far the buffer is filled.
    """

    __slots__ = ("buffer", "counts", "size")

    def __init__(self, size: int, begin: bytes | memoryview) -> None:
        self.size = size
        self.buffer = bytearray(begin)
        self.counts = [len(begin)]

    @property
    def is_complete(self) -> bool:
        return sum(self.counts) == self.size

    @property
    def has_ended(self) -> bool:
        # The first count is what came with the header, which may be nothing.
        return len(self.counts) > 1 and not self.counts[-1]

    def room(self) -> memoryview:
        """Return where the next bytes go."""
        filled = sum(self.counts)
        if filled == len(self.buffer):
            self.buffer += bytes(min(self.size - filled, _STEP))
        return memoryview(self.buffer)[filled:]
