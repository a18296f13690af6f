"""The exact answers to a task's requests, from the memory backend."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from afbundle.supervise import LocalDagRun, MemoryBackend, SecretMasker, startup_details
from afbundle.supervise.handlers import HANDLERS, answer
from afbundle.supervise.session import TaskSession
from afbundle.wire import messages

NOW = datetime(2026, 11, 1, 12, tzinfo=timezone.utc)
MISSING_DAG_RUN = "Dag run with dag_id 'dag' and run_id 'other' was not found"

Answer = tuple[Any, Any]


class Airflow:
    """A store with one running task instance, and its requests."""

    def __init__(self) -> None:
        self.store = MemoryBackend()
        self.run = self.store.add_dag_run(LocalDagRun.manual("dag", logical_date=NOW))
        self.ti_id, self.session = self._start("task")

    def _start(self, task_id: str) -> tuple[str, TaskSession]:
        details = startup_details(self.run, task_id, schema_version="2026-10-30")
        asyncio.run(self.store.start_task(details, 1))
        return details.ti.id, TaskSession(self.store, details, SecretMasker())

    def ask(self, kind: str, **fields: Any) -> Answer:
        """Send a request; return the response's body without its type, and its error."""
        body, error = asyncio.run(answer(self.session, {"type": kind, **fields}))
        return body, error

    def say(self, kind: str, **fields: Any) -> Any:
        """Send a request that must be answered; return the fields of the answer."""
        body, error = self.ask(kind, **fields)
        assert error is None
        if body is None:
            return None
        # Whatever a supervisor answers must be a message of the schema.
        message = messages.from_body(body)
        assert type(message).__name__ in messages.TO_TASK
        return {key: value for key, value in body.items() if key != "type"}


@pytest.fixture
def airflow() -> Airflow:
    return Airflow()


def error_body(error: str, **detail: Any) -> dict[str, Any]:
    return {"type": "ErrorResponse", "error": error, "detail": detail or None}


def test_every_message_of_the_schema_has_a_handler_or_is_none_of_a_task_s_supervisor() -> None:
    # Airflow's task supervisors do not answer these either: descriptors cannot cross TCP, and the two others are
    # the triggerer's.
    without = {"ResendLoggingFD", "UpdateHITLDetail", "GetHITLDetailResponse"}
    assert set(HANDLERS) == set(messages.TO_SUPERVISOR) - without


def test_variables(airflow: Airflow) -> None:
    assert airflow.ask("GetVariable", key="a") == (error_body("VARIABLE_NOT_FOUND", key="a"), None)
    assert airflow.say("PutVariable", key="a", value="1", description=None) is None
    assert airflow.say("PutVariable", key="b", value=None, description="empty") is None
    assert airflow.say("GetVariable", key="a") == {"key": "a", "value": "1"}
    assert airflow.say("GetVariable", key="b") == {"key": "b", "value": None}
    assert airflow.say("DeleteVariable", key="a") == {"ok": True}
    assert airflow.say("DeleteVariable", key="a") == {"ok": True}
    assert airflow.ask("GetVariable", key="a") == (error_body("VARIABLE_NOT_FOUND", key="a"), None)


def test_variable_keys_come_in_pages(airflow: Airflow) -> None:
    airflow.store.variables.update({f"etl_{n}": "x" for n in range(5)}, other="x")
    assert airflow.say("GetVariableKeys", prefix="etl_", limit=2, offset=2) == {
        "keys": ["etl_2", "etl_3"],
        "total_entries": 5,
    }
    assert airflow.say("GetVariableKeys")["total_entries"] == 6
    assert airflow.say("GetVariableKeys", prefix="none") == {"keys": [], "total_entries": 0}


def test_connections(airflow: Airflow) -> None:
    airflow.store = MemoryBackend(connections={"db": "postgresql://me:pw%40@Host:5432/shop?sslmode=require"})
    airflow.session.backend = airflow.store
    assert airflow.say("GetConnection", conn_id="db") == {
        "conn_id": "db",
        "conn_type": "postgres",
        "host": "host",
        "schema": "shop",
        "login": "me",
        "password": "pw@",
        "port": 5432,
        "extra": '{"sslmode": "require"}',
    }
    assert airflow.ask("GetConnection", conn_id="no") == (
        error_body("CONNECTION_NOT_FOUND", conn_id="no"),
        None,
    )


