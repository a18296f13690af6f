"""Runs one task of a bundle to its end: starts the process, answers its requests, watches the time, tells the outcome.

Theory of operation
-------------------
Everything happens on one event loop, so that one process can supervise many tasks::

    start        the process connects; the backend is told; StartupDetails is sent
    serve        requests are answered one after the other; log lines and output arrive beside
    terminate    only where a limit is over, the protocol is broken or `TaskSupervisor.stop` was called: signals, each with
                 a delay, while the task is still served and may report its outcome
    exit         learnt from the kernel, not by polling; then the connections are read to their end
    result       the exit code decides, see `final_state`; the backend is told

Cancelling `TaskSupervisor.run` kills the process and its group at once.
"""

from __future__ import annotations

import asyncio
import math
import signal
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from afbundle.supervise.errors import LaunchError
from afbundle.supervise.handlers import answer
from afbundle.supervise.logs import LogEvent
from afbundle.supervise.masking import SecretMasker
from afbundle.supervise.process import BundleProcess, RuntimeSettings
from afbundle.supervise.result import TaskResult, final_state
from afbundle.supervise.session import TaskSession
from afbundle.wire.errors import WireError
from afbundle.wire.frames import FrameReader, encode_response

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from afbundle.supervise.backend import Backend
    from afbundle.supervise.logs import LogSink
    from afbundle.wire import messages

__all__ = ["Limits", "TaskSupervisor", "run_task"]

_ESCALATION = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)


@dataclass(frozen=True)
class Limits:
    """How long the supervisor waits for what; all in seconds.

    Arguments:
        startup: for both connections.
        execution: for the task as a whole, from its start details on; None for ever. A task that sends
            ``SetExecutionTimeout`` sets its own, with `grace` on top.
        grace: how much longer than the timeout that a task set for itself it may take to report that it is over.
        overtime: for the exit after the terminal message (``[core] task_success_overtime``).
        escalation: between SIGINT, SIGTERM and SIGKILL.
        drain: for a descendant that keeps a connection of an ended process open.
    """

    startup: float = 10.0
    execution: float | None = None
    grace: float = 60.0
    overtime: float = 20.0
    escalation: float = 5.0
    drain: float = 5.0


@dataclass
class _Stop:
    """Why the process is to end, and with which signal that begins."""

    reason: str
    first: signal.Signals


