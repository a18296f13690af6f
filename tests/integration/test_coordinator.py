"""The real ``ExecutableCoordinator`` of every supported Airflow runs packed bundles."""

from __future__ import annotations

import json
import statistics
from pathlib import Path

import pytest

from tests.integration.coordinator import Coordinator

pytestmark = pytest.mark.integration

ETL_VARIABLES = {"etl_source": "s3://bucket/rows"}
ETL_CONNECTIONS = {"etl_warehouse": {"conn_type": "postgres", "host": "warehouse.example"}}
PASSWORD = "s3cr3t-of-the-probe"
DB = {
    "conn_type": "postgres",
    "host": "db.example",
    "schema": "sales",
    "login": "etl",
    "password": PASSWORD,
    "port": 5432,
    "extra": json.dumps({"sslmode": "require"}),
}
# The supervisor that misses the end of a task sleeps for min_heartbeat_interval, 5 s (DESIGN.md, "the end").
MISSED_END = 4.0


# The Dag of README and `make demo`


def test_etl_extract(coordinator: Coordinator, etl_bundle: Path) -> None:
    outcome = coordinator.run(
        etl_bundle, "etl_example", "extract", variables=ETL_VARIABLES, connections=ETL_CONNECTIONS
    )
    assert outcome.final_state == "success", outcome.story()
    assert outcome.runs[0].exit_code == 0
    assert outcome.xcoms == {"extract": {"return_value": {"rows": [1, 2, 3, 4]}}}
    record = outcome.logged("extracting")
    assert (record["source"], record["host"]) == ("s3://bucket/rows", "warehouse.example")
    assert outcome.unexpected == []


def test_etl_transform(coordinator: Coordinator, etl_bundle: Path) -> None:
    upstream = {"extract": {"return_value": {"rows": [5, 6]}}}
    outcome = coordinator.run(etl_bundle, "etl_example", "transform", xcoms=upstream)
    assert outcome.final_state == "success", outcome.story()
    assert outcome.xcoms["transform"] == {"return_value": {"rows": [10, 12]}}


def test_etl_load_fails_once_and_recovers(coordinator: Coordinator, etl_bundle: Path) -> None:
    upstream = {"transform": {"return_value": {"rows": [2, 4]}}}
    first = coordinator.run(
        etl_bundle, "etl_example", "load", xcoms=upstream, try_number=1, max_tries=1, should_retry=True
    )
    assert first.final_state == "up_for_retry"
    second = coordinator.run(etl_bundle, "etl_example", "load", xcoms=upstream, try_number=2, max_tries=1)
    assert second.final_state == "success"
    assert second.xcoms["load"] == {"return_value": 2}
    assert second.logged("loaded 2 rows")["logger"] == "task.stdout"


# How a task ends, and what Airflow is told


def test_success(coordinator: Coordinator, probe_bundle: Path) -> None:
    outcome = coordinator.run(probe_bundle, "probe", "nothing")
    assert outcome.final_state == "success", outcome.story()
    assert outcome.last_report["state"] == "success"
    assert outcome.last_report["task_outlets"] == []
    assert outcome.last_report["outlet_events"] == []
    assert outcome.xcoms == {}


def test_failure(coordinator: Coordinator, probe_bundle: Path) -> None:
    outcome = coordinator.run(probe_bundle, "probe", "fail")
    assert outcome.final_state == "failed", outcome.story()
    assert outcome.last_report["state"] == "failed"
    errors = [record for record in outcome.log if record["level"] == "error"]
    assert "the probe fails on purpose" in json.dumps(errors)
    assert "probe.py" in json.dumps(errors)


def test_retry(coordinator: Coordinator, probe_bundle: Path) -> None:
    outcome = coordinator.run(probe_bundle, "probe", "fail", should_retry=True, max_tries=2)
    assert outcome.final_state == "up_for_retry", outcome.story()
    assert outcome.last_report["state"] == "up_for_retry"
    assert "the probe fails on purpose" in outcome.last_report["retry_reason"]


def test_system_exit_is_a_failure(coordinator: Coordinator, probe_bundle: Path) -> None:
    assert coordinator.run(probe_bundle, "probe", "leave").final_state == "failed"


def test_removed(coordinator: Coordinator, probe_bundle: Path) -> None:
    outcome = coordinator.run(probe_bundle, "probe", "no_such_task")
    assert outcome.final_state == "removed", outcome.story()
    assert outcome.last_report["state"] == "removed"


def test_async_task(coordinator: Coordinator, probe_bundle: Path) -> None:
    outcome = coordinator.run(probe_bundle, "probe", "asynchronous")
    assert outcome.final_state == "success", outcome.story()
    assert outcome.xcoms == {"asynchronous": {"return_value": "asynchronous"}}


def test_result_that_is_not_json_fails(coordinator: Coordinator, probe_bundle: Path) -> None:
    outcome = coordinator.run(probe_bundle, "probe", "unserializable")
    assert outcome.final_state == "failed", outcome.story()
    assert outcome.xcoms == {}


def test_unknown_dag_finds_no_bundle(coordinator: Coordinator, probe_bundle: Path) -> None:
    (run,) = coordinator.run(probe_bundle, "no_such_dag", "nothing").runs
    assert run.error is not None
    assert "no_such_dag" in run.error


# What a task may ask of Airflow


def test_context(coordinator: Coordinator, probe_bundle: Path) -> None:
    outcome = coordinator.run(
        probe_bundle,
        "probe",
        "context_values",
        run_id="manual__α 1",
        try_number=3,
        map_index=2,
        conf={"full": True},
    )
    assert outcome.final_state == "success", outcome.story()
    assert outcome.xcoms["context_values[2]"]["return_value"] == {
        "dag_id": "probe",
        "task_id": "context_values",
        "run_id": "manual__α 1",
        "try_number": 3,
        "map_index": 2,
        "logical_date": "2026-01-01T00:00:00+00:00",
        "run_type": "manual",
        "conf": {"full": True},
    }