def xcom(key: str = "return_value", **more: Any) -> dict[str, Any]:
    return {"key": key, "dag_id": "dag", "task_id": "task", **more}


def test_an_xcom_that_is_not_there_reads_as_none(airflow: Airflow) -> None:
    run_id = airflow.run.run_id
    assert airflow.say("GetXCom", **xcom(run_id=run_id)) == {"key": "return_value", "value": None}
    assert airflow.say("SetXCom", **xcom(run_id=run_id, value={"n": [1, 2.0, None, True]})) is None
    expected = {"key": "return_value", "value": {"n": [1, 2.0, None, True]}}
    # A missing, a null and a negative map index are the same.
    for index in ({}, {"map_index": None}, {"map_index": -1}):
        assert airflow.say("GetXCom", **xcom(run_id=run_id), **index) == expected
    assert airflow.say("GetXCom", **xcom(run_id=run_id, map_index=0))["value"] is None
    assert airflow.say("DeleteXCom", **xcom(run_id=run_id)) is None
    assert airflow.say("DeleteXCom", **xcom(run_id=run_id)) is None
    assert airflow.say("GetXCom", **xcom(run_id=run_id))["value"] is None


def test_xcoms_of_mapped_tasks_are_a_sequence(airflow: Airflow) -> None:
    key = xcom(run_id=airflow.run.run_id)
    for index in (2, 0, 1):
        airflow.say("SetXCom", **key, value=f"v{index}", map_index=index)
    assert airflow.say("GetXComCount", **key) == {"len": 3}
    assert airflow.say("GetXComSequenceItem", **key, offset=0) == {"root": "v0"}
    assert airflow.say("GetXComSequenceItem", **key, offset=-1) == {"root": "v2"}
    for offset in (3, -4):
        missing = error_body("XCOM_NOT_FOUND", **key, offset=offset)
        assert airflow.ask("GetXComSequenceItem", **key, offset=offset) == (missing, None)
    everything = ["v0", "v1", "v2"]
    for part in (slice(None), slice(1, None), slice(-2, None), slice(None, None, -1), slice(0, 3, 2)):
        fields = {"start": part.start, "stop": part.stop, "step": part.step}
        assert airflow.say("GetXComSequenceSlice", **key, **fields) == {"root": everything[part]}
    other = xcom("other", run_id=airflow.run.run_id)
    assert airflow.say("GetXComCount", **other) == {"len": 0}
    assert airflow.say("GetXComSequenceSlice", **other, start=None, stop=None, step=None) == {"root": []}


def test_prior_dates_are_looked_through_backwards(airflow: Airflow) -> None:
    for days in (1, 2, -1):
        run = airflow.store.add_dag_run(LocalDagRun.manual("dag", logical_date=NOW - timedelta(days=days)))
        airflow.say("SetXCom", **xcom(run_id=run.run_id, value=days))
    assert airflow.say("GetXCom", **xcom(run_id=airflow.run.run_id))["value"] is None
    assert airflow.say("GetXCom", **xcom(run_id=airflow.run.run_id, include_prior_dates=True))["value"] == 1


@pytest.mark.parametrize("value", [NOW, b"bytes", float("nan"), {"deep": [b""]}])
def test_an_xcom_is_json(airflow: Airflow, value: object) -> None:
    body, error = airflow.ask("SetXCom", **xcom(run_id=airflow.run.run_id, value=value))
    assert body is None
    assert error["type"] == "ErrorResponse"
    assert airflow.say("GetXComCount", **xcom(run_id=airflow.run.run_id)) == {"len": 0}


def test_a_new_try_begins_without_the_xcoms_of_the_last(airflow: Airflow) -> None:
    airflow.say("SetXCom", **xcom(run_id=airflow.run.run_id, value=1))
    airflow._start("other")
    assert airflow.say("GetXComCount", **xcom(run_id=airflow.run.run_id)) == {"len": 1}
    airflow._start("task")
    assert airflow.say("GetXComCount", **xcom(run_id=airflow.run.run_id)) == {"len": 0}


