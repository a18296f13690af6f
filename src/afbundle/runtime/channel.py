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
from _thread import RLock, get_ident
from itertools import count

from afbundle.exceptions import ApiError, ChannelClosed, UnexpectedAnswer
from afbundle.runtime.inbox import Inbox
from afbundle.runtime.waiting import LoopLink, LoopWaiter, Outgoing, ThreadWaiter
from afbundle.wire import messages
from afbundle.wire.errors import InvalidMessage, RemoteProtocolError
from afbundle.wire.frames import request_head
from afbundle.wire.msgpack import pack_parts, settle

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket as Socket
    from asyncio import AbstractEventLoop

    from afbundle.wire.frames import Frame
    from afbundle.wire.messages import Message

__all__ = ["Channel"]

# A body's first piece is joined with the frame's head up to this size, so that one ``send`` does.
_LARGE = 65536

_FIRST_ID = 0  # of the frame that nobody asked for


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
        self._outbox: list[Outgoing] = []
        self._pending: dict[int, ThreadWaiter | LoopWaiter] = {}
        # The threads that can be made the reader, by request id.
        self._asleep: dict[int, ThreadWaiter] = {}
        self._reader: ThreadWaiter | LoopLink | None = None
        self._links: list[LoopLink] = []
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
            EncodeError: something in the message cannot travel; nothing was sent.
        """
        return _content(self._ask(ThreadWaiter(), _packed(message)))

    async def arequest(self, message: Message) -> Message | None:
        """Send a message and wait for its answer without blocking the event loop; otherwise as `request`."""
        from asyncio import get_running_loop

        pieces = _packed(message)
        link = self._link_of(get_running_loop())
        waiter = LoopWaiter(link)
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
        message = _content(self._ask(ThreadWaiter(), None))
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
                self._outbox.append(Outgoing(request_head(_FIRST_ID, len(data)) + data))
                self._send()

    def close(self) -> None:
        """Close the connection; everyone who still waits gets `ChannelClosed`."""
        with self._lock:
            self._is_closing = True
            self._lose("this process closed it")
            self._dispose()

    # ---- waiting, in a thread

    def _ask(self, waiter: ThreadWaiter, pieces: list[bytes | bytearray] | None) -> Frame:
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
            try:
                self._leave(waiter)
            except BaseException:
                self._leave(waiter, again=True)
                raise

    def _take_role(self, waiter: ThreadWaiter) -> bool:
        # A reader of this very thread lies suspended below: this is a signal handler, or a finalizer.
        if self._reader is None or self._reader.thread == waiter.thread:
            self._reader = waiter
        return self._reader is waiter

    def _read_for(self, waiter: ThreadWaiter) -> None:
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

    def _wait_aside(self, waiter: ThreadWaiter) -> None:
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

    def _leave(self, who: ThreadWaiter | LoopLink, *, again: bool = False) -> None:
        """Give up the reader's role, and all else that a waiting thread has.

        Arguments:
            who: the thread or loop that leaves.
            again: whether a signal handler interrupted this once already, at whatever line.
        """
        with self._lock:
            if isinstance(who, ThreadWaiter):
                self._pending.pop(who.id, None)
                self._asleep.pop(who.id, None)
                who.put_away()
            if self._reader is who:
                self._reader = None
            if self._reader is None:
                self._pass_on_reading()
            elif again and isinstance(self._reader, ThreadWaiter):
                self._reader.rouse()  # It may have been made the reader without being told.

    # ---- waiting, in an event loop

    def _link_of(self, loop: AbstractEventLoop) -> LoopLink:
        with self._lock:
            for link in self._links:
                if link.loop is loop:
                    link.thread = get_ident()
                    return link
            self._links = [link for link in self._links if not link.loop.is_closed()]
            link = LoopLink(loop)
            self._links.append(link)
            return link

    def _watch(self, link: LoopLink) -> None:
        """Have a loop watch the socket; called in its thread."""
        if not link.reading:
            link.loop.add_reader(self._fd, self._on_readable, link)
            link.reading = True
        if self._outbox and not link.writing:
            link.loop.add_writer(self._fd, self._on_writable, link)
            link.writing = True

    def _on_readable(self, link: LoopLink) -> None:
        try:
            if self._begin_reading(link):
                self._receive(MSG_DONTWAIT)
        finally:
            try:
                self._leave(link)
            except BaseException:
                self._leave(link, again=True)
                raise

    def _begin_reading(self, link: LoopLink) -> bool:
        with self._lock:
            if self._end is not None:
                self._unwatch(link)
            elif self._reader is None:
                self._reader = link
                return True
            else:
                # Whoever it is passes the reading on to this loop when done.
                link.loop.remove_reader(self._fd)
                link.reading = False
            return False

    def _on_writable(self, link: LoopLink) -> None:
        with self._lock:
            if self._end is None:
                self._send()
            if not self._outbox:
                link.loop.remove_writer(self._fd)
                link.writing = False

    def _resume(self, link: LoopLink) -> None:
        with self._lock:
            if self._end is not None:
                self._unwatch(link)
                return
            link.loop.add_reader(self._fd, self._on_readable, link)
            link.reading = True
        # An interrupted reader may have left something that no event announces.
        self._on_readable(link)

    def _unwatch(self, link: LoopLink) -> None:
        with self._lock:
            if not link.loop.is_closed():
                link.loop.remove_reader(self._fd)
                link.loop.remove_writer(self._fd)
            link.reading = link.writing = False
            self._dispose()

    # ---- under the lock: sending, and who reads

    def _post(self, waiter: ThreadWaiter | LoopWaiter, pieces: list[bytes | bytearray]) -> None:
        if self._end is not None:
            raise self._closed_error()
        waiter.id = next(self._ids)
        head = request_head(waiter.id, sum(map(len, pieces)))
        if len(pieces[0]) < _LARGE:
            pieces[0] = head + pieces[0]
        else:
            pieces.insert(0, head)
        outgoing = [Outgoing(piece) for piece in pieces]
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
            elif outbox and outbox[0] is first:
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
                if link.waiting and (not link.reading or self._inbox.is_ripe):
                    link.call_soon(self._resume, link)

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
            if isinstance(waiter, LoopWaiter):
                waiter.answer(frame)
            else:
                waiter.frame = frame
                waiter.rouse()
                self._asleep.pop(waiter.id, None)

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
            if isinstance(waiter, LoopWaiter):
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


def _packed(message: Message) -> list[bytes | bytearray]:
    # Not `to_body`, which would make datetimes of the timestamps in it, only to have them packed.
    return pack_parts(message._body, "body")


def _content(frame: Frame) -> Message | None:
    error, body = frame.error, frame.body
    if error is None and body is not None and body.get("type") == "ErrorResponse":
        error = body
    if error is not None:
        detail = settle(error.get("detail"))
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