@dataclass
class TaskSupervisor:
    """Supervises one try of one task.

    Arguments:
        bundle: the file to run; any executable that speaks the coordinator protocol.
        details: what the task is started with.
        backend: answers the task's requests.
        on_log: gets every log event, masked, on the event loop; must not block.
        masker: one to share where several tasks have secrets in common; learns from the task's requests.
        settings: Airflow's configuration as the process sees it.
        env: the process's environment without those settings; None for this process's own.
        limits: how long to wait for what.
    """

    bundle: Path
    details: messages.StartupDetails
    backend: Backend
    on_log: LogSink
    masker: SecretMasker = field(default_factory=SecretMasker)
    settings: RuntimeSettings = field(default_factory=RuntimeSettings)
    env: Mapping[str, str] | None = field(default=None, repr=False)
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        """Prepare for a single run."""
        self._stop: _Stop | None = None
        self._starting: asyncio.Future[BundleProcess] | None = None
        self._session: TaskSession | None = None
        self._fault: str | None = None

    def stop(self, reason: str, *, first: signal.Signals = signal.SIGINT) -> None:
        """End the task: with this signal, and those after it in SIGINT, SIGTERM, SIGKILL where it does not end.

        To be called on the event loop that `run` is on. A second call with a later signal skips the ones between. A process
        that is not connected yet is killed.
        """
        if self._stop is None or _rank(first) > _rank(self._stop.first):
            self._stop = _Stop(reason if self._stop is None else self._stop.reason, first)
            if self._session is not None:
                self._session.changed.set()
            elif self._starting is not None:
                self._starting.cancel()

    async def run(self) -> TaskResult:
        """Run the task and return how it ended; to be called once.

        Raises:
            LaunchError: the process could not be started, ended or was stopped before it connected, or did not connect
                in time.
            Exception: whatever the backend raises when it is told of the start or the end; the process is gone then.
        """
        started = datetime.now(timezone.utc)
        process = await self._start()
        try:
            details = await self.backend.start_task(self.details, process.pid)
            session = self._session = TaskSession(self.backend, details, self.masker)
            serving = asyncio.ensure_future(self._serve(process, session, details))
            try:
                stopped = await self._watch(process, session)
                # Requests that the task did not wait for are answered all the same.
                await asyncio.wait({serving}, timeout=self.limits.drain)
            finally:
                serving.cancel()
                await asyncio.wait({serving})
            await process.drain(self.limits.drain)
            result = self._result(process, session, started, stopped)
        finally:
            await process.aclose()
        await self.backend.finish_task(details.ti.id, result)
        return result

    async def _start(self) -> BundleProcess:
        self._starting = asyncio.ensure_future(
            BundleProcess.start(
                self.bundle,
                on_log=self.on_log,
                masker=self.masker,
                settings=self.settings,
                env=self.env,
                timeout=self.limits.startup,
            )
        )
        try:
            return await self._starting
        except asyncio.CancelledError:
            if self._stop is None:
                raise
            raise LaunchError(
                f"{self.bundle.name} was stopped before it connected: {self._stop.reason}", bundle=self.bundle
            ) from None
        finally:
            self._starting = None

    async def _serve(
        self, process: BundleProcess, session: TaskSession, details: messages.StartupDetails
    ) -> None:
        """Send the first frame, then answer requests until the task closes the connection."""
        loop = asyncio.get_running_loop()
        comm = process.comm
        reader = FrameReader("request")
        try:
            await _send(comm, encode_response(0, details.to_body()))
            while True:
                if (frame := reader.next_frame()) is not None:
                    body, error = await answer(session, frame.body)
                    await _send(comm, encode_response(frame.id, body, error))
                elif count := await loop.sock_recv_into(comm, reader.get_buffer()):
                    reader.buffer_filled(count)
                else:
                    break
            reader.eof()
        except ConnectionError:
            pass  # the task is gone, and its exit tells how
        except WireError as error:
            self._fail(session, f"the task broke the protocol: {error}")
        except Exception as error:  # noqa: BLE001  (whatever it is, the process must not run on unserved)
            self._fail(session, f"the supervisor failed: {type(error).__name__}: {error}")

    def _fail(self, session: TaskSession, fault: str) -> None:
        self._fault = fault
        session.changed.set()

    async def _watch(self, process: BundleProcess, session: TaskSession) -> _Stop | None:
        """Wait for the exit; return why the process had to be ended, or None when it ended by itself."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        while not process.exited.done():
            session.changed.clear()
            due, stop = min(self._ends(session, begun), key=lambda end: end[0])
            if due <= loop.time() and stop is not None:
                await self._terminate(process, session, stop)
                return stop
            await _exit_or_change(process, session, due - loop.time())
        return None

    def _ends(self, session: TaskSession, begun: float) -> Iterator[tuple[float, _Stop | None]]:
        """Yield when the process would have to be ended, on the clock of the loop, and why."""
        limits = self.limits
        yield math.inf, None
        if self._fault is not None:
            yield 0, _Stop(self._fault, signal.SIGTERM)
        if self._stop is not None:
            yield 0, self._stop
        if session.outcome_at is not None:
            why = f"the process did not exit within {limits.overtime:g} s of its outcome"
            yield session.outcome_at + limits.overtime, _Stop(why, signal.SIGINT)
            return
        if limits.execution is not None:
            why = f"the execution timeout of {limits.execution:g} s is over"
            yield begun + limits.execution, _Stop(why, signal.SIGINT)
        if session.timeout is not None and session.timeout_from is not None:
            why = f"the task is not over {limits.grace:g} s after its execution timeout of {session.timeout:g} s"
            yield session.timeout_from + session.timeout + limits.grace, _Stop(why, signal.SIGINT)

    async def _terminate(self, process: BundleProcess, session: TaskSession, stop: _Stop) -> None:
        """Send the signals, from the one that is asked for on, until the process has ended."""
        loop = asyncio.get_running_loop()
        self._say(process, "error", f"Ending the task: {stop.reason}")
        for signum in _ESCALATION:
            wanted = stop if self._stop is None else max(stop, self._stop, key=lambda s: _rank(s.first))
            if _rank(signum) < _rank(wanted.first):
                continue
            process.signal(signum)
            until = math.inf if signum is signal.SIGKILL else loop.time() + self.limits.escalation
            while not process.exited.done() and (left := until - loop.time()) > 0:
                session.changed.clear()
                if self._stop is not None and _rank(self._stop.first) > _rank(signum):
                    break
                await _exit_or_change(process, session, left)
            if process.exited.done():
                return
            self._say(process, "warning", f"The process did not end on {signum.name}")

    def _result(
        self, process: BundleProcess, session: TaskSession, started: datetime, stopped: _Stop | None
    ) -> TaskResult:
        exit_code = process.exited.result()
        state = final_state(
            exit_code,
            # After a broken frame nothing that was said can be relied on.
            session.outcome if self._fault is None else None,
            should_retry=session.should_retry,
            stopped=stopped is not None or self._fault is not None,
        )
        reason = self._fault or (stopped and stopped.reason) or getattr(session.outcome, "retry_reason", None)
        if exit_code != 0:
            how = _describe_exit(exit_code)
            if stopped is None:
                how += " (out of memory?)" if exit_code == -signal.SIGKILL else ""
                reason = self._fault or f"the process {how}"
            self._say(process, "error" if stopped is None else "info", f"The process {how}")
        return TaskResult(
            state=state,
            exit_code=exit_code,
            outcome=session.outcome,
            started=started,
            ended=datetime.now(timezone.utc),
            reason=self.masker.text(reason) if reason else None,
            rendered_map_index=session.rendered_map_index,
        )

    def _say(self, process: BundleProcess, level: str, text: str) -> None:
        process.log(LogEvent(text, level, datetime.now(timezone.utc), "supervise"))


def run_task(
    bundle: Path,
    details: messages.StartupDetails,
    backend: Backend,
    *,
    on_log: LogSink,
    masker: SecretMasker | None = None,
    settings: RuntimeSettings | None = None,
    env: Mapping[str, str] | None = None,
    limits: Limits | None = None,
) -> TaskResult:
    """Run one try of a task to its end, for callers without an event loop; see `TaskSupervisor`.

    Raises:
        LaunchError: as `TaskSupervisor.run`.
    """
    supervisor = TaskSupervisor(
        bundle,
        details,
        backend,
        on_log,
        masker=masker or SecretMasker(),
        settings=settings or RuntimeSettings(),
        env=env,
        limits=limits or Limits(),
    )
    return asyncio.run(supervisor.run())


async def _send(comm: socket.socket, data: bytes) -> None:
    # A task that does not wait for its answers may be gone. What it asked before must still be done.
    with suppress(ConnectionError):
        await asyncio.get_running_loop().sock_sendall(comm, data)


async def _exit_or_change(process: BundleProcess, session: TaskSession, timeout: float) -> None:
    change = asyncio.ensure_future(session.changed.wait())
    waited: set[asyncio.Future[Any]] = {process.exited, change}
    try:
        await asyncio.wait(
            waited,
            timeout=None if math.isinf(timeout) else timeout,
            return_when=asyncio.FIRST_COMPLETED,
        )
    finally:
        change.cancel()


def _rank(signum: signal.Signals) -> int:
    return _ESCALATION.index(signum)


def _describe_exit(exit_code: int) -> str:
    if exit_code > 0:
        return f"exited with code {exit_code}"
    try:
        return f"was ended by {signal.Signals(-exit_code).name}"
    except ValueError:
        return f"was ended by signal {-exit_code}"