def test_what_a_task_says_about_itself_is_kept(airflow: Airflow) -> None:
    assert airflow.say("SetRenderedFields", rendered_fields={"sql": "select 1"}) is None
    assert airflow.say("SetRenderedMapIndex", rendered_map_index="Lisbon") is None
    assert airflow.say("MaskSecret", value="hunter2", name=None) is None
    assert airflow.say("SkipDownstreamTasks", tasks=["b", ["c", 1]]) is None
    record = airflow.store.task("dag", airflow.run.run_id, "task")
    assert record is not None
    assert (record.rendered_fields, record.rendered_map_index) == ({"sql": "select 1"}, "Lisbon")
    assert airflow.session.masker.text("it is hunter2") == "it is ***"
    states = airflow.say("GetTaskStates", dag_id="dag")["task_states"]
    assert states == {airflow.run.run_id: {"task": "running", "b": "skipped", "c_1": "skipped"}}


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("SucceedTask", {"end_date": NOW, "task_outlets": [], "outlet_events": []}),
        ("RetryTask", {"end_date": NOW, "retry_reason": "later"}),
        ("TaskState", {"state": "failed", "end_date": NOW}),
        ("DeferTask", {"classpath": "a.B", "next_method": "go", "trigger_kwargs": {}}),
        ("RescheduleTask", {"reschedule_date": NOW, "end_date": NOW}),
        ("AwaitInputTask", {"next_method": "go"}),
    ],
)
def test_outcomes_are_acknowledged_and_recorded(airflow: Airflow, kind: str, fields: dict[str, Any]) -> None:
    assert airflow.say(kind, **fields) is None
    assert type(airflow.session.outcome).__name__ == kind


def test_counts_and_states_of_task_instances(airflow: Airflow) -> None:
    earlier = airflow.store.add_dag_run(LocalDagRun.manual("dag", logical_date=NOW - timedelta(days=1)))
    airflow.store.mark_task("dag", earlier.run_id, "task", "success")
    airflow.store.mark_task("dag", earlier.run_id, "mapped", "failed", map_index=3)
    airflow.store.mark_task("elsewhere", "r", "task", "failed")
    assert airflow.say("GetTICount", dag_id="dag") == {"count": 3}
    assert airflow.say("GetTICount", dag_id="dag", states=["failed", "success"]) == {"count": 2}
    assert airflow.say("GetTICount", dag_id="dag", task_ids=["task"]) == {"count": 2}
    assert airflow.say("GetTICount", dag_id="dag", map_index=3) == {"count": 1}
    assert airflow.say("GetTICount", dag_id="dag", logical_dates=[NOW]) == {"count": 1}
    assert airflow.say("GetTaskStates", dag_id="dag", run_ids=[earlier.run_id]) == {
        "task_states": {earlier.run_id: {"task": "success", "mapped_3": "failed"}}
    }
    assert airflow.say("GetTaskBreadcrumbs", dag_id="dag", run_id=earlier.run_id) == {
        "breadcrumbs": [
            {"task_id": "mapped", "map_index": 3, "state": "failed", "operator": None, "duration": None},
            {"task_id": "task", "map_index": -1, "state": "success", "operator": None, "duration": None},
        ]
    }
    previous = airflow.say("GetPreviousTI", dag_id="dag", task_id="task", logical_date=NOW)["task_instance"]
    assert (previous["run_id"], previous["state"]) == (earlier.run_id, "success")
    assert airflow.say("GetPreviousTI", dag_id="dag", task_id="task", logical_date=earlier.logical_date) == {
        "task_instance": None
    }
    assert airflow.say("GetPreviousTI", dag_id="dag", task_id="task", state="failed") == {
        "task_instance": None
    }
    assert airflow.say("GetTaskRescheduleStartDate", ti_id=airflow.ti_id) == {"start_date": None}
    assert airflow.say("ValidateInletsAndOutlets", ti_id=airflow.ti_id) == {"inactive_assets": []}


