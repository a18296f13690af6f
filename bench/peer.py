"""A supervisor that does nothing but measure: starts a process, answers at once, and notes when what happened.

It speaks the coordinator protocol (two listeners on the loopback interface, frames on one, log lines on the other) and
waits in one ``epoll`` for everything, the process's exit included (pidfd): its own cost is small, and no polling blurs
a time.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from afbundle.wire.frames import FrameReader, encode_response

__all__ = ["Run", "RunError", "peak_memory", "take"]

_TERMINAL = frozenset({"SucceedTask", "RetryTask", "TaskState"})
_CHUNK = 65536


class RunError(Exception):
    """A process did not do what it is measured at; the message shows what it wrote."""


@dataclass
class Run:
    """What one process did. Times are nanoseconds since its launch, None for what never happened.

    Attributes:
        connected: both sockets were accepted.
        terminal: the terminal message was there.
        reaped: the exit code was there.
        released: it was, and stdout, stderr and both sockets are closed: nothing is left to wait for.
        outcome: type of the terminal message; the state for a ``TaskState``.
        exit_code: negative for a signal.
        peak: peak resident memory in bytes, see `peak_memory`; only where asked for.
        output: what the process wrote to stdout and stderr.
        records: what came over the logs socket, with the time of each piece.
    """

    connected: int | None = None
    terminal: int | None = None
    reaped: int = 0
    released: int = 0
    outcome: str | None = None
    exit_code: int = 0
    peak: int | None = None
    output: bytes = b""
    records: list[tuple[int, bytes]] = field(default_factory=list)

    def logged(self, event: str) -> int:
        """Return when the record with this text came.

        Raises:
            RunError: it never did.
        """
        for when, data in self.records:
            if event.encode() in data:
                return when
        raise RunError(f"no record {event!r} in the log")


def take(
    argv: Sequence[str | Path],
    *,
    first: bytes | None,
    env: Mapping[str, str],
    timeout: float = 60,
    memory: bool = False,
) -> Run:
    """Run a process to its end.

    Arguments:
        argv: absolute path of the program, and its arguments; ``--comm`` and ``--logs`` are added.
        first: the frame that the process gets as soon as it has connected; None for a process that does not connect.
        env: its environment.
        timeout: seconds until it is killed.
        memory: whether to look at its memory, which costs the time of a read from /proc.

    Raises:
        RunError: it was not over in time, failed, or ended without a terminal message.
    """
    run = _Conversation(first, memory).take([str(part) for part in argv], env, timeout)
    if run.exit_code != 0 or (first is not None and run.outcome != "SucceedTask"):
        raise RunError(
            f"{Path(argv[0]).name} ended with {run.exit_code} and {run.outcome or 'no terminal message'}\n"
            + b"".join([run.output, *(data for _, data in run.records)]).decode(errors="replace")
        )
    return run


def peak_memory(pid: int) -> int:
    """Return the largest resident set that a process had since its last `exec`, in bytes (VmHWM, Linux).

    ``ru_maxrss`` would not do: it starts at the size of the process that spawned it.
    """
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise RunError(f"process {pid} has no memory any more")


class _Conversation:
    """One run, from the launch to the end."""

    def __init__(self, first: bytes | None, memory: bool) -> None:
        self.run = Run()
        self._first = first
        self._memory = memory
        self._epoll = select.epoll()
        self._handlers: dict[int, Callable[[], None]] = {}
        self._listeners: set[int] = set()
        self._accepted = 0
        self._requests = FrameReader("request")
        self._pid = 0
        self._started = 0
        self._open = ExitStack()

    def take(self, argv: list[str], env: Mapping[str, str], timeout: float) -> Run:
        with self._open:
            self._open.callback(self._epoll.close)
            if self._first is not None:
                argv = [*argv, self._listen("comm", self._on_comm), self._listen("logs", self._on_logs)]
            stdin = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
            self._open.callback(os.close, stdin)
            streams = [self._stream(), self._stream()]
            actions = [
                (os.POSIX_SPAWN_DUP2, fd, number)
                for number, fd in enumerate([stdin, *(stream.fileno() for stream in streams)])
            ]
            self._started = time.perf_counter_ns()
            self._pid = os.posix_spawn(argv[0], argv, dict(env), file_actions=actions, setsid=True)
            for stream in streams:
                stream.close()
            self._watch_exit()
            self._loop(timeout)
        return self.run

    def _now(self) -> int:
        return time.perf_counter_ns() - self._started

    def _loop(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while self._handlers:
            events = self._epoll.poll(max(0.0, deadline - time.monotonic()))
            if not events:
                os.killpg(self._pid, signal.SIGKILL)
                os.waitpid(self._pid, 0)
                raise RunError(f"not over after {timeout:.0f} s: {self.run.output.decode(errors='replace')}")
            for fd, _ in events:
                if fd in self._handlers:  # an earlier event of this round may have ended it
                    self._handlers[fd]()
        self.run.released = self._now()

    def _watch(self, fd: int, handler: Callable[[], None]) -> None:
        self._handlers[fd] = handler
        self._epoll.register(fd, select.EPOLLIN)

    def _forget(self, fd: int) -> None:
        del self._handlers[fd]
        self._epoll.unregister(fd)

    def _watch_exit(self) -> None:
        pidfd = os.pidfd_open(self._pid)
        self._open.callback(os.close, pidfd)

        def reap() -> None:
            _, status = os.waitpid(self._pid, 0)
            self.run.reaped = self._now()
            self.run.exit_code = os.waitstatus_to_exitcode(status)
            # Nobody is left to connect.
            for fd in (pidfd, *self._listeners):
                self._forget(fd)
            self._listeners.clear()

        self._watch(pidfd, reap)

    def _listen(self, name: str, on_data: Callable[[socket.socket, bytes], None]) -> str:
        """Watch a listener for its one connection; returns the argument that names it."""
        server = self._open.enter_context(socket.socket())
        server.bind(("127.0.0.1", 0))
        server.listen(1)
        self._listeners.add(server.fileno())

        def accept() -> None:
            connection, _ = server.accept()
            self._accepted += 1
            if self._accepted == 2:
                self.run.connected = self._now()
            self._listeners.remove(server.fileno())
            self._forget(server.fileno())
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._read(connection, on_data)
            if name == "comm":
                assert self._first is not None
                connection.sendall(self._first)

        self._watch(server.fileno(), accept)
        return f"--{name}=127.0.0.1:{server.getsockname()[1]}"

    def _stream(self) -> socket.socket:
        """Watch one of the process's streams; returns its end. A socket, since that is what Airflow gives it."""
        mine, theirs = socket.socketpair()
        self._read(mine, self._on_output)
        return self._open.enter_context(theirs)

    def _read(self, sock: socket.socket, on_data: Callable[[socket.socket, bytes], None]) -> None:
        self._open.enter_context(sock)

        def read() -> None:
            try:
                data = sock.recv(_CHUNK)
            except ConnectionResetError:
                data = b""
            if data:
                on_data(sock, data)
            else:
                self._forget(sock.fileno())

        self._watch(sock.fileno(), read)

    def _on_output(self, _sock: socket.socket, data: bytes) -> None:
        self.run.output += data

    def _on_logs(self, _sock: socket.socket, data: bytes) -> None:
        self.run.records.append((self._now(), data))

    def _on_comm(self, sock: socket.socket, data: bytes) -> None:
        self._requests.feed(data)
        while (frame := self._requests.next_frame()) is not None:
            kind = frame.body["type"] if frame.body else None
            if kind in _TERMINAL:
                assert frame.body is not None
                self.run.terminal = self._now()
                self.run.outcome = frame.body.get("state") if kind == "TaskState" else kind
                if self._memory:
                    self.run.peak = peak_memory(self._pid)
            sock.sendall(encode_response(frame.id, None))
