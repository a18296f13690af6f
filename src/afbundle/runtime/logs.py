"""The task's log: JSON lines to the supervisor's logs socket, and the light `Logger` that tasks write with.

One record is one line (language-SDK document, "Logging"): ``event``, ``level``, ``timestamp``, optional ``logger``, and any
further key as a field. Records from before the connection are kept and sent first; when the socket dies, records go to
stderr and the task goes on.
"""

from __future__ import annotations

import sys
from _thread import RLock
from time import gmtime, time_ns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket as Socket
    from typing import Any, Protocol

    class Masker(Protocol):
        """What takes the secrets out of a record."""

        def mask_value(self, value: Any) -> Any:
            """Return a copy of a value without secrets."""


CRITICAL, ERROR, WARNING, INFO, DEBUG, NOTSET = 50, 40, 30, 20, 10, 0
_LEVEL_OF = {
    "critical": CRITICAL,
    "fatal": CRITICAL,
    "error": ERROR,
    "warning": WARNING,
    "warn": WARNING,
    "info": INFO,
    "debug": DEBUG,
    "notset": NOTSET,
}

# Airflow's supervisor passes the fields of a record on as keyword arguments (task-sdk 1.3.2 and 1.4.0b2,
# `process_log_messages_from_subprocess`): a field under one of these names would replace the record's own text, change how
# it is rendered, or break the supervisor's call. They travel with an underscore appended.
_RESERVED = frozenset(
    (
        *(
            "event",
            "level",
            "timestamp",
            "logger",
            "logger_name",
            "name",
            "msg",
            "target",
            "self",
            "method_name",
        ),
        *(
            "args",
            "kwargs",
            "positional_args",
            "exc_info",
            "stack_info",
            "stack",
            "exception",
            "error_detail",
        ),
    )
)


def parse_level(text: str | None, default: int = INFO) -> int:
    """Return the number of a level's name (any case), or the default for an unknown or missing one."""
    return default if text is None else _LEVEL_OF.get(text.strip().lower(), default)


def parse_namespace_levels(text: str | None) -> tuple[tuple[str, int], ...]:
    """Read ``[logging] namespace_levels``: ``name=LEVEL`` pairs divided by commas or white space.

    Returns:
        (name, level) pairs, the longest name first, so that the first match is the closest. Pairs that make no sense
        are left out.
    """
    pairs = []
    for item in (text or "").replace(",", " ").split():
        name, equals, level = item.partition("=")
        if name and equals and level.lower() in _LEVEL_OF:
            pairs.append((name, _LEVEL_OF[level.lower()]))
    pairs.sort(key=lambda pair: -len(pair[0]))
    return tuple(pairs)


def level_name(level: int) -> str:
    """Return the one of the six level names that the supervisor accepts for any level number."""
    if level >= CRITICAL:
        return "critical"
    if level >= ERROR:
        return "error"
    if level >= WARNING:
        return "warning"
    if level >= INFO:
        return "info"
    return "debug" if level > NOTSET else "notset"


