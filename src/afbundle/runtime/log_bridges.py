"""`logging` and structlog, led into the task's log. Imported only when the task uses one of them."""

from __future__ import annotations

import sys

from afbundle.runtime.logs import NOTSET, LogChannel, parse_level

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def lead_logging(channel: LogChannel, logging: Any) -> None:
    """Make every `logging` record of this process a record of the task's log.

    The levels become those of the loggers themselves, so that ``isEnabledFor`` is right and a dropped record costs nothing.
    """
    plain = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

    # A base that exists only once `logging` does is Any to the type checker.
    class Handler(logging.Handler):  # type: ignore[misc]
        def emit(self, record: Any) -> None:
            try:
                text = record.getMessage()
            except Exception:  # noqa: BLE001  (a wrong number of % arguments must not cost the record)
                text = f"{record.msg} {record.args!r}"
            error = record.exc_info[1] if record.exc_info else None
            channel.emit(
                record.levelno,
                text,
                record.name,
                {key: value for key, value in vars(record).items() if key not in plain},
                when_ns=int(record.created * 1_000_000_000),
                error=error,
            )

    root = logging.getLogger()
    root.addHandler(Handler(NOTSET))
    root.setLevel(channel.level)
    for name, level in channel.namespaces:
        logging.getLogger(name).setLevel(level)


def structlog_logger(channel: LogChannel, name: str) -> Any:
    """Return a structlog logger that writes into the task's log; also set up `structlog.get_logger` unless the bundle did."""
    import structlog

    class Sink:
        """The end of structlog's chain: takes the finished event dict."""

        def msg(self, **event: Any) -> None:
            level = event.pop("level", NOTSET)
            error = event.pop("exc_info", None)
            if error is True:
                error = sys.exc_info()[1]
            elif isinstance(error, tuple):
                error = error[1]
            logger = event.pop("logger", None) or name
            if channel.enabled(level, logger):
                channel.emit(
                    level,
                    str(event.pop("event", "")),
                    logger,
                    event,
                    error=error if isinstance(error, BaseException) else None,
                )

        debug = info = warning = warn = error = critical = fatal = exception = log = msg

    def number_the_level(_logger: Any, method: str, event: dict[str, Any]) -> dict[str, Any]:
        event["level"] = parse_level("error" if method == "exception" else method, NOTSET)
        return event

    settings: dict[str, Any] = {
        "processors": [structlog.contextvars.merge_contextvars, number_the_level],
        "wrapper_class": structlog.make_filtering_bound_logger(NOTSET),
    }
    if not structlog.is_configured():
        structlog.configure(logger_factory=lambda *_args: Sink(), **settings)
    return structlog.wrap_logger(Sink(), **settings)
