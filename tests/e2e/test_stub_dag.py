"""A whole Airflow runs the example's stub Dag with the packed example bundle."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scripts.local_airflow import LocalAirflow
from tests.conftest import ROOT
from tests.e2e.airflow import RestApi

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

DAG = "etl_example"


@pytest.fixture(scope="module")
def run_id(airflow: LocalAirflow, rest: RestApi, etl_bundle: Path) -> str:
    """Deploy the example as README says, and run its Dag to the end."""
    rest.set_variable("etl_source", "s3://bucket/rows")
    rest.set_connection(
        "etl_warehouse", "postgres", host="warehouse.example", password="pa55-of-the-warehouse"
    )
    airflow.deploy(etl_bundle, ROOT / "examples" / "etl" / "dags" / "etl_dag.py")
    rest.wait_for_dag(DAG)
    run_id = rest.trigger(DAG)
    rest.wait_for_run(DAG, run_id)
    return run_id


def test_every_task_succeeds(rest: RestApi, run_id: str) -> None:
    assert rest.wait_for_run(DAG, run_id) == "success"
    states = {task_id: ti["state"] for task_id, ti in rest.task_instances(DAG, run_id).items()}
    assert states == {"extract": "success", "transform": "success", "load": "success"}


def test_results_travel_as_xcoms(rest: RestApi, run_id: str) -> None:
    assert rest.xcom(DAG, run_id, "extract") == {"rows": [1, 2, 3, 4]}
    assert rest.xcom(DAG, run_id, "transform") == {"rows": [2, 4, 6, 8]}
    assert rest.xcom(DAG, run_id, "load") == 4


def test_load_recovers_on_its_second_try(rest: RestApi, run_id: str) -> None:
    tries = rest.tries(DAG, run_id, "load")
    assert [(ti["try_number"], ti["state"]) for ti in tries] == [(1, "failed"), (2, "success")]
    assert rest.task_instances(DAG, run_id)["load"]["try_number"] == 2
    first = json.dumps(rest.log(DAG, run_id, "load", 1))
    assert "RuntimeError" in first
    assert "the warehouse is still asleep" in first
    second = json.dumps(rest.log(DAG, run_id, "load", 2))
    assert "loaded 4 rows" in second
    assert "RuntimeError" not in second


def test_logs_keep_their_fields(rest: RestApi, run_id: str) -> None:
    (record,) = [r for r in rest.log(DAG, run_id, "extract", 1) if r.get("event") == "extracting"]
    assert record["level"] == "info"
    assert record["source"] == "s3://bucket/rows"
    assert record["host"] == "warehouse.example"
