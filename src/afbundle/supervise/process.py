"""A bundle's process, started and connected as Airflow's coordinator does it.

The supervisor listens on two ports of the loopback interface and starts ``<bundle> --comm=host:port --logs=host:port``;
the process, or a descendant of it, dials both (FACTS of task-sdk 1.3.2 and 1.4.0b2: 127.0.0.1, 10 s, peers checked
through the process table). stdout and stderr are read from the first moment on.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import threading
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from afbundle.supervise.errors import ExitedBeforeConnecting, LaunchError, StartupTimeout
from afbundle.supervise.logs import (
    LineSplitter,
    parse_log_line,
    record_splitter,
    stream_event,
    stream_splitter,
)
from afbundle.supervise.ownership import is_from_process_tree

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from afbundle.supervise.logs import Line, LogEvent, LogSink
    from afbundle.supervise.masking import SecretMasker

__all__ = ["BundleProcess", "RuntimeSettings"]

_CHUNK = 64 * 1024
# What a socket's buffers can hold, with room to spare.
_MOST_READS = 256
_TAIL_LINES = 20
_TAIL_WIDTH = 500


@dataclass(frozen=True)
class RuntimeSettings:
    """Airflow's configuration as far as a coordinator hands it to a bundle: by environment, as Airflow's names say.

    The first two are what Airflow 3.3 sets, the others came with 3.4; the defaults are Airflow's own.

    Arguments:
        logging_level: the level of the task's log.
        namespace_levels: levels of single loggers, as ``name=LEVEL`` pairs.
        api_base_url: Airflow's address for links.
        default_deferrable: whether operators defer when not told.
        triggerer_queues_enabled: whether a trigger may be sent to a queue.
        state_store_retention_days: how long task states are kept.
    """

    logging_level: str = "INFO"
    namespace_levels: str = ""
    api_base_url: str = "/"
    default_deferrable: bool = False
    triggerer_queues_enabled: bool = False
    state_store_retention_days: int = 30

    def environment(self) -> dict[str, str]:
        """Return the variables to set for a bundle's process."""
        return {
            "AIRFLOW__LOGGING__LOGGING_LEVEL": self.logging_level,
            "AIRFLOW__LOGGING__NAMESPACE_LEVELS": self.namespace_levels,
            "AIRFLOW__API__BASE_URL": self.api_base_url,
            "AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE": str(self.default_deferrable),
            "AIRFLOW__TRIGGERER__QUEUES_ENABLED": str(self.triggerer_queues_enabled),
            "AIRFLOW__STATE_STORE__DEFAULT_RETENTION_DAYS": str(self.state_store_retention_days),
        }


class _LineStream:
    """Hands on the lines of a socket as they come; needs a running loop."""

    def __init__(self, sock: socket.socket, splitter: LineSplitter, on_line: Callable[[Line], None]) -> None:
        self._sock = sock
        self._splitter = splitter
        self._on_line = on_line
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[None] = self._loop.create_future()
        sock.setblocking(False)
        self._loop.add_reader(sock.fileno(), self._read)

    def drain(self) -> None:
        """Take what has already arrived; bounded, since a descendant may go on writing."""
        for _ in range(_MOST_READS):
            if not self._read():
                return

    def close(self) -> None:
        """Stop reading; an unfinished line is handed on."""
        if not self.ended.done():
            self._loop.remove_reader(self._sock.fileno())
            self._sock.close()
            for line in self._splitter.finish():
                self._on_line(line)
            self.ended.set_result(None)

    def _read(self) -> bool:
        if self.ended.done():
            return False
        try:
            data = self._sock.recv(_CHUNK)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError:
            data = b""  # the process has closed its end with unread data on the way
        if not data:
            self.close()
            return False
        for line in self._splitter.feed(data):
            self._on_line(line)
        return True


