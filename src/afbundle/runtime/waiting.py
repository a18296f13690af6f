"""Who waits for an answer of the `afbundle.runtime.channel`, in a thread or in an event loop, and what is still to be sent."""

from __future__ import annotations

from _socket import MSG_DONTWAIT
from _thread import allocate_lock, get_ident

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket as Socket
    from asyncio import AbstractEventLoop, Future
    from collections.abc import Callable
    from typing import Any

    from afbundle.wire.frames import Frame

NO_ID = -1
"""The id of a waiter whose request was not sent yet."""


class Outgoing:
    """Bytes to be sent.

    Attributes:
        data: the bytes; dropped when they are through.
        sent: how many bytes each ``send`` took.
        is_through: whether all of them did.
    """

    __slots__ = ("data", "is_through", "sent")

    def __init__(self, data: bytes | bytearray) -> None:
        self.data = data
        self.sent: list[int] = []
        self.is_through = False

    def push(self, socket: Socket) -> None:
        """Send once, without blocking; raises BlockingIOError when the socket takes nothing."""
        done = sum(self.sent)
        if done < len(self.data):
            self.sent.extend(map(socket.send, (memoryview(self.data)[done:],), (MSG_DONTWAIT,)))
            done += self.sent[-1]
        if done == len(self.data):
            self.is_through = True
            self.data = b""


class ThreadWaiter:
    """A thread that waits for an answer.

    Attributes:
        id: the request's id.
        frame: the answer, once it is there.
        last: the end of the request; None when there was nothing to send.
        thread: the thread's identity.
    """

    __slots__ = ("_bell", "_gate", "frame", "id", "last", "thread")

    def __init__(self) -> None:
        self.id = NO_ID
        self.frame: Frame | None = None
        self.last: Outgoing | None = None
        self.thread = get_ident()
        self._gate: Any = None
        self._bell: tuple[int, int] | None = None

    @property
    def is_sending(self) -> bool:
        """Whether the request is not through yet."""
        return self.last is not None and not self.last.is_through

    def prepare_sleep(self) -> None:
        """Make `rouse` able to end a `sleep` that comes later; called under the channel's lock."""
        if self._gate is None:
            self._gate = allocate_lock()
            self._gate.acquire()

    def sleep(self) -> None:
        """Wait until somebody rouses this thread."""
        self._gate.acquire()

    def prepare_poll(self) -> None:
        """Make `rouse` able to end a `poll` that comes later; called under the channel's lock."""
        if self._bell is None:
            from posix import pipe

            self._bell = pipe()

    def poll(self, fd: int) -> None:
        """Wait until the socket takes more, or somebody rouses this thread."""
        from select import POLLIN, POLLOUT, poll

        assert self._bell is not None  # noqa: S101  (prepare_poll was called)
        poller = poll()
        poller.register(fd, POLLOUT)
        poller.register(self._bell[0], POLLIN)
        poller.poll()

    def rouse(self) -> None:
        """Wake the thread; more often than needed does no harm."""
        if self._gate is not None and self._gate.locked():
            self._gate.release()
        if self._bell is not None:
            from posix import write

            write(self._bell[1], b"!")

    def put_away(self) -> None:
        """Close what `prepare_poll` opened."""
        if self._bell is not None:
            from posix import close

            bell, self._bell = self._bell, None
            for fd in bell:
                close(fd)


class LoopLink:
    """An event loop that uses the channel.

    Attributes:
        loop: the loop.
        thread: the identity of its thread.
        waiting: ids of the requests that its coroutines wait for.
        reading: whether it watches for input, or was told to.
        writing: whether it watches for room to send.
    """

    __slots__ = ("loop", "reading", "thread", "waiting", "writing")

    def __init__(self, loop: AbstractEventLoop) -> None:
        self.loop = loop
        self.thread = get_ident()
        self.waiting: set[int] = set()
        self.reading = False
        self.writing = False

    def call(self, function: Callable[..., object], *args: Any) -> None:
        """Call a function in the loop's thread: at once when this is it."""
        if self.thread != get_ident():
            self.call_soon(function, *args)
        elif not self.loop.is_closed():
            function(*args)

    def call_soon(self, function: Callable[..., object], *args: Any) -> None:
        """Have the loop call a function in its next turn."""
        try:
            self.loop.call_soon_threadsafe(function, *args)
        except RuntimeError:
            pass  # The loop is closed, and nobody waits in it any more.


class LoopWaiter:
    """A coroutine that waits for an answer."""

    __slots__ = ("future", "id", "last", "link")

    def __init__(self, link: LoopLink) -> None:
        self.id = NO_ID
        self.last: Outgoing | None = None
        self.link = link
        self.future: Future[Frame | None] = link.loop.create_future()

    def answer(self, frame: Frame | None) -> None:
        """Wake the coroutine with its answer, None when there will be none; more often than once does no harm."""
        self.link.call(self._resolve, frame)

    def _resolve(self, frame: Frame | None) -> None:
        if not self.future.done():
            self.future.set_result(frame)