def test_variables(coordinator: Coordinator, probe_bundle: Path) -> None:
    outcome = coordinator.run(
        probe_bundle, "probe", "variables", variables={"plain": "ä", "structured": '{"a": [1]}'}
    )
    assert outcome.final_state == "success", outcome.story()
    assert outcome.xcoms["variables"]["return_value"] == {
        "plain": "ä",
        "structured": {"a": [1]},
        "default": "fallback",
        "missing": "VariableNotFound",
    }
    assert outcome.variables == {"structured": '{"a": [1]}', "written": "by the task"}


def test_connections(coordinator: Coordinator, probe_bundle: Path) -> None:
    outcome = coordinator.run(probe_bundle, "probe", "connections", connections={"db": DB})
    assert outcome.final_state == "success", outcome.story()
    assert outcome.xcoms["connections"]["return_value"] == {
        "conn_id": "db",
        "conn_type": "postgres",
        "host": "db.example",
        "schema": "sales",
        "login": "etl",
        "has_password": True,
        "port": 5432,
        "extra": {"sslmode": "require"},
        "missing": "ConnectionNotFound",
    }


def test_no_secret_reaches_the_task_log(coordinator: Coordinator, probe_bundle: Path) -> None:
    outcome = coordinator.run(probe_bundle, "probe", "secrets", connections={"db": DB}, should_retry=True)
    assert outcome.final_state == "up_for_retry", outcome.story()
    for event in ("by the task logger", "by logging", "on stdout", "on stderr"):
        outcome.logged(event)
    assert "in a traceback" in json.dumps(outcome.log)
    assert PASSWORD not in json.dumps([outcome.log, outcome.state_calls])


def test_xcoms(coordinator: Coordinator, probe_bundle: Path) -> None:
    outcome = coordinator.run(probe_bundle, "probe", "xcoms", xcoms={"upstream": {"return_value": [1, "ü"]}})
    assert outcome.final_state == "success", outcome.story()
    assert outcome.xcoms["xcoms"] == {
        "pushed": {"deep": [1, None, True]},
        "return_value": {"upstream": [1, "ü"], "missing": "XComNotFound"},
    }


# The task log, as Airflow stores it


def test_logs(coordinator: Coordinator, probe_bundle: Path) -> None:
    outcome = coordinator.run(probe_bundle, "probe", "logs")
    assert outcome.final_state == "success", outcome.story()
    record = outcome.logged("a structured record")
    assert record["level"] == "info"
    assert record["rows"] == 3
    assert outcome.logged("a warning record")["level"] == "warning"
    assert outcome.logged("an error record")["level"] == "error"
    assert outcome.logged("a critical record")["level"] == "critical"
    assert outcome.logged("by the standard library")["level"] == "info"
    assert outcome.logged("to stdout")["logger"] == "task.stdout"
    assert outcome.logged("to stderr")["logger"] == "task.stderr"
    assert not [record for record in outcome.log if "a debug record" in record["event"]]
    stamps = [record["timestamp"] for record in outcome.log if record["event"].endswith(" record")]
    assert stamps == sorted(stamps)


def test_log_levels(coordinator: Coordinator, probe_bundle: Path) -> None:
    outcome = coordinator.run(
        probe_bundle,
        "probe",
        "logs",
        environ={
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "DEBUG",
            "AIRFLOW__LOGGING__NAMESPACE_LEVELS": "noisy=WARNING",
        },
    )
    assert outcome.logged("a debug record")["level"] == "debug"
    assert not [record for record in outcome.log if "of a library" in record["event"]]


# Arguments of the stub's TaskFlow call, which Airflow sends from 3.4 on

BINDINGS = (
    {"kind": "xcom", "name": "rows", "task_id": "upstream"},
    {"kind": "literal", "name": "window", "value": {"start": 1, "end": 3}},
)


def test_bindings(coordinator: Coordinator, airflow_version: str, bound_bundle: Path) -> None:
    outcome = coordinator.run(
        bound_bundle,
        "bound",
        "combine",
        arg_bindings=BINDINGS if airflow_version >= "3.4" else None,
        xcoms={"upstream": {"return_value": [1, 2, 3, 4]}},
    )
    if airflow_version < "3.4":
        (run,) = outcome.runs
        assert run.error is not None, "3.3 does not know schema 2026-10-30 and must refuse the bundle"
        assert "supervisor_schema_version" in run.error
        return
    assert outcome.final_state == "success", outcome.story()
    assert outcome.xcoms["combine"]["return_value"] == {
        "chosen": [20, 30],
        "task_id": "combine",
        "window": "Window",
    }


# The end of the task process, which the supervisor must notice at once


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("task_id", "should_retry"), [("nothing", False), ("fail", True)])
def test_supervisor_returns_at_once_over_many_runs(
    coordinator: Coordinator, probe_bundle: Path, task_id: str, should_retry: bool
) -> None:
    repeat = 100 if task_id == "nothing" else 20
    outcome = coordinator.run(
        probe_bundle, "probe", task_id, should_retry=should_retry, repeat=repeat, timeout=280
    )
    states = {run.final_state for run in outcome.runs}
    assert states == {"up_for_retry" if should_retry else "success"}
    seconds = [run.seconds for run in outcome.runs]
    assert max(seconds) < MISSED_END, (
        f"slowest {max(seconds):.2f} s, median {statistics.median(seconds):.3f} s"
    )
