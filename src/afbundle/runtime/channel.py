"""`Channel`: requests to Airflow's supervisor and their answers, for any number of threads and event loops at once.

Theory of operation
-------------------
There is no background thread. Whoever waits for an answer and finds nobody reading becomes the reader: it receives, hands
every answer to the one who waits for it, and passes the reading on when its own is there.

- A thread that is the reader (`Channel._reader`) blocks in ``recv``. Other threads sleep at a lock of their own.
- An event loop that waits never blocks: it watches the socket (``add_reader``) and takes the reader's role for one receive at a
  time. While a thread is the reader, the loop's watch is removed; the thread sets it up again when it leaves.

Nothing may block in sending, because the supervisor is single-threaded: while it is busy sending us a large answer, it does not
read what we send. Frames therefore go to an outbox, which is emptied without blocking. A thread whose frame is not through waits
until the socket takes more, and, as the reader, receives in the same ``poll``; if another thread is the reader, a pipe wakes it
when that one leaves. A loop uses ``add_writer``.

Everything survives an exception that a signal handler raises in the middle of it (see `afbundle.runtime.inbox`): counts
of bytes are recorded by C code, an answer is handed on before it is taken off, and whoever is interrupted gives up its role
on the way out. A request from within a signal handler works too, provided that the handler then raises or ends the process.
"""

from __future__ import annotations

from _socket import MSG_DONTWAIT, SHUT_RDWR
from _thread import RLock, allocate_lock, get_ident
from itertools import count

from afbundle.exceptions import ApiError, ChannelClosed, UnexpectedAnswer
from afbundle.runtime.inbox import Inbox
from afbundle.wire import messages
from afbundle.wire.errors import InvalidMessage, RemoteProtocolError
from afbundle.wire.frames import request_head
from afbundle.wire.msgpack import pack_parts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket as Socket
    from asyncio import AbstractEventLoop, Future
    from collections.abc import Callable
    from typing import Any

    from afbundle.wire.frames import Frame
    from afbundle.wire.messages import Message

__all__ = ["Channel"]

# Pieces of a body from this size on are sent as they are; smaller ones are joined.
_LARGE = 65536

_FIRST_ID = 0  # of the frame that nobody asked for
_NO_ID = -1


class _Outgoing:
    """Bytes to be sent.

    Attributes:
        data: the bytes; dropped when they are through.
        sent: how many bytes each ``send`` took.
        is_through: whether all of them did.
    """

    __slots__ = ("data", "is_through", "sent")

    def __init__(self, data: bytes) -> None:
        self.data: bytes | memoryview = data
        self.sent: list[int] = []
        self.is_through = False

    def push(self, socket: Socket) -> None:
        """Send once, without blocking; raises BlockingIOError when the socket takes nothing."""
        done = sum(self.sent)
        if done < len(self.data):
            rest = memoryview(self.data)[done:] if done else self.data
            self.sent.extend(map(socket.send, (rest,), (MSG_DONTWAIT,)))
            done += self.sent[-1]
        if done == len(self.data):
            self.is_through = True
            self.data = b""


class _Waiter:
    """A thread that waits for an answer.

    Attributes:
        id: the request's id.
        frame: the answer, once it is there.
        last: the end of the request; None when there was nothing to send.
        thread: the thread's identity.
    """

    __slots__ = ("_bell", "_gate", "frame", "id", "last", "thread")

    def __init__(self) -> None:
        self.id = _NO_ID
        self.frame: Frame | None = None
        self.last: _Outgoing | None = None
        self.thread = get_ident()
        self._gate: Any = None
        self._bell: tuple[int, int] | None = None

    @property
    def is_sending(self) -> bool:
        return self.last is not None and not self.last.is_through

    def prepare_sleep(self) -> None:
        if self._gate is None:
            self._gate = allocate_lock()
            self._gate.acquire()

    def sleep(self) -> None:
        self._gate.acquire()

    def prepare_poll(self) -> None:
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
        if self._bell is not None:
            from posix import close

            bell, self._bell = self._bell, None
            for fd in bell:
                close(fd)


class _Link:
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
        """Have a function called in the loop: at once when this is its thread."""
        if self.loop.is_closed():
            return  # Nobody waits in it any more.
        if self.thread == get_ident():
            function(*args)
            return
        try:
            self.loop.call_soon_threadsafe(function, *args)
        except RuntimeError:
            pass  # It was closed just now.


