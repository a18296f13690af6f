"""Timestamps stay as they travelled until somebody looks at one: then it is a datetime, wherever it lies."""

from __future__ import annotations

import pickle
import subprocess
import sys
from datetime import datetime, timezone
from typing import Any

import pytest

from afbundle.wire import messages
from afbundle.wire.frames import decode_response, encode_response
from afbundle.wire.msgpack import Timestamp, packb, settle, unpackb
from tests.unit.wire.samples import sample

WHEN = datetime(2026, 11, 22, 17, 30, 1, 250_000, tzinfo=timezone.utc)


def _startup_body() -> dict[str, Any]:
    body: dict[str, Any] = unpackb(packb(sample("StartupDetails").to_body()))  # type: ignore[assignment]
    return body


def _received(body: dict[str, Any]) -> Any:
    frame = decode_response(encode_response(0, body)[4:])
    assert frame.body is not None
    return messages.from_body(frame.body)


@pytest.mark.parametrize(
    "moment",
    [WHEN, WHEN.replace(microsecond=0), WHEN.replace(year=1900), WHEN.replace(year=9999)],
)
def test_a_timestamp_is_the_datetime_that_was_sent_and_travels_on_unchanged(moment: datetime) -> None:
    lazy = unpackb(packb(moment), lazy=True)
    assert isinstance(lazy, Timestamp)
    assert lazy.to_datetime() == moment
    assert packb(lazy) == packb(moment)
    assert unpackb(packb(lazy)) == moment


def test_settle_reaches_every_depth_and_keeps_the_containers() -> None:
    value: Any = unpackb(packb({"a": [WHEN, {"b": (WHEN, 1)}], "c": WHEN, "d": "text"}), lazy=True)
    inner = value["a"]
    assert settle(value) is value
    assert value == {"a": [WHEN, {"b": [WHEN, 1]}], "c": WHEN, "d": "text"}
    assert value["a"] is inner
    assert settle(unpackb(packb(WHEN), lazy=True)) == WHEN


def test_keys_are_never_left_raw() -> None:
    assert unpackb(packb({WHEN: [1]}), lazy=True) == {WHEN: [1]}


def test_a_container_nested_to_the_limit_settles() -> None:
    value: Any = WHEN
    for _ in range(511):
        value = [value]
    settled: Any = settle(unpackb(packb(value), lazy=True))
    for _ in range(511):
        (settled,) = settled
    assert settled == WHEN


def test_a_broken_timestamp_is_found_when_it_is_read_not_when_it_is_looked_at() -> None:
    from afbundle.wire.errors import DecodeError

    with pytest.raises(DecodeError, match="nanoseconds"):
        unpackb(b"\xd7\xff" + (1_000_000_000 << 34).to_bytes(8, "big"), lazy=True)


def test_dates_of_a_message_are_datetimes() -> None:
    event: dict[str, Any] = {
        **{"asset": {"name": "a", "uri": "u", "extra": {}}, "extra": {}, "source_task_id": None},
        **{"source_dag_id": None, "source_run_id": None, "source_map_index": None, "source_aliases": []},
        "timestamp": WHEN,
    }
    body = _startup_body()
    body["start_date"] = WHEN
    body["ti_context"]["dag_run"].update(
        logical_date=WHEN, conf={"since": WHEN, "all": [WHEN]}, consumed_asset_events=[event]
    )
    body["ti"]["context_carrier"] = {"deep": [{"when": WHEN}]}
    startup = _received(body)
    assert startup.start_date == WHEN
    run = startup.ti_context.dag_run
    assert run.logical_date == WHEN
    assert run.conf == {"since": WHEN, "all": [WHEN]}
    assert run.consumed_asset_events[0].timestamp == WHEN
    assert startup.ti.context_carrier == {"deep": [{"when": WHEN}]}
    assert "Timestamp" not in repr(startup)


def test_values_that_may_be_anything_hold_datetimes() -> None:
    assert _received({"type": "XComResult", "key": "k", "value": [WHEN]}).value == [WHEN]
    assert _received({"type": "XComSequenceSliceResult", "root": [WHEN, {"a": WHEN}]}).root == [
        WHEN,
        {"a": WHEN},
    ]


@pytest.mark.parametrize(
    "use",
    [
        lambda message: message.to_body()["start_date"],
        lambda message: pickle.loads(pickle.dumps(message)).start_date,  # noqa: S301
        lambda message: type(message)(**message._body).start_date,
    ],
)
def test_no_way_out_of_a_message_gives_a_raw_timestamp(use: Any) -> None:
    assert use(_received({**_startup_body(), "start_date": WHEN})) == WHEN


def test_a_received_message_equals_one_that_was_made() -> None:
    made = messages.TaskState(state="failed", end_date=WHEN)
    assert _received(made.to_body()) == made
    assert made == _received(made.to_body())


def test_the_present_is_now() -> None:
    before = datetime.now(timezone.utc)
    now = Timestamp.now().to_datetime()
    assert before <= now <= datetime.now(timezone.utc)


def test_a_first_frame_and_a_last_one_need_no_datetime() -> None:
    first = encode_response(0, {**_startup_body(), "start_date": WHEN})[4:]
    program = f"""
import sys
sys.path[:0] = {sys.path!r}
from afbundle.runtime.outcome import Outcome
from afbundle.wire import messages
from afbundle.wire.frames import decode_response
from afbundle.wire.msgpack import pack_parts
startup = messages.from_body(decode_response({first!r}).body)
assert startup.ti.task_id
pack_parts(Outcome.succeeded()._body)
assert not {{"_datetime", "datetime"}} & set(sys.modules)
print(startup.start_date)
"""
    done = subprocess.run([sys.executable, "-IS", "-c", program], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == (str(WHEN), "")
