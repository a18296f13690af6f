"""One conversation with Airflow's supervisor: connect, take the first frame, run the task, report its end."""

from __future__ import annotations

import gc
import posix
import sys

from afbundle.runtime.channel import Channel
from afbundle.runtime.context import CancelledEvent
from afbundle.runtime.logs import ERROR, INFO, WARNING, LogChannel, parse_level, parse_namespace_levels
from afbundle.runtime.outcome import Outcome
from afbundle.runtime.signals import StopSignals
from afbundle.wire import messages

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket as Socket
    from collections.abc import Callable
    from types import TracebackType
    from typing import Any

    from afbundle.runtime.client import Client
    from afbundle.runtime.injection import Arguments
    from afbundle.runtime.masking import Masker
    from afbundle.runtime.registry import Registry

_LOGGER = "afbundle"

# Of a code object's flags: it takes ``*args`` or ``**kwargs``.
_CO_VARIABLE = 0x04 | 0x08


class Session:
    """The two sockets of a coordinator, and what is known of the task so far.

    Attributes:
        exit_code: what this process must exit with; 0 once the supervisor took the outcome. A non-zero code would make
            Airflow take the task for failed whatever was reported.
    """

    def __init__(self, channel: Channel, logs: LogChannel) -> None:
        self.channel = channel
        self.logs = logs
        self.exit_code = 1
        self._startup: messages.StartupDetails | None = None
        self._cancelled = CancelledEvent()
        self._signals = StopSignals(self._cancelled, self._note_signal, self._give_up)

    @classmethod
    def over(cls, comm: Socket, logs: Socket) -> Session:
        """Start a session over the two connected sockets, with the log levels that the environment asks for.

        Arguments:
            comm: the request channel.
            logs: the log channel.
        """
        environment = posix.environ
        log = LogChannel(
            parse_level(environment.get(b"AIRFLOW__LOGGING__LOGGING_LEVEL", b"").decode("utf-8", "replace")),
            parse_namespace_levels(
                environment.get(b"AIRFLOW__LOGGING__NAMESPACE_LEVELS", b"").decode("utf-8", "replace")
            ),
        )
        log.masker = _LateMasker()
        log.connect(logs)
        session = cls(Channel(comm), log)
        session._signals.install()
        return session

    def log_progress(self, event: str, fields: dict[str, Any]) -> None:
        """Write what a slow start is doing into the task's log."""
        if self.logs.enabled(INFO, _LOGGER):
            self.logs.emit(INFO, event, _LOGGER, fields)

    def reporting_failures(self) -> _ReportingFailures:
        """Return a context manager that turns any exception into the task's outcome."""
        return _ReportingFailures(self)

    def run(self, registry: Registry) -> None:
        """Take the first frame and do what it asks.

        Arguments:
            registry: the Dags and tasks of this bundle.

        Raises:
            ChannelClosed: the supervisor is gone.
        """
        first = self.channel.first()
        if isinstance(first, messages.StartupDetails):
            self._startup = first
            self._run_task(registry, first)
        elif isinstance(first, messages.DagFileParseRequest):
            # Airflow 3.4's Dag processor asks every bundle in a Dag bundle folder; this one has task handlers only.
            self._finish(messages.DagFileParsingResult(fileloc=first.file, serialized_dags=[]))
        else:
            self._refuse(f"{type(first).__name__} is no first frame")

    def _run_task(self, registry: Registry, startup: messages.StartupDetails) -> None:
        ti = startup.ti
        task = registry.find_task(ti.dag_id, ti.task_id)
        if task is None:
            known = registry.dags.get(ti.dag_id)
            self.logs.emit(
                ERROR,
                f"This bundle has no task {ti.task_id!r} in Dag {ti.dag_id!r}; it has "
                + (
                    f"the tasks {', '.join(known.tasks) or '(none)'}"
                    if known is not None
                    else f"the Dags {', '.join(registry.dags) or '(none)'}"
                ),
                _LOGGER,
            )
            self._finish(Outcome.removed())
            return
        from afbundle.runtime.ending import settle_watcher
        from afbundle.runtime.logging_watch import LoggingWatch

        LoggingWatch(self.logs).install()
        # Airflow 3.3's supervisor leaves it to the runtime to delete what the previous try pushed; 3.4 sends an empty list.
        for key in startup.ti_context.xcom_keys_to_clear or ():
            self._client(ti).delete_xcom(key)
        # Nothing that exists by now will ever be garbage; a task's own rubbish is collected as usual.
        gc.freeze()
        gc.enable()
        settle_watcher()
        self._signals.task_runs()
        arguments = self._arguments(task.function, startup)
        result = self._call(task.function, arguments)
        if result is not None:
            self._client(ti).push_xcom("return_value", result)
        self._signals.task_ended()
        self._finish(Outcome.succeeded())

    def _client(self, ti: messages.TaskInstance) -> Client:
        from afbundle.runtime.client import Client

        _masker()
        return Client(self.channel, ti)

    def _arguments(self, function: Callable[..., Any], startup: messages.StartupDetails) -> Arguments | None:
        """Fill the function's parameters; None when it has none, for which nothing needs to be imported."""
        bindings = startup.ti_context.arg_bindings
        if type(function) is type(_masker) and not bindings and not hasattr(function, "__wrapped__"):
            code = function.__code__
            if not (code.co_argcount or code.co_kwonlyargcount or code.co_flags & _CO_VARIABLE):
                return None
        from afbundle.runtime.context import Context
        from afbundle.runtime.injection import bind

        return bind(
            function,
            context=Context(startup, self._cancelled),
            client=self._client(startup.ti),
            logs=self.logs,
            bindings=bindings,
        )

    def _call(self, function: Callable[..., Any], arguments: Arguments | None) -> Any:
        result = function() if arguments is None else function(*arguments.args, **arguments.kwargs)
        if not hasattr(type(result), "__await__"):
            return result
        import asyncio

        async def run() -> Any:
            loop, task = asyncio.get_running_loop(), asyncio.current_task()
            assert task is not None  # noqa: S101  (a coroutine runs in a task)
            self._signals.cancel_async = lambda: loop.call_soon_threadsafe(task.cancel)
            return await result

        try:
            return asyncio.run(run())
        except asyncio.CancelledError:
            if not self._signals.arrived:
                raise
            raise self._signals.terminated() from None
        finally:
            self._signals.cancel_async = None

    def fail(self, error: BaseException) -> None:
        """Report an exception as the task's outcome.

        Arguments:
            error: what ended the task, or the bundle's code before the task could start.
        """
        from afbundle.exceptions import ApiError, ChannelClosed, UnexpectedAnswer
        from afbundle.runtime.failure import one_line

        self._signals.task_ended()
        if isinstance(error, ChannelClosed):
            self._lost(error)
            return
        if self._startup is None:
            # The entry failed before anyone asked for a task. The first frame says what to report the failure of.
            try:
                first = self.channel.first()
            except ChannelClosed as lost:
                self._log_failure(error)
                self._lost(lost)
                return
            except (ApiError, UnexpectedAnswer) as unknown:
                # A first frame of no known type; asking for it was what failed, or the entry failed as well.
                if type(error) is not type(unknown):
                    self._log_failure(error)
                self._refuse(str(unknown))
                return
            if isinstance(first, messages.DagFileParseRequest):
                self._log_failure(error)
                self._finish(
                    messages.DagFileParsingResult(
                        fileloc=first.file,
                        serialized_dags=[],
                        import_errors={_relative(first.file, first.bundle_path): one_line(error)},
                    )
                )
                return
            if not isinstance(first, messages.StartupDetails):
                self._refuse(f"{type(first).__name__} is no first frame")
                return
            self._startup = first
        self._log_failure(error)
        self._finish(
            Outcome.failed(
                _masker().mask(one_line(error)), should_retry=bool(self._startup.ti_context.should_retry)
            )
        )

    def _log_failure(self, error: BaseException) -> None:
        from afbundle.runtime.failure import one_line

        if isinstance(error, SystemExit):
            self.logs.emit(
                ERROR,
                f"Task ended through sys.exit({error.code!r}), which Airflow takes as a failure",
                _LOGGER,
            )
        self.logs.emit(ERROR, f"Task failed with {one_line(error)}", _LOGGER, error=error)

    def _finish(self, outcome: messages.Message) -> None:
        """Send the last message and wait until the supervisor took it."""
        from afbundle.exceptions import ApiError, ChannelClosed

        try:
            self.channel.request(outcome)
        except ApiError as error:
            self.logs.emit(
                ERROR, f"Airflow did not take the outcome {type(outcome).__name__}: {error}", _LOGGER
            )
        except ChannelClosed as error:
            if isinstance(outcome, messages.DagFileParsingResult):
                # The Dag processor may hang up as soon as it has the result.
                self.exit_code = 0
            else:
                self._lost(error)
        else:
            self.exit_code = 0

    def _refuse(self, what: str) -> None:
        reason = f"cannot serve the supervisor's first frame: {what}; pack the bundle with a newer afbundle"
        self.logs.emit(ERROR, reason, _LOGGER)
        self.channel.refuse(reason)

    def _lost(self, error: BaseException) -> None:
        text = f"The supervisor is gone: {error}"
        self.logs.emit(ERROR, text, _LOGGER)
        sys.stderr.write(f"afbundle: {text}\n")

    def _note_signal(self, number: int) -> None:
        self.logs.emit(WARNING, "Airflow asks this task to stop", _LOGGER, {"signal": number})

    def _give_up(self) -> None:
        # The task may be anywhere, inside a request too, so nothing more can be asked on the channel. The exit code
        # alone tells the supervisor: failed, or up for retry where retries are left.
        self.logs.emit(ERROR, "Task failed: it did not end in time after it was asked to stop", _LOGGER)
        posix._exit(1)


def _masker() -> Masker:
    """Return the masker of this process; from now on it guards stdout and stderr, too.

    It is imported with the first record, client or failure: no secret can be known before, and many tasks end before.
    """
    from afbundle.runtime.masking import masker

    masker.guard_stdio()
    return masker


class _LateMasker:
    __slots__ = ()

    @staticmethod
    def mask_value(value: Any) -> Any:
        return _masker().mask_value(value)


class _ReportingFailures:
    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, _type: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> bool:
        if error is not None:
            self._session.fail(error)
        self._session.logs.close()
        return True


def _relative(path: str, folder: str) -> str:
    return path[len(folder) :].lstrip("/") if path.startswith(folder) else path