class _LoopWaiter:
    """A coroutine that waits for an answer."""

    __slots__ = ("future", "id", "last", "link")

    def __init__(self, link: _Link) -> None:
        self.id = _NO_ID
        self.last: _Outgoing | None = None
        self.link = link
        self.future: Future[Frame | None] = link.loop.create_future()

    def answer(self, frame: Frame | None) -> None:
        self.link.call(self._resolve, frame)

    def _resolve(self, frame: Frame | None) -> None:
        if not self.future.done():
            self.future.set_result(frame)


class Channel:
    """The connection to the supervisor on which requests are made.

    Arguments:
        sock: a connected ``_socket.socket`` (or `socket.socket`), in blocking mode; the channel owns it from now on.
    """

    def __init__(self, sock: Socket) -> None:
        if sock.gettimeout() is not None:
            sock.settimeout(None)
        self._sock = sock
        self._fd = sock.fileno()
        # Never held while anything blocks. Re-entrant, for requests from a signal handler.
        self._lock = RLock()
        self._ids = count(1)
        self._inbox = Inbox()
        self._outbox: list[_Outgoing] = []
        self._pending: dict[int, _Waiter | _LoopWaiter] = {}
        # The threads that can be made the reader, by request id.
        self._asleep: dict[int, _Waiter] = {}
        self._reader: _Waiter | _Link | None = None
        self._links: list[_Link] = []
        self._first: Frame | None = None
        # Why nothing can be asked any more, and the error behind it.
        self._end: tuple[str, Exception | None] | None = None
        self._is_closing = False
        self._forget_after_fork()

    @property
    def closed(self) -> bool:
        """Whether nothing can be asked any more."""
        return self._end is not None

    def request(self, message: Message) -> Message | None:
        """Send a message and wait for its answer; any thread may call this.

        Returns:
            The answer; None where the supervisor answers with nothing, as it does to most messages that set something.

        Raises:
            ApiError: Airflow answered with an error; of the most exact subclass.
            ChannelClosed: the supervisor is gone, before or while waiting.
            UnexpectedAnswer: the answer is no message of the supervisor schema.
        """
        return _content(self._ask(_Waiter(), _packed(message)))

    async def arequest(self, message: Message) -> Message | None:
        """Send a message and wait for its answer without blocking the event loop; otherwise as `request`."""
        from asyncio import get_running_loop

        pieces = _packed(message)
        link = self._link_of(get_running_loop())
        waiter = _LoopWaiter(link)
        try:
            with self._lock:
                self._post(waiter, pieces)
                link.waiting.add(waiter.id)
                self._watch(link)
            frame = await waiter.future
        finally:
            with self._lock:
                self._pending.pop(waiter.id, None)
                link.waiting.discard(waiter.id)
        if frame is None:
            raise self._closed_error()
        return _content(frame)

    def first(self) -> Message:
        """Wait for the frame that the supervisor sends unasked (id 0); asked again, return it again.

        Raises:
            ApiError, ChannelClosed, UnexpectedAnswer: as `request`.
        """
        message = _content(self._ask(_Waiter(), None))
        if message is None:
            raise UnexpectedAnswer("the supervisor's first frame is empty")
        return message

    def refuse(self, reason: str) -> None:
        """Tell the supervisor that its first frame cannot be served: an ``ErrorResponse`` under its id.

        The error stands in the body. As a frame's third element Airflow's supervisor would take it for a trace context.
        """
        body = {"type": "ErrorResponse", "error": "GENERIC_ERROR", "detail": {"message": reason}}
        data = b"".join(pack_parts(body))
        with self._lock:
            if self._end is None:
                self._outbox.append(_Outgoing(request_head(_FIRST_ID, len(data)) + data))
                self._send()

    def close(self) -> None:
        """Close the connection; everyone who still waits gets `ChannelClosed`."""
        with self._lock:
            self._is_closing = True
            self._lose("this process closed it")
            self._dispose()

    # ---- waiting, in a thread

    def _ask(self, waiter: _Waiter, pieces: list[bytes] | None) -> Frame:
        try:
            with self._lock:
                if pieces is None:
                    waiter.id, waiter.frame = _FIRST_ID, self._first
                    self._pending[_FIRST_ID] = waiter
                else:
                    self._post(waiter, pieces)
                self._take_role(waiter)
            while waiter.frame is None:
                if self._reader is waiter:
                    self._read_for(waiter)
                elif self._end is not None:
                    raise self._closed_error()
                else:
                    self._wait_aside(waiter)
            return waiter.frame
        finally:
            self._leave(waiter)

    def _take_role(self, waiter: _Waiter) -> bool:
        # A reader of this very thread lies suspended below: this is a signal handler, or a finalizer.
        if self._reader is None or self._reader.thread == waiter.thread:
            self._reader = waiter
        return self._reader is waiter

    def _read_for(self, waiter: _Waiter) -> None:
        """Receive once, after looking at what an interrupted reader may have left."""
        if self._inbox:
            self._digest()
            if waiter.frame is not None:
                return
        if self._end is not None:
            raise self._closed_error()
        if waiter.is_sending:
            from select import POLLIN, POLLOUT, poll

            poller = poll()
            poller.register(self._fd, POLLIN | POLLOUT)
            events = poller.poll()[0][1]
            if events & POLLOUT:
                with self._lock:
                    self._send()
            if events & ~POLLOUT:
                self._receive(MSG_DONTWAIT)
        else:
            self._receive(0)

    def _wait_aside(self, waiter: _Waiter) -> None:
        """Wait while somebody else is the reader."""
        with self._lock:
            if waiter.frame is not None or self._end is not None or self._take_role(waiter):
                return
            is_sending = waiter.is_sending
            if is_sending:
                waiter.prepare_poll()
            else:
                waiter.prepare_sleep()
            self._asleep[waiter.id] = waiter
        if is_sending:
            waiter.poll(self._fd)
            with self._lock:
                self._send()
        else:
            waiter.sleep()

    def _leave(self, waiter: _Waiter) -> None:
        with self._lock:
            self._pending.pop(waiter.id, None)
            self._asleep.pop(waiter.id, None)
            waiter.put_away()
            if self._reader is waiter:
                self._reader = None
                self._pass_on_reading()

    # ---- waiting, in an event loop

    def _link_of(self, loop: AbstractEventLoop) -> _Link:
        with self._lock:
            for link in self._links:
                if link.loop is loop:
                    link.thread = get_ident()
                    return link
            self._links = [link for link in self._links if not link.loop.is_closed()]
            link = _Link(loop)
            self._links.append(link)
            return link

    def _watch(self, link: _Link) -> None:
        """Have a loop watch the socket; called in its thread."""
        if not link.reading:
            link.loop.add_reader(self._fd, self._on_readable, link)
            link.reading = True
        if self._outbox and not link.writing:
            link.loop.add_writer(self._fd, self._on_writable, link)
            link.writing = True

    def _on_readable(self, link: _Link) -> None:
        with self._lock:
            if self._end is not None:
                self._unwatch(link)
                return
            if self._reader is not None:
                # Whoever it is passes the reading on to this loop when done.
                link.loop.remove_reader(self._fd)
                link.reading = False
                return
            self._reader = link
        try:
            self._receive(MSG_DONTWAIT)
        finally:
            with self._lock:
                if self._reader is link:
                    self._reader = None
                    self._pass_on_reading()

    def _on_writable(self, link: _Link) -> None:
        with self._lock:
            if self._end is None:
                self._send()
            if not self._outbox:
                link.loop.remove_writer(self._fd)
                link.writing = False

    def _resume(self, link: _Link) -> None:
        with self._lock:
            if self._end is not None:
                self._unwatch(link)
                return
            link.loop.add_reader(self._fd, self._on_readable, link)
        # An interrupted reader may have left something that no event announces.
        self._on_readable(link)

    def _unwatch(self, link: _Link) -> None:
        with self._lock:
            if not link.loop.is_closed():
                link.loop.remove_reader(self._fd)
                link.loop.remove_writer(self._fd)
            link.reading = link.writing = False
            self._dispose()

    # ---- under the lock: sending, and who reads

    def _post(self, waiter: _Waiter | _LoopWaiter, pieces: list[bytes]) -> None:
        if self._end is not None:
            raise self._closed_error()
        waiter.id = next(self._ids)
        head = request_head(waiter.id, sum(map(len, pieces)))
        if len(pieces[0]) < _LARGE:
            pieces[0] = head + pieces[0]
        else:
            pieces.insert(0, head)
        outgoing = [_Outgoing(piece) for piece in pieces]
        pieces.clear()  # The outbox alone keeps them, and not longer than needed.
        waiter.last = outgoing[-1]
        self._pending[waiter.id] = waiter
        self._outbox += outgoing
        self._send()

    def _send(self) -> None:
        """Send as much of the outbox as the socket takes."""
        outbox = self._outbox
        while outbox:
            first = outbox[0]
            if not first.is_through:
                try:
                    first.push(self._sock)
                except BlockingIOError:
                    return
                except OSError as error:
                    self._lose(f"sending to it failed: {error}", error)
                    return
            elif outbox[0] is first:
                del outbox[0]

    def _pass_on_reading(self) -> None:
        """Find a new reader; there is none when this is called."""
        if self._end is not None:
            self._wake_all()
            self._dispose()
        elif self._asleep:
            waiter = next(iter(self._asleep.values()))
            self._reader = waiter
            waiter.rouse()
            self._asleep.pop(waiter.id, None)
        else:
            for link in self._links:
                if link.waiting and not link.reading:
                    link.reading = True
                    link.call(self._resume, link)

    # ---- receiving, as the reader

    def _receive(self, flags: int) -> None:
        try:
            self._inbox.receive(self._sock, flags)
        except BlockingIOError:
            pass
        except OSError as error:
            self._lose(f"receiving from it failed: {error}", error)
            return
        self._digest()

    def _digest(self) -> None:
        try:
            self._inbox.take(self._hand_on)
        except RemoteProtocolError as error:
            self._lose(f"it sent something that is not of the protocol: {error}", error)
            return
        if self._inbox.ended:
            rest = self._inbox.describe_rest()
            self._lose(f"it closed the connection after {rest}" if rest else "it closed the connection")

    def _hand_on(self, frame: Frame) -> None:
        with self._lock:
            if frame.id == _FIRST_ID and self._first is None:
                self._first = frame
            waiter = self._pending.get(frame.id)
            if waiter is None:
                return  # Whoever asked has given up waiting, or this frame was handed on before.
            if isinstance(waiter, _LoopWaiter):
                waiter.answer(frame)
            else:
                waiter.frame = frame
                self._asleep.pop(waiter.id, None)
                waiter.rouse()
            self._pending.pop(frame.id, None)

    # ---- the end

    def _lose(self, reason: str, error: Exception | None = None) -> None:
        with self._lock:
            if self._end is None:
                self._end = (reason, error)
                try:
                    self._sock.shutdown(SHUT_RDWR)  # wakes a thread that is receiving
                except OSError:
                    pass  # The other end was faster.
            self._outbox.clear()
            self._wake_all()

    def _wake_all(self) -> None:
        for waiter in list(self._pending.values()):
            if isinstance(waiter, _LoopWaiter):
                waiter.answer(None)
            else:
                waiter.rouse()
        for link in self._links:
            if link.reading or link.writing:
                link.call(self._unwatch, link)

    def _closed_error(self) -> ChannelClosed:
        assert self._end is not None  # noqa: S101  (only called then)
        reason, cause = self._end
        error = ChannelClosed(f"the connection to Airflow's supervisor is closed: {reason}")
        error.__cause__ = cause
        return error

    def _dispose(self) -> None:
        """Close the socket as soon as nobody uses it; a number that was closed too early may soon mean another file."""
        if self._is_closing and self._reader is None:
            for link in self._links:
                if (link.reading or link.writing) and not link.loop.is_closed():
                    return
            self._sock.close()

    def _forget_after_fork(self) -> None:
        """Make the channel useless in forked children: answers would reach either process by chance."""
        from _weakref import ref
        from posix import register_at_fork

        this = ref(self)

        def forget() -> None:
            channel = this()
            if channel is not None:
                channel._lock = RLock()
                channel._pending, channel._asleep, channel._links = {}, {}, []
                channel._outbox, channel._reader = [], None
                channel._end = ("this is a forked child of the task's process; ask in the task itself", None)
                channel._sock.close()

        register_at_fork(after_in_child=forget)


def _packed(message: Message) -> list[bytes]:
    """Return a message's body as bytes, in one piece unless it holds large ones."""
    pieces: list[bytes] = []
    small: list[bytes] = []
    for part in pack_parts(message.to_body(), "body"):
        if len(part) < _LARGE:
            small.append(part)
        else:
            pieces += (b"".join(small), part)
            small = []
    if small or not pieces:
        pieces.append(b"".join(small))
    return pieces


def _content(frame: Frame) -> Message | None:
    error, body = frame.error, frame.body
    if error is None and body is not None and body.get("type") == "ErrorResponse":
        error = body
    if error is not None:
        detail = error.get("detail")
        raise ApiError.of(
            str(error.get("error") or "GENERIC_ERROR"), detail if isinstance(detail, dict) else None
        )
    if body is None:
        return None
    try:
        return messages.from_body(body)
    except InvalidMessage as unknown:
        raise UnexpectedAnswer(
            f"the supervisor sent what this afbundle does not know: {unknown}"
        ) from unknown
