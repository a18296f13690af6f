"""Lines of the logs channel and of the two streams, as events."""

from __future__ import annotations

import json
from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afbundle.supervise.logs import Line, LineSplitter, LogEvent, parse_log_line, stream_event


def parse(record: object) -> LogEvent | None:
    return parse_log_line(Line(json.dumps(record).encode(), is_start=True, is_end=True))


def test_a_record_keeps_its_own_fields() -> None:
    event = parse(
        {
            "event": "loaded",
            "level": "warning",
            "timestamp": "2026-11-01T12:00:00.5Z",
            "logger": "etl.load",
            "rows": 3,
            "http.status": 200,
        }
    )
    assert event == LogEvent(
        "loaded",
        "warning",
        datetime(2026, 11, 1, 12, 0, 0, 500000, tzinfo=timezone.utc),
        "etl.load",
        {"rows": 3, "http.status": 200},
    )


@pytest.mark.parametrize(
    ("given_level", "level"),
    [
        ("critical", "critical"),
        ("FATAL", "critical"),
        ("error", "error"),
        ("warn", "warning"),
        ("info", "info"),
        ("debug", "debug"),
    ],
)
def test_levels_have_airflow_s_names(given_level: str, level: str) -> None:
    event = parse({"event": "x", "level": given_level})
    assert event is not None
    assert event.level == level


@pytest.mark.parametrize("level", ["trace", "notset", "", 30, None])
def test_records_of_other_levels_are_dropped_as_airflow_does(level: object) -> None:
    assert parse({"event": "x", "level": level}) is None


@pytest.mark.parametrize(
    ("stamp", "expected"),
    [
        ("2026-11-01T12:00:00+02:00", datetime(2026, 11, 1, 10, tzinfo=timezone.utc)),
        ("2026-11-01T12:00:00.123456789Z", datetime(2026, 11, 1, 12, 0, 0, 123456, tzinfo=timezone.utc)),
        ("2026-11-01T12:00:00.123456", datetime(2026, 11, 1, 12, 0, 0, 123456, tzinfo=timezone.utc)),
        ("2026-11-01 12:00:00.250Z", datetime(2026, 11, 1, 12, 0, 0, 250000, tzinfo=timezone.utc)),
    ],
)
def test_timestamps_of_all_sdks_are_read(stamp: str, expected: datetime) -> None:
    event = parse({"event": "x", "level": "info", "timestamp": stamp})
    assert event is not None
    assert event.timestamp == expected


@pytest.mark.parametrize("stamp", ["yesterday", 1697190085, ["2026"]])
def test_a_timestamp_that_is_none_is_kept_as_a_field(stamp: object) -> None:
    before = datetime.now(timezone.utc)
    event = parse({"event": "x", "level": "info", "timestamp": stamp})
    assert event is not None
    assert event.fields == {"invalid_timestamp": stamp}
    assert before <= event.timestamp <= datetime.now(timezone.utc)


def test_texts_that_are_none_become_texts() -> None:
    event = parse({"event": ["a", 1], "level": "info", "logger": 7})
    assert event is not None
    assert (event.event, event.logger) == ("['a', 1]", "7")
    assert parse({"level": "info"}) is not None


@given(st.binary())
def test_any_line_is_an_event_or_nothing(data: bytes) -> None:
    event = parse_log_line(Line(data, is_start=True, is_end=True))
    assert event is None or isinstance(event.event, str)


def test_a_stream_s_line_keeps_everything_but_its_end() -> None:
    event = stream_event(Line(b"  caf\xc3\xa9 \xff \r\n", is_start=True, is_end=True), "task.stdout", "info")
    assert (event.event, event.logger, event.level) == ("  café � ", "task.stdout", "info")


@given(st.lists(st.binary(max_size=20)), st.integers(min_value=1, max_value=30))
def test_lines_come_out_as_they_went_in_however_they_were_cut(chunks: list[bytes], limit: int) -> None:
    splitter = LineSplitter(limit)
    lines = [line for chunk in chunks for line in splitter.feed(chunk)]
    lines += splitter.finish()
    joined = b"".join(line.data + (b"\n" if line.is_end else b"") for line in lines)
    whole = b"".join(chunks)
    assert joined == (whole if whole.endswith(b"\n") or not whole else whole + b"\n")
    # A part that ends no line is followed by one that begins none.
    assert [line.is_start for line in lines] == [True, *(line.is_end for line in lines)][: len(lines)]
    assert all(len(line.data) <= limit + 20 for line in lines)