def test_dag_runs(airflow: Airflow) -> None:
    run_id = airflow.run.run_id
    assert airflow.say("GetDagRunState", dag_id="dag", run_id=run_id) == {"state": "running"}
    found = airflow.say("GetDagRun", dag_id="dag", run_id=run_id)
    assert (found["run_id"], found["logical_date"], found["run_type"]) == (run_id, NOW, "manual")
    body, error = airflow.ask("GetDagRun", dag_id="dag", run_id="other")
    assert body is None
    assert (error["error"], error["detail"]["status_code"]) == ("API_SERVER_ERROR", 404)
    assert error["detail"]["message"] == MISSING_DAG_RUN
    assert airflow.say("GetDRCount", dag_id="dag", states=["running"]) == {"count": 1}
    assert airflow.say("GetDRCount", dag_id="dag", run_ids=["other"]) == {"count": 0}
    assert airflow.say("GetPreviousDagRun", dag_id="dag", logical_date=NOW) == {"dag_run": None}
    assert airflow.say("GetPrevSuccessfulDagRun", ti_id=airflow.ti_id) == {}
    earlier = airflow.store.add_dag_run(LocalDagRun.manual("dag", logical_date=NOW - timedelta(days=1)))
    earlier.state = "success"
    previous = airflow.say("GetPreviousDagRun", dag_id="dag", logical_date=NOW, state="success")
    assert previous["dag_run"]["run_id"] == earlier.run_id
    assert airflow.say("GetPrevSuccessfulDagRun", ti_id=airflow.ti_id) == {
        "data_interval_start": earlier.data_interval_start,
        "data_interval_end": earlier.data_interval_end,
        "start_date": earlier.start_date,
        "end_date": None,
    }
    dag = airflow.say("GetDag", dag_id="dag")
    assert (dag["dag_id"], dag["is_paused"], dag["tags"]) == ("dag", False, [])


def test_dag_runs_can_be_triggered_and_noted(airflow: Airflow) -> None:
    trigger = {"dag_id": "next", "run_id": "r1", "conf": {"a": 1}, "logical_date": NOW}
    assert airflow.say("TriggerDagRun", **trigger) == {"ok": True}
    assert airflow.ask("TriggerDagRun", **trigger) == (error_body("DAGRUN_ALREADY_EXISTS"), None)
    assert airflow.say("TriggerDagRun", **trigger, reset_dag_run=True) == {"ok": True}
    found = airflow.say("GetDagRun", dag_id="next", run_id="r1")
    assert (found["state"], found["run_type"], found["conf"]) == ("queued", "operator_triggered", {"a": 1})
    for note, kept in (("hello", "hello"), (None, "hello"), ("", None)):
        assert airflow.say("UpdateDagRunNote", ti_id=airflow.ti_id, note=note) == {"ok": True}
        assert airflow.run.note == kept


def test_tasks_remember(airflow: Airflow) -> None:
    own = {"ti_id": airflow.ti_id}
    missing = (error_body("TASK_STORE_NOT_FOUND", key="k"), None)
    assert airflow.ask("GetTaskStateStore", **own, key="k") == missing
    assert airflow.say("SetTaskStateStore", **own, key="k", value=[1], expires_at=None) == {"ok": True}
    assert airflow.say("GetTaskStateStore", **own, key="k") == {"value": [1]}
    # A value outlives the try.
    later, _ = airflow._start("task")
    assert airflow.say("GetTaskStateStore", ti_id=later, key="k") == {"value": [1]}
    assert airflow.say("DeleteTaskStateStore", **own, key="k") == {"ok": True}
    assert airflow.ask("GetTaskStateStore", **own, key="k") == missing
    past = datetime.now(timezone.utc) - timedelta(seconds=1)
    airflow.say("SetTaskStateStore", **own, key="k", value=1, expires_at=past)
    assert airflow.ask("GetTaskStateStore", **own, key="k") == missing
    airflow.say("SetTaskStateStore", **own, key="k", value=1, expires_at=None)
    assert airflow.say("ClearTaskStateStore", **own) == {"ok": True}
    assert airflow.ask("GetTaskStateStore", **own, key="k") == missing


