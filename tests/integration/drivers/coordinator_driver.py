"""Run tasks through the real ``ExecutableCoordinator`` of the Airflow that runs this script.

The tests start this script once per Airflow version, with that version's own interpreter, and send it one JSON
scenario a line on stdin; it answers each with one JSON line (``integration/coordinator.py`` has both shapes).
Only the HTTP transport of the Execution API client is replaced, by an in-memory server: the coordinator, the
supervisor, the client and the log pipeline are Airflow's own.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
import traceback
import uuid
from importlib.metadata import version
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import unquote

Json = dict[str, Any]

HANDLERS = "task-handlers"
DAGS = "dags"
EPOCH = "2026-01-01T00:00:00Z"


class ExecutionApi:
    """The part of the Execution API that tasks reach, answered from dictionaries.

    ``state_calls`` holds every report about the task instance in order of arrival, ``unexpected`` every
    request that this fake does not know.
    """

    def __init__(self, scenario: Json) -> None:
        self.scenario = scenario
        self.variables: dict[str, str | None] = dict(scenario["variables"])
        self.connections: dict[str, Json] = scenario["connections"]
        # task_id -> key -> value; an entry "task_id[3]" belongs to map index 3.
        self.xcoms: dict[str, Json] = {task: dict(keys) for task, keys in scenario["xcoms"].items()}
        self.state_calls: list[Json] = []
        self.heartbeats = 0
        self.unexpected: list[str] = []

    def handle(self, request: Any) -> tuple[int, Json | None]:
        """Answer *request*; returns status and JSON body (None for an empty one)."""
        path = request.url.raw_path.decode().partition("?")[0]
        parts = [unquote(part) for part in path.strip("/").split("/")]
        body: Any = json.loads(request.content) if request.content else None
        match [request.method, *parts]:
            case ["PATCH", "task-instances", _, "run"]:
                self.state_calls.append({"call": "run", **body})
                return 200, self.run_context()
            case ["PATCH", "task-instances", _, "state"]:
                self.state_calls.append({"call": "state", **body})
                return 204, None
            case ["PUT", "task-instances", _, "heartbeat"]:
                self.heartbeats += 1
                return 204, None
            case ["PATCH", "task-instances", _, "rendered-map-index"]:
                return 200, {"message": "ok"}
            case [method, "variables", key]:
                return self.variable(method, key, body)
            case ["GET", "connections", conn_id]:
                if conn_id not in self.connections:
                    return not_found("Connection", conn_id)
                empty = dict.fromkeys(("host", "schema", "login", "password", "port", "extra"))
                return 200, {"conn_id": conn_id, **empty, **self.connections[conn_id]}
            case [method, "xcoms", _, _, task_id, key]:
                map_index = request.url.params.get("map_index")
                return self.xcom(method, f"{task_id}[{map_index}]" if map_index else task_id, key, body)
        self.unexpected.append(f"{request.method} {path}")
        return not_found("Endpoint", path)

    def variable(self, method: str, key: str, body: Any) -> tuple[int, Any]:
        """GET, PUT or DELETE one variable."""
        if method == "PUT":
            self.variables[key] = body["val"]
            return 201, {"message": "ok"}
        if key not in self.variables:
            return not_found("Variable", key)
        if method == "DELETE":
            del self.variables[key]
            return 204, None
        return 200, {"key": key, "value": self.variables[key]}

    def xcom(self, method: str, task_id: str, key: str, body: Any) -> tuple[int, Any]:
        """GET, POST or DELETE one XCom."""
        if method == "POST":
            self.xcoms.setdefault(task_id, {})[key] = body
            return 201, {"message": "ok"}
        if key not in self.xcoms.get(task_id, {}):
            return not_found("XCom", key)
        if method == "DELETE":
            del self.xcoms[task_id][key]
            return 204, None
        return 200, {"key": key, "value": self.xcoms[task_id][key]}

    def run_context(self) -> Json:
        """Build the answer to the run call (``TIRunContext``)."""
        scenario = self.scenario
        context = {
            "dag_run": {
                "dag_id": scenario["dag_id"],
                "run_id": scenario["run_id"],
                "logical_date": EPOCH,
                "data_interval_start": EPOCH,
                "data_interval_end": EPOCH,
                "run_after": EPOCH,
                "start_date": EPOCH,
                "end_date": None,
                "run_type": "manual",
                "state": "running",
                "conf": scenario["conf"],
                "consumed_asset_events": [],
                "partition_key": None,
            },
            "max_tries": scenario["max_tries"],
            "should_retry": scenario["should_retry"],
        }
        if scenario["arg_bindings"] is not None:
            context["arg_bindings"] = scenario["arg_bindings"]
        return context


def not_found(kind: str, name: str) -> tuple[int, Json]:
    """Build the API's 404."""
    return 404, {"detail": {"reason": "not_found", "message": f"{kind} with name {name!r} not found"}}