class BundleProcess:
    """A running bundle: its pid, its comm connection, its end. Made by `start`, released by `aclose`."""

    def __init__(
        self, bundle: Path, popen: subprocess.Popen[bytes], on_log: LogSink, masker: SecretMasker
    ) -> None:
        self.bundle = bundle
        self.pid = popen.pid
        self.exited: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._comm: socket.socket | None = None
        self._popen = popen
        self._on_log = on_log
        self._masker = masker
        self._signalled = False
        self._logs: _LineStream | None = None
        self._streams: list[_LineStream] = []
        self._stderr_tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self._watch()

    @classmethod
    async def start(
        cls,
        bundle: Path,
        *,
        on_log: LogSink,
        masker: SecretMasker,
        settings: RuntimeSettings,
        env: Mapping[str, str] | None = None,
        timeout: float = 10.0,
    ) -> BundleProcess:
        """Start a bundle and wait until it has made both connections.

        Arguments:
            bundle: the file to run.
            on_log: gets every record, and every line of stdout and stderr, from the first moment on, masked.
            masker: knows the secrets.
            settings: what the process shall know of Airflow's configuration.
            env: the process's environment without those settings; None for this process's own.
            timeout: how long to wait for the connections, in seconds.

        Raises:
            LaunchError: the file cannot be started.
            ExitedBeforeConnecting: the process ended first.
            StartupTimeout: the process did not connect in time; it was killed.
        """
        path = bundle.absolute()
        servers = {"comm": _listen(), "logs": _listen()}
        mine, theirs = zip(*(socket.socketpair() for _ in ("stdout", "stderr")), strict=True)
        try:
            popen = subprocess.Popen(
                [str(path), *(f"--{name}=127.0.0.1:{s.getsockname()[1]}" for name, s in servers.items())],
                stdin=subprocess.DEVNULL,
                stdout=theirs[0].fileno(),
                stderr=theirs[1].fileno(),
                env={**(os.environ if env is None else env), **settings.environment()},
                start_new_session=True,
            )
        except OSError as error:
            for sock in (*servers.values(), *mine):
                sock.close()
            raise LaunchError(_explain(path, error), bundle=path) from error
        finally:
            for sock in theirs:
                sock.close()
        process = cls(path, popen, on_log, masker)
        try:
            process._read_streams(*mine)
            await process._connect(servers, timeout)
        except BaseException:
            await process.aclose()
            raise
        finally:
            for sock in servers.values():
                sock.close()
        return process

    @property
    def comm(self) -> socket.socket:
        """The connection that requests come on; there as soon as `start` has returned."""
        if self._comm is None:
            raise RuntimeError("the process is not connected")
        return self._comm

    def signal(self, signum: signal.Signals) -> None:
        """Send a signal to the process and its descendants, which share its process group.

        Whoever of them is left when the process has ended is killed then.
        """
        if self.exited.done():
            return
        self._signalled = True
        # The process group may hold processes of another user, or be gone already.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signum)

    def log(self, event: LogEvent) -> LogEvent:
        """Mask an event, hand it on, and return it as it was handed on."""
        event = self._masker.event(event)
        self._on_log(event)
        return event

    async def drain(self, timeout: float) -> None:
        """Read what an ended process has left behind.

        What it wrote to stdout and stderr lies ready. The logs connection is read to its end; a descendant that
        keeps it open is waited for no longer than `timeout` seconds.
        """
        if self._logs is not None:
            await asyncio.wait({self._logs.ended}, timeout=timeout)
        for stream in self._all_streams():
            stream.drain()

    async def aclose(self) -> None:
        """Release everything; a process that still runs is killed, with its process group."""
        try:
            if not self.exited.done():
                self.signal(signal.SIGKILL)
                # A cancellation of the caller must not cancel what others wait for.
                await asyncio.shield(self.exited)
        finally:
            for stream in self._all_streams():
                stream.drain()
                stream.close()
            if self._comm is not None:
                self._comm.close()

    @property
    def stderr_tail(self) -> str:
        """The last lines of stderr, masked."""
        return "\n".join(self._stderr_tail)

    def _all_streams(self) -> list[_LineStream]:
        return [*self._streams, *([self._logs] if self._logs is not None else [])]

    def _read_streams(self, stdout: socket.socket, stderr: socket.socket) -> None:
        def of_stdout(line: Line) -> None:
            self.log(stream_event(line, "task.stdout", "info"))

        def of_stderr(line: Line) -> None:
            event = self.log(stream_event(line, "task.stderr", "error"))
            self._stderr_tail.append(event.event[:_TAIL_WIDTH])

        self._streams = [
            _LineStream(stdout, stream_splitter(), of_stdout),
            _LineStream(stderr, stream_splitter(), of_stderr),
        ]

    async def _connect(self, servers: dict[str, socket.socket], timeout: float) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        accepts = {name: asyncio.ensure_future(self._accept(server)) for name, server in servers.items()}
        try:
            while (pending := {a for a in accepts.values() if not a.done()}) and not self.exited.done():
                waited: set[asyncio.Future[Any]] = {self.exited, *pending}
                if not (await _first(waited, deadline - loop.time())):
                    break
            if not pending:
                self._comm, logs = (accept.result() for accept in accepts.values())
                self._logs = _LineStream(logs, record_splitter(), self._of_logs)
                return
        finally:
            for accept in accepts.values():
                accept.cancel()
            await asyncio.wait(accepts.values())
            if self._comm is None:
                for accept in accepts.values():
                    if not accept.cancelled() and accept.exception() is None:
                        accept.result().close()
        missing = tuple(name for name, accept in accepts.items() if accept.cancelled())
        for stream in self._streams:
            stream.drain()
        if self.exited.done():
            raise ExitedBeforeConnecting(
                bundle=self.bundle, exit_code=self.exited.result(), stderr_tail=self.stderr_tail
            )
        raise StartupTimeout(
            bundle=self.bundle, timeout=timeout, missing=missing, stderr_tail=self.stderr_tail
        )

    def _of_logs(self, line: Line) -> None:
        if (event := parse_log_line(line)) is not None:
            self.log(event)

    async def _accept(self, server: socket.socket) -> socket.socket:
        """Return the first connection that this process, or a descendant, has made; close all others."""
        loop = asyncio.get_running_loop()
        owned: asyncio.Future[socket.socket] = loop.create_future()
        tasks: set[asyncio.Task[None]] = set()

        async def check(connection: socket.socket) -> None:
            with connection:  # closed unless it is the one
                if await is_from_process_tree(connection, self.pid) and not owned.done():
                    owned.set_result(socket.socket(fileno=connection.detach()))

        async def listen() -> None:
            while True:
                connection, _ = await loop.sock_accept(server)
                # Looked at one beside the other, so that a stranger cannot hold up the bundle.
                task = asyncio.ensure_future(check(connection))
                tasks.add(task)
                task.add_done_callback(tasks.discard)

        tasks.add(asyncio.ensure_future(listen()))
        try:
            connection = await owned
        except asyncio.CancelledError:
            if owned.done() and not owned.cancelled():
                owned.result().close()
            raise
        finally:
            for task in tasks:
                task.cancel()
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def _watch(self) -> None:
        """Resolve `exited` as soon as the process ends, without polling."""
        loop = asyncio.get_running_loop()
        try:
            fd = os.pidfd_open(self.pid)
        except (AttributeError, OSError):  # an old kernel or C library, or a sandbox without it

            def wait() -> None:
                # Without reaping it, so that its pid cannot be another's when it is signalled.
                os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
                with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                    loop.call_soon_threadsafe(self._reap)

            threading.Thread(target=wait, name=f"wait-{self.pid}", daemon=True).start()
            return

        def ended() -> None:
            loop.remove_reader(fd)
            os.close(fd)
            self._reap()

        loop.add_reader(fd, ended)

    def _reap(self) -> None:
        if self._signalled:
            # A task that had to be ended leaves nothing behind. Its pid, which names the group, is not released yet.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
        self.exited.set_result(self._popen.wait())


async def _first(waited: set[asyncio.Future[Any]], timeout: float) -> bool:
    """Wait until one of them is done; return whether that was before the timeout."""
    done, _ = await asyncio.wait(waited, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
    return bool(done)


def _listen() -> socket.socket:
    server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    server.bind(("127.0.0.1", 0))
    server.listen()
    server.setblocking(False)
    return server


def _explain(path: Path, error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        if path.exists():
            return f"{path} cannot be started: the interpreter that its first line names is not here"
        return f"{path} does not exist"
    if isinstance(error, PermissionError):
        if path.is_file() and path.stat().st_mode & 0o111:
            return f"{path} may not be executed here; is its file system mounted noexec?"
        return f"{path} is not executable; mend it with: chmod +x {path}"
    return f"{path} cannot be started: {error.strerror}"