@pytest.mark.parametrize(("by", "ref"), [("ByName", {"name": "orders"}), ("ByUri", {"uri": "s3://orders"})])
def test_assets_remember(airflow: Airflow, by: str, ref: dict[str, str]) -> None:
    assert airflow.ask(f"GetAssetStateStore{by}", **ref, key="k") == (
        error_body("ASSET_NOT_FOUND", **ref),
        None,
    )
    airflow.store.add_asset("orders", "s3://orders")
    missing = (error_body("ASSET_STORE_NOT_FOUND", key="k"), None)
    assert airflow.ask(f"GetAssetStateStore{by}", **ref, key="k") == missing
    assert airflow.say(f"SetAssetStateStore{by}", **ref, key="k", value={"a": 1}) == {"ok": True}
    assert airflow.say("GetAssetStateStoreByName", name="orders", key="k") == {"value": {"a": 1}}
    assert airflow.say(f"DeleteAssetStateStore{by}", **ref, key="k") == {"ok": True}
    assert airflow.ask(f"GetAssetStateStore{by}", **ref, key="k") == missing
    airflow.say(f"SetAssetStateStore{by}", **ref, key="k", value=1)
    assert airflow.say(f"ClearAssetStateStore{by}", **ref) == {"ok": True}
    assert airflow.ask(f"GetAssetStateStore{by}", **ref, key="k") == missing


def test_assets_and_their_events(airflow: Airflow) -> None:
    assert airflow.ask("GetAssetByUri", uri="s3://orders") == (
        error_body("ASSET_NOT_FOUND", uri="s3://orders"),
        None,
    )
    orders = airflow.store.add_asset("orders", "s3://orders", extra={"team": "a"}, aliases=["shop"])
    described = {"name": "orders", "uri": "s3://orders", "group": "asset", "extra": {"team": "a"}}
    assert airflow.say("GetAssetByName", name="orders") == described
    assert airflow.say("GetAssetByUri", uri="s3://orders") == described
    (of_alias,) = airflow.say("GetAssetsByAlias", alias_name="shop")["assets"]
    assert of_alias.items() >= described.items()
    assert airflow.say("GetAssetsByAlias", alias_name="none") == {"assets": []}
    for day in (3, 1, 2):
        airflow.store.add_asset_event(
            orders,
            timestamp=NOW + timedelta(days=day),
            extra={"day": str(day)},
            partition_key=f"2026-11-{day:02}",
        )

    def days(**fields: Any) -> list[str]:
        by_asset = airflow.say("GetAssetEventByAsset", name="orders", uri=None, **fields)["asset_events"]
        by_alias = airflow.say("GetAssetEventByAssetAlias", alias_name="shop", **fields)["asset_events"]
        assert by_asset == by_alias
        return [event["extra"]["day"] for event in by_asset]

    assert days() == ["1", "2", "3"]
    assert days(ascending=False, limit=2) == ["3", "2"]
    assert days(after=NOW + timedelta(days=2)) == ["2", "3"]
    assert days(before=NOW + timedelta(days=2)) == ["1", "2"]
    assert days(partition_key="2026-11-02") == ["2"]
    assert days(partition_key_regexp_pattern="-0[13]$") == ["1", "3"]
    assert days(extra={"day": "3"}) == ["3"]
    assert airflow.say("GetAssetEventByAsset", name="none", uri=None) == {"asset_events": []}


def test_human_input_is_recorded_and_repeated(airflow: Airflow) -> None:
    detail = {"ti_id": airflow.ti_id, "options": ["yes", "no"], "subject": "Ship it?", "multiple": False}
    assert airflow.say("CreateHITLDetailPayload", **detail) == detail
    record = airflow.store.task("dag", airflow.run.run_id, "task")
    assert record is not None
    assert record.hitl_detail is not None
    assert record.hitl_detail.options == ["yes", "no"]


@pytest.mark.parametrize(
    "request_of",
    [
        lambda ti_id: ("GetTICount", {"dag_id": "dag", "task_group_id": "g"}),
        lambda ti_id: ("GetXCom", xcom(run_id="r", previous_iteration=True)),
        lambda ti_id: ("ValidateInletsAndOutlets", {"ti_id": ti_id[::-1]}),
        lambda ti_id: ("GetDag", {"dag_id": "none"}),
        lambda ti_id: ("UpdateDagRunNote", {"ti_id": ti_id[::-1], "note": "x"}),
    ],
)
def test_what_the_store_cannot_know_is_an_error(
    airflow: Airflow, request_of: Callable[[str], tuple[str, dict[str, Any]]]
) -> None:
    kind, fields = request_of(airflow.ti_id)
    body, error = airflow.ask(kind, **fields)
    assert body is None
    assert error["error"] == "API_SERVER_ERROR"
    assert error["detail"]["message"]
