"""The task's log: what reaches the supervisor's socket, and what never breaks it."""

from __future__ import annotations

import json
import logging
import socket
from typing import TYPE_CHECKING, Any

import pytest

from afbundle import Logger
from afbundle.runtime.logs import LogChannel, encode_json, parse_level, parse_namespace_levels

if TYPE_CHECKING:
    from collections.abc import Iterator


class Reader:
    """The supervisor's end of the logs socket."""

    def __init__(self, end: socket.socket) -> None:
        self.end = end

    def records(self, count: int) -> list[dict[str, Any]]:
        file = self.end.makefile("rb")
        return [json.loads(file.readline()) for _ in range(count)]


@pytest.fixture
def pair() -> Iterator[tuple[Any, Reader]]:
    ours, theirs = socket.socketpair()
    theirs.settimeout(10)
    with ours, theirs:
        yield ours, Reader(theirs)


def test_records_from_before_the_connection_come_first_and_in_order(pair: tuple[Any, Reader]) -> None:
    ours, reader = pair
    channel = LogChannel()
    channel.emit(20, "one")
    channel.emit(20, "two")
    channel.connect(ours)
    channel.emit(20, "three")
    assert [record["event"] for record in reader.records(3)] == ["one", "two", "three"]


def test_a_record_has_the_keys_of_the_language_sdk_document(pair: tuple[Any, Reader]) -> None:
    ours, reader = pair
    channel = LogChannel()
    channel.connect(ours)
    Logger(channel, "extract").bind(dag="d").info("done %d of %s", 3, "many", rows=42)
    record = reader.records(1)[0]
    stamp = record.pop("timestamp")
    assert stamp.endswith("Z")
    assert len(stamp) == len("2026-01-01T00:00:00.000000Z")
    assert record == {"level": "info", "event": "done 3 of many", "logger": "extract", "dag": "d", "rows": 42}


def test_levels_filter_and_the_longest_namespace_wins() -> None:
    channel = LogChannel(parse_level("WARNING"), parse_namespace_levels("a=DEBUG, a.b=ERROR sqlalchemy=INFO"))
    assert not channel.enabled(20, "other")
    assert channel.enabled(30, "other")
    assert channel.enabled(10, "a")
    assert channel.enabled(10, "a.c")
    assert not channel.enabled(30, "a.b.c")
    assert channel.enabled(20, "sqlalchemy.engine")
    assert not channel.enabled(20, "sqlalchemyx")


@pytest.mark.parametrize("text", [None, "", "nonsense"])
def test_an_unknown_level_is_info(text: str | None) -> None:
    assert parse_level(text) == 20


def test_nonsense_namespaces_are_left_out() -> None:
    assert parse_namespace_levels("a,b=,=INFO,c=LOUD,d=info") == (("d", 20),)


class Unspeakable:
    """Has no text."""

    def __str__(self) -> str:
        raise RuntimeError("no")


def cycle() -> list[Any]:
    ring: list[Any] = []
    ring.append(ring)
    return ring


@pytest.mark.parametrize(
    "value",
    [
        Unspeakable(),
        float("nan"),
        {1: 2, (1, 2): 3},
        {4, 5},
        b"bytes",
        cycle(),
        "lone surrogate \ud800",
        object(),
        10**400,
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_record_that_json_does_not_know_still_arrives(pair: tuple[Any, Reader], value: object) -> None:
    ours, reader = pair
    channel = LogChannel()
    channel.connect(ours)
    channel.emit(20, "odd", fields={"value": value})
    channel.emit(20, "next")
    first, second = reader.records(2)
    assert first["event"] == "odd"
    assert "value" in first
    assert second["event"] == "next"


def test_newlines_stay_inside_one_line() -> None:
    assert "\n" not in encode_json({"event": "a\nb\r\n\u2028c"})


@pytest.mark.parametrize(
    "name", ["event", "level", "msg", "target", "self", "exc_info", "timestamp", "method_name"]
)
def test_reserved_field_names_do_not_replace_the_record(pair: tuple[Any, Reader], name: str) -> None:
    ours, reader = pair
    channel = LogChannel()
    channel.connect(ours)
    channel.emit(20, "text", "logger", {name: "mine"})
    record = reader.records(1)[0]
    assert record["event"] == "text"
    assert record["level"] == "info"
    assert record[f"{name}_"] == "mine"


def test_an_exception_goes_along_with_its_cause_and_frames(pair: tuple[Any, Reader]) -> None:
    ours, reader = pair
    channel = LogChannel()
    channel.connect(ours)
    try:
        try:
            raise KeyError("inner")
        except KeyError as error:
            raise RuntimeError("outer") from error
    except RuntimeError:
        Logger(channel, "l").exception("it broke")
    record = reader.records(1)[0]
    assert record["level"] == "error"
    outer, inner = record["error_detail"]
    assert (outer["exc_type"], outer["exc_value"], outer["is_cause"]) == ("RuntimeError", "outer", False)
    assert (inner["exc_type"], inner["is_cause"]) == ("KeyError", True)
    assert outer["frames"][-1]["filename"] == __file__


def test_a_dead_socket_sends_the_log_to_stderr_and_nothing_raises(
    pair: tuple[Any, Reader], capsys: pytest.CaptureFixture[str]
) -> None:
    ours, reader = pair
    channel = LogChannel()
    channel.connect(ours)
    reader.end.close()
    for number in range(5):
        channel.emit(20, f"record {number}")
    assert [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()] == [
        f"record {number}" for number in range(5)
    ]


def test_the_stdlib_loggers_lead_into_the_channel(pair: tuple[Any, Reader]) -> None:
    from afbundle.runtime.log_bridges import lead_logging

    ours, reader = pair
    channel = LogChannel(30, parse_namespace_levels("noisy=ERROR"))
    channel.connect(ours)
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    # pytest's own handlers would stumble over the malformed record below.
    root.handlers[:] = []
    try:
        lead_logging(channel, logging)
        log = logging.getLogger("my.module")
        log.info("dropped")
        log.warning("kept %s", "it", extra={"rows": 3})
        logging.getLogger("noisy.part").warning("dropped too")
        log.error("bad %d format", "x")
        assert [(r["event"], r["logger"], r.get("rows")) for r in reader.records(2)] == [
            ("kept it", "my.module", 3),
            ("bad %d format ('x',)", "my.module", None),
        ]
    finally:
        root.handlers[:] = before
        root.setLevel(level)
        logging.getLogger("noisy").setLevel(logging.NOTSET)


def test_structlog_leads_into_the_channel(pair: tuple[Any, Reader]) -> None:
    import structlog

    from afbundle.runtime.log_bridges import structlog_logger

    ours, reader = pair
    channel = LogChannel()
    channel.connect(ours)
    try:
        log = structlog_logger(channel, "task")
        log.debug("dropped")
        log.bind(a=1).warning("kept", b=2)
        structlog.get_logger().info("global %s", "too")
        first, second = reader.records(2)
    finally:
        structlog.reset_defaults()
    assert (first["event"], first["level"], first["a"], first["b"]) == ("kept", "warning", 1, 2)
    assert (second["event"], second["level"]) == ("global too", "info")
