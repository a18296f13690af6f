"""What a task writes: JSON lines of the logs channel and plain lines of stdout and stderr, as `LogEvent` values.

Logs channel (language-SDK document, "Logging"): one JSON object a line with ``event``, ``level``, ``timestamp`` and
optional ``logger``; every other key is a field. A record of any other level is dropped, as Airflow's supervisor does.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, NamedTuple

__all__ = ["LogEvent", "LogSink", "parse_log_line", "stream_event"]

# The names that Airflow's supervisor knows (task-sdk 1.3.2, 1.4.0b2: structlog's names). "notset" is a level that it
# knows and then drops, because its number is zero.
_LEVELS = {
    "critical": "critical",
    "fatal": "critical",
    "exception": "error",
    "error": "error",
    "warning": "warning",
    "warn": "warning",
    "info": "info",
    "debug": "debug",
}
_MAX_RECORD = 16 * 1024 * 1024
_MAX_STREAM_LINE = 1024 * 1024
_QUOTED_OF_BAD_LINE = 200
# RFC 3339 as Go prints it has up to nine digits behind the second.
_FRACTION = re.compile(r"\.(\d+)")


@dataclass(frozen=True)
class LogEvent:
    """One record of a task's log.

    Arguments:
        event: the text.
        level: critical, error, warning, info or debug.
        timestamp: when it was written; aware.
        logger: its logger's name; ``task.stdout`` and ``task.stderr`` for lines of the two streams.
        fields: everything else that the record carries.
    """

    event: str
    level: str
    timestamp: datetime
    logger: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)


LogSink = Callable[[LogEvent], None]


class Line(NamedTuple):
    """A line, or a part of one that is longer than the limit."""

    data: bytes
    is_start: bool
    is_end: bool


class LineSplitter:
    """Cuts a stream of bytes into lines, holding never more than `limit` bytes of an unfinished one."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._parts: list[bytes] = []
        self._size = 0
        self._inside = False

    def feed(self, data: bytes) -> Iterator[Line]:
        """Yield the lines that are complete with this data, and parts of a line that outgrew the limit."""
        *complete, rest = data.split(b"\n")
        for end in complete:
            yield self._take(end, is_end=True)
        if rest:
            self._parts.append(rest)
            self._size += len(rest)
            if self._size > self._limit:
                yield self._take(b"", is_end=False)

    def finish(self) -> Iterator[Line]:
        """Yield what is left when the stream has ended without a line break."""
        if self._parts or self._inside:
            yield self._take(b"", is_end=True)

    def _take(self, end: bytes, *, is_end: bool) -> Line:
        line = Line(b"".join([*self._parts, end]), not self._inside, is_end)
        self._parts.clear()
        self._size = 0
        self._inside = not is_end
        return line


def record_splitter() -> LineSplitter:
    """Return the splitter for the logs channel: a record may hold 16 MiB."""
    return LineSplitter(_MAX_RECORD)


def stream_splitter() -> LineSplitter:
    """Return the splitter for stdout and stderr: a longer line than 1 MiB becomes several events."""
    return LineSplitter(_MAX_STREAM_LINE)


def stream_event(line: Line, logger: str, level: str) -> LogEvent:
    """Return the event for a line of stdout or stderr."""
    text = line.data.rstrip(b"\r\n").decode("utf-8", "replace")
    return LogEvent(text, level, datetime.now(timezone.utc), logger)


def parse_log_line(line: Line) -> LogEvent | None:
    """Return the event of one line of the logs channel, or None when the record is to be dropped.

    A line that is no record is not lost: it becomes a warning that shows its beginning.
    """
    if not line.is_start:
        return None
    if not line.is_end:
        return _unreadable(line.data, f"record is longer than {_MAX_RECORD} bytes")
    if not line.data.strip():
        return None
    try:
        record = json.loads(line.data)
    except (ValueError, RecursionError) as error:
        return _unreadable(line.data, str(error))
    if not isinstance(record, dict):
        return _unreadable(line.data, "not a JSON object")
    level = _LEVELS.get(str(record.pop("level", "info")).lower())
    if level is None:
        return None
    stamp = record.pop("timestamp", None)
    timestamp = _parse_timestamp(stamp)
    if timestamp is None and stamp is not None:
        record["invalid_timestamp"] = stamp
    event = record.pop("event", None)
    logger = record.pop("logger", None)
    return LogEvent(
        "" if event is None else str(event),
        level,
        timestamp or datetime.now(timezone.utc),
        None if logger is None else str(logger),
        record,
    )


def _parse_timestamp(stamp: object) -> datetime | None:
    if not isinstance(stamp, str):
        return None
    try:
        # Python 3.10 reads no Z for UTC, and just three or six digits behind the second.
        digits = _FRACTION.sub(lambda match: f".{match[1][:6]:0<6}", stamp, count=1)
        parsed = datetime.fromisoformat(digits.replace("Z", "+00:00").replace("z", "+00:00"))
    except ValueError:
        return None
    return parsed if parsed.tzinfo is not None else parsed.replace(tzinfo=timezone.utc)


def _unreadable(data: bytes, why: str) -> LogEvent:
    beginning = data[:_QUOTED_OF_BAD_LINE].decode("utf-8", "replace")
    return LogEvent(
        "The task sent a log line that is no record",
        "warning",
        datetime.now(timezone.utc),
        "supervise.logs",
        {"reason": why, "line": beginning},
    )