def _iso(nanoseconds: int) -> str:
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    return "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ" % (*gmtime(seconds)[:6], rest // 1000)  # noqa: UP031  (no f-string for a tuple)


class LogChannel:
    """Where every record of this process goes.

    Arguments:
        level: records below it are dropped.
        namespaces: levels of single loggers and all below them, longest name first.
    """

    def __init__(self, level: int = INFO, namespaces: tuple[tuple[str, int], ...] = ()) -> None:
        self.level = level
        self.namespaces = namespaces
        self.masker: Masker | None = None
        self._socket: Socket | None = None
        self._held: list[bytes] | None = []
        self._unsent = memoryview(b"")
        # Re-entrant, because a signal handler may log while the main thread does.
        self._lock = RLock()

    def connect(self, socket: Socket) -> None:
        """Send what was held back, in order, and everything after it, to this connected socket."""
        with self._lock:
            held, self._held = self._held or [], None
            self._socket = socket
            for line in held:
                self._write(line)

    def enabled(self, level: int, logger: str | None = None) -> bool:
        """Return whether a record of this level and logger would be sent; the longest matching name decides."""
        if logger is not None:
            for name, threshold in self.namespaces:
                if logger == name or (logger.startswith(name) and logger[len(name)] == "."):
                    return level >= threshold
        return level >= self.level

    def emit(
        self,
        level: int,
        event: str,
        logger: str | None = None,
        fields: dict[str, Any] | None = None,
        *,
        when_ns: int | None = None,
        error: BaseException | None = None,
    ) -> None:
        """Send one record, whatever its level; call `enabled` first to filter.

        Arguments:
            level: a number as in `logging`; sent as the nearest lower of the six names.
            event: the message.
            logger: name of the logger it came from.
            fields: further keys; values that JSON does not know are sent as text, reserved names get an underscore.
            when_ns: nanoseconds since the epoch; now when left out.
            error: an exception whose type, message and frames go along as ``error_detail``, as Airflow's UI shows them.
        """
        record: dict[str, Any] = {
            "timestamp": _iso(time_ns() if when_ns is None else when_ns),
            "level": level_name(level),
            "event": event,
        }
        if logger is not None:
            record["logger"] = logger
        if fields:
            for key, value in fields.items():
                record[f"{key}_" if key in _RESERVED else key] = value
        if error is not None:
            from afbundle.runtime.failure import describe_exception

            record["error_detail"] = describe_exception(error)
        if self.masker is not None:
            record = self.masker.mask_value(record)
        line = encode_json(record).encode("utf-8", "replace") + b"\n"
        with self._lock:
            if self._held is not None:
                self._held.append(line)
            else:
                self._write(line)

    def close(self) -> None:
        """End the channel: what was never sent because there never was a connection goes to stderr."""
        with self._lock:
            held, self._held = self._held or [], None
            for line in held:
                self._write(line)
            if self._socket is not None:
                self._socket.close()
                self._socket = None

    def _write(self, line: bytes) -> None:
        # An exception raised by a signal handler may leave a line half sent; its rest then goes before the next one.
        while self._socket is not None:
            try:
                while self._unsent:
                    self._unsent = self._unsent[self._socket.send(self._unsent) :]
            except OSError:
                self._socket = None
                break
            if not line:
                return
            self._unsent, line = memoryview(line), b""
        text = (bytes(self._unsent) + line).decode("utf-8", "replace")
        self._unsent = memoryview(b"")
        if sys.stderr is not None:
            try:
                sys.stderr.write(text)
                sys.stderr.flush()
            except (OSError, ValueError):
                pass  # There is nobody left to tell.


def encode_json(value: object) -> str:
    """Return the value as JSON on one line; what JSON does not know becomes text, so that no record is ever lost."""
    try:
        return "".join(_encoder()(value, 0))
    except (TypeError, ValueError, RecursionError):
        return "".join(_encoder()(_plain(value, 12), 0))


def _encoder() -> Any:
    # The C half of the json package, without the 13 ms that importing the package costs a start. Values are nested
    # objects of dict, list and scalars; `_as_text` takes the rest.
    from _json import encode_basestring, make_encoder

    return make_encoder({}, _as_text, encode_basestring, None, ":", ",", False, False, False)


def _as_text(value: object) -> object:
    isoformat = getattr(value, "isoformat", None)
    try:
        return isoformat() if isoformat is not None else str(value)
    except Exception as error:  # noqa: BLE001  (a broken __str__ must not cost the record)
        return f"<{type(value).__name__} that cannot be shown: {type(error).__name__}>"


def _plain(value: object, depth: int) -> object:
    """Copy a value into what JSON knows: text keys, no NaN, no cycles (cut at a depth)."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if value - value == 0 else str(value)
    if depth == 0:
        return "…"
    if isinstance(value, dict):
        return {str(_as_text(key)): _plain(item, depth - 1) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item, depth - 1) for item in value]
    return _as_text(value)


class Logger:
    """A structured logger that costs a task nothing to import.

    ``log.info("extracted", rows=42)`` writes the event and its fields; ``log.info("%s of %s", done, total)`` formats as
    `logging` does. Annotate a task's parameter with `Logger` to get one.

    Arguments:
        channel: where the records go.
        name: the logger's name.
        fields: bound fields that every record carries.
    """

    __slots__ = ("_channel", "_fields", "name")

    def __init__(self, channel: LogChannel, name: str, fields: dict[str, Any] | None = None) -> None:
        self._channel = channel
        self.name = name
        self._fields = fields or {}

    def bind(self, **fields: Any) -> Logger:
        """Return a logger whose records carry these fields too."""
        return Logger(self._channel, self.name, {**self._fields, **fields})

    def is_enabled_for(self, level: int) -> bool:
        """Return whether a record of this level (a number as in `logging`) would be sent."""
        return self._channel.enabled(level, self.name)

    def log(self, level: int, event: object, /, *args: object, **fields: Any) -> None:
        """Write a record at a level given as a number."""
        if not self._channel.enabled(level, self.name):
            return
        error = fields.pop("exc_info", None)
        if error is True:
            error = sys.exc_info()[1]
        elif isinstance(error, tuple):
            error = error[1]
        text = str(event)
        if args:
            try:
                text = text % args
            except (TypeError, ValueError):
                text = f"{text} {args!r}"
        self._channel.emit(
            level,
            text,
            self.name,
            {**self._fields, **fields} if self._fields else fields,
            error=error if isinstance(error, BaseException) else None,
        )

    def debug(self, event: object, /, *args: object, **fields: Any) -> None:
        """Write a record at level debug."""
        self.log(DEBUG, event, *args, **fields)

    def info(self, event: object, /, *args: object, **fields: Any) -> None:
        """Write a record at level info."""
        self.log(INFO, event, *args, **fields)

    def warning(self, event: object, /, *args: object, **fields: Any) -> None:
        """Write a record at level warning."""
        self.log(WARNING, event, *args, **fields)

    def error(self, event: object, /, *args: object, **fields: Any) -> None:
        """Write a record at level error."""
        self.log(ERROR, event, *args, **fields)

    def critical(self, event: object, /, *args: object, **fields: Any) -> None:
        """Write a record at level critical."""
        self.log(CRITICAL, event, *args, **fields)

    def exception(self, event: object, /, *args: object, **fields: Any) -> None:
        """Write a record at level error with the exception that is being handled."""
        self.log(ERROR, event, *args, **{"exc_info": True, **fields})

    def __repr__(self) -> str:
        return f"Logger({self.name!r})"
