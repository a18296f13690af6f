"""Airflow's public REST API (v2), as far as the end-to-end tests need it."""

from __future__ import annotations

import time
from typing import Any

import httpx

from scripts.local_airflow import LocalAirflow, wait_until

Json = dict[str, Any]

FINISHED = ("success", "failed")


class RestApi:
    """What a person would do in the UI, over HTTP.

    Args:
        airflow: A running Airflow that takes everybody for an administrator.
    """

    def __init__(self, airflow: LocalAirflow) -> None:
        self.airflow = airflow
        token = httpx.get(f"{airflow.url}/auth/token").raise_for_status().json()["access_token"]
        self._http = httpx.Client(
            base_url=f"{airflow.url}/api/v2",
            headers={"Authorization": f"Bearer {token}", "Accept": "application/json"},
            timeout=30,
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def call(self, method: str, path: str, **options: Any) -> Any:
        """Make one request and return the JSON of its answer.

        Raises:
            httpx.HTTPStatusError: The answer is an error; its body is in the message.
        """
        answer = self._http.request(method, path, **options)
        if answer.is_error:
            raise httpx.HTTPStatusError(
                f"{method} {path}: {answer.status_code} {answer.text}",
                request=answer.request,
                response=answer,
            )
        return answer.json() if answer.content else None

    def set_variable(self, key: str, value: str) -> None:
        """Create a variable."""
        self.call("POST", "/variables", json={"key": key, "value": value})

    def set_connection(self, conn_id: str, conn_type: str, **fields: Any) -> None:
        """Create a connection; *fields* are host, login, password, port, schema, extra."""
        body = {"connection_id": conn_id, "conn_type": conn_type, **fields}
        self.call("POST", "/connections", json=body)

    def wait_for_dag(self, dag_id: str, *, timeout: float = 60) -> None:
        """Wait until the Dag processor has found the Dag."""

        def known() -> bool:
            answer = self._http.get(f"/dags/{dag_id}")
            return answer.is_success

        wait_until(known, timeout=timeout, what=f"Dag {dag_id} to be parsed")

    def trigger(self, dag_id: str, *, conf: Json | None = None) -> str:
        """Start a run now; returns its run_id."""
        body = {"logical_date": None, "conf": conf or {}}
        run: Json = self.call("POST", f"/dags/{dag_id}/dagRuns", json=body)
        return str(run["dag_run_id"])

    def wait_for_run(self, dag_id: str, run_id: str, *, timeout: float = 120) -> str:
        """Wait until the run is finished; returns its state.

        Raises:
            TimeoutError: It is not; the message has its task instances' states.
        """
        state = ""

        def finished() -> bool:
            nonlocal state
            state = self.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}")["state"]
            return state in FINISHED

        started = time.monotonic()
        try:
            wait_until(finished, timeout=timeout, what=f"run {run_id} of {dag_id}")
        except TimeoutError as error:
            states = {task: ti["state"] for task, ti in self.task_instances(dag_id, run_id).items()}
            waited = time.monotonic() - started
            raise TimeoutError(
                f"{error} ({waited:.0f} s); its tasks: {states}\n{self.airflow.log_tails()}"
            ) from None
        return state

    def task_instances(self, dag_id: str, run_id: str) -> dict[str, Json]:
        """Return the (unmapped) task instances of a run by task_id."""
        found = self.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances")["task_instances"]
        return {ti["task_id"]: ti for ti in found}

    def tries(self, dag_id: str, run_id: str, task_id: str) -> list[Json]:
        """Return every try of a task instance, first to last."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/tries"
        tries: list[Json] = self.call("GET", path)["task_instances"]
        return sorted(tries, key=lambda ti: ti["try_number"])

    def xcom(self, dag_id: str, run_id: str, task_id: str, key: str = "return_value") -> Any:
        """Return an XCom's value."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/{key}"
        return self.call("GET", path, params={"deserialize": "false", "stringify": "false"})["value"]

    def log(self, dag_id: str, run_id: str, task_id: str, try_number: int) -> list[Json]:
        """Return the records of a try's task log."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{try_number}"
        content: list[Json] = self.call("GET", path, params={"full_content": "true"})["content"]
        return content