class Driver:
    """One Airflow process that executes scenario after scenario.

    Args:
        home: Empty folder for Airflow's own files and for the folder that the coordinator scans.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self.root = home / HANDLERS
        dags = home / DAGS
        for folder in (self.root, dags):
            folder.mkdir()
        bundles = [
            {
                "name": name,
                "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
                "kwargs": {"path": str(path)},
            }
            for name, path in ((HANDLERS, self.root), (DAGS, dags))
        ]
        os.environ.update(
            AIRFLOW_HOME=str(home),
            AIRFLOW__CORE__LOAD_EXAMPLES="False",
            AIRFLOW__LOGGING__BASE_LOG_FOLDER=str(home / "logs"),
            AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST=json.dumps(bundles),
        )
        # Only now: Airflow reads its configuration while it is being imported.
        from airflow.sdk.coordinators.executable import ExecutableCoordinator

        # From task-sdk 1.4 (Airflow 3.4) on, bundles come from a Dag bundle named in the configuration.
        if tuple(map(int, version("apache-airflow-task-sdk").split(".")[:2])) >= (1, 4):
            self.coordinator = ExecutableCoordinator(task_handler_bundle_name=HANDLERS)
        else:
            self.coordinator = ExecutableCoordinator(executables_root=[str(self.root)])

    def run(self, scenario: Json) -> Json:
        """Execute the task of *scenario* ``repeat`` times and tell what Airflow saw."""
        for old in self.root.iterdir():
            old.unlink()
        for number, bundle in enumerate(scenario["bundles"]):
            shutil.copy2(bundle, self.root / f"{number}-{Path(bundle).name}")
        api = ExecutionApi(scenario)
        log_path = self.home / "logs" / f"{uuid.uuid4()}.log"
        previous = {name: os.environ.get(name) for name in scenario["environ"]}
        os.environ.update(scenario["environ"])
        try:
            runs = [self.execute(scenario, api, log_path) for _ in range(scenario["repeat"])]
        finally:
            for name, value in previous.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})
        return {
            "runs": runs,
            "state_calls": api.state_calls,
            "heartbeats": api.heartbeats,
            "variables": api.variables,
            "xcoms": api.xcoms,
            "unexpected": api.unexpected,
            "log": [json.loads(line) for line in log_path.read_text().splitlines()],
        }

    def execute(self, scenario: Json, api: ExecutionApi, log_path: Path) -> Json:
        """Execute the task once."""
        import structlog
        from airflow.sdk.api.client import Client
        from airflow.sdk.api.datamodels._generated import BundleInfo, TaskInstance
        from airflow.sdk.log import init_log_file, logging_processors

        # 3.3 builds its client on httpx, 3.4 on httpx2; both have the same transports.
        http = sys.modules[Client.__mro__[1].__module__.partition(".")[0]]

        def answer(request: Any) -> Any:
            status, body = api.handle(request)
            return http.Response(status, json=body) if body is not None else http.Response(status)

        client = Client(base_url="http://execution-api.test", token="t", transport=http.MockTransport(answer))
        what = TaskInstance(
            id=uuid.uuid4(),
            dag_id=scenario["dag_id"],
            task_id=scenario["task_id"],
            run_id=scenario["run_id"],
            try_number=scenario["try_number"],
            map_index=scenario["map_index"],
            dag_version_id=uuid.uuid4(),
            queue="python-bundle",
        )
        with init_log_file(str(log_path)).open("ab") as stream, client:
            logger = structlog.wrap_logger(
                structlog.BytesLogger(stream),
                processors=logging_processors(json_output=True),
                logger_name="task",
            ).bind()
            started = time.perf_counter()
            result: Json = {"final_state": None, "exit_code": None, "error": None}
            try:
                outcome = self.coordinator.execute_task(
                    what=what,
                    dag_rel_path="dag.py",
                    bundle_info=BundleInfo(name=DAGS),
                    client=client,
                    logger=logger,
                    subprocess_logs_to_stdout=False,
                )
            except Exception as error:  # noqa: BLE001 - whatever Airflow raises is the answer
                result["error"] = f"{type(error).__name__}: {error}"
                traceback.print_exc()
            else:
                result.update(final_state=outcome.final_state, exit_code=outcome.exit_code)
            result["seconds"] = time.perf_counter() - started
        return result


def serve(requests: TextIO, answers: TextIO) -> None:
    """Answer scenarios until stdin ends."""
    home = Path(tempfile.mkdtemp(prefix="afbundle-coordinator-"))
    try:
        driver = Driver(home)
        for line in requests:
            answers.write(json.dumps(driver.run(json.loads(line)), default=str) + "\n")
            answers.flush()
    finally:
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    # Answers get a descriptor of their own: whatever Airflow prints goes to stderr with the rest.
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    serve(sys.stdin, channel)
