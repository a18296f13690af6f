"""The first message of a local run."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from uuid import UUID

import pytest

from afbundle.supervise import LocalDagRun, startup_details
from afbundle.wire import messages
from afbundle.wire.msgpack import packb, unpackb

DATE = datetime(2026, 1, 31, 6, tzinfo=timezone(timedelta(hours=2)))


def through_the_wire(details: messages.StartupDetails) -> messages.StartupDetails:
    received = messages.from_body(unpackb(packb(details.to_body())))
    assert isinstance(received, messages.StartupDetails)
    return received


def test_a_manual_run_is_named_after_its_logical_date() -> None:
    run = LocalDagRun.manual("dag", conf={"a": 1}, logical_date=DATE)
    details = through_the_wire(startup_details(run, "group.task", schema_version="2026-06-16"))
    dag_run = details.ti_context.dag_run
    assert dag_run.run_id == "manual__2026-01-31T06:00:00+02:00"
    assert (dag_run.dag_id, dag_run.run_type, dag_run.state, dag_run.conf) == (
        "dag",
        "manual",
        "running",
        {"a": 1},
    )
    assert dag_run.logical_date == dag_run.data_interval_start == dag_run.data_interval_end == DATE
    assert dag_run.run_after.tzinfo is not None
    ti = details.ti
    assert (ti.dag_id, ti.task_id, ti.run_id, ti.try_number, ti.map_index) == (
        "dag",
        "group.task",
        dag_run.run_id,
        1,
        -1,
    )
    assert UUID(ti.id) != UUID(ti.dag_version_id)


@pytest.mark.parametrize(
    ("retries", "try_number", "should_retry"), [(0, 1, False), (1, 1, True), (1, 2, False), (3, 3, True)]
)
def test_a_try_may_be_repeated_while_retries_are_left(
    retries: int, try_number: int, should_retry: bool
) -> None:
    run = LocalDagRun.manual("dag")
    details = startup_details(
        run, "task", schema_version="2026-06-16", retries=retries, try_number=try_number
    )
    assert details.ti_context.should_retry is should_retry
    assert details.ti_context.max_tries == retries


def test_every_try_is_an_instance_of_its_own() -> None:
    run = LocalDagRun.manual("dag")
    ids = {startup_details(run, "task", schema_version="2026-06-16").ti.id for _ in range(5)}
    assert len(ids) == 5


def test_bindings_are_sent_only_where_the_schema_has_them() -> None:
    run = LocalDagRun.manual("dag")
    bindings = [messages.LiteralArgBinding(name="n", kind="literal", value=3)]
    older = startup_details(run, "task", schema_version="2026-06-16", arg_bindings=bindings)
    assert "arg_bindings" not in older.to_body()["ti_context"]
    newer = through_the_wire(startup_details(run, "task", schema_version="2026-10-30", arg_bindings=bindings))
    assert newer.ti_context.arg_bindings is not None
    (binding,) = newer.ti_context.arg_bindings
    assert isinstance(binding, messages.LiteralArgBinding)
    assert (binding.name, binding.value) == ("n", 3)
