"""A whole Airflow on this machine: API server, scheduler, Dag processor and triggerer on SQLite, in a folder of its own.

The end-to-end tests and ``make airflow-demo`` use it. It is configured as README tells a deployment to be: packed bundles
lie in one folder, and tasks of the queue ``python-bundle`` go to the ``ExecutableCoordinator`` that runs them.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

QUEUE = "python-bundle"
COMPONENTS = ("api-server", "scheduler", "dag-processor", "triggerer")
_LOCAL_BUNDLE = "airflow.dag_processing.bundles.local.LocalDagBundle"
_COORDINATOR = "airflow.sdk.coordinators.executable.ExecutableCoordinator"


class AirflowError(Exception):
    """A component of Airflow did not start or ended early; the message shows the end of every log."""


def wait_until(condition: Callable[[], bool], *, timeout: float, what: str) -> None:
    """Ask *condition* again and again, ever more slowly up to once a second, until it holds.

    Args:
        condition: Returns whether to stop waiting.
        timeout: Seconds to wait at most.
        what: What is being waited for, for the error message.

    Raises:
        TimeoutError: It did not hold in time.
    """
    deadline = time.monotonic() + timeout
    pause = 0.1
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {timeout:.0f} s for {what}")
        time.sleep(pause)
        pause = min(pause * 1.5, 1.0)


def coordinator_config(version: str, bundles: Path) -> dict[str, str]:
    """Return the settings that send the queue's tasks to the packed bundles in the folder *bundles*.

    From 3.4 on the folder is a Dag bundle, named in ``task_handler_bundle_name``; 3.3 reads it directly.
    """
    if version >= "3.4":
        kwargs: dict[str, Any] = {"task_handler_bundle_name": "task-handlers"}
    else:
        kwargs = {"executables_root": [str(bundles)]}
    return {
        "AIRFLOW__SDK__COORDINATORS": json.dumps({QUEUE: {"classpath": _COORDINATOR, "kwargs": kwargs}}),
        "AIRFLOW__SDK__QUEUE_TO_COORDINATOR": json.dumps({QUEUE: QUEUE}),
    }


class LocalAirflow:
    """One running Airflow; a context manager that stops every process of it at the end.

    Args:
        version: Airflow's version, which decides how bundles are configured.
        python: Interpreter of an environment that has this Airflow.
        home: Folder for everything that this Airflow writes; made when missing.
        extra: Further settings, as environment variables.
        port: TCP port of API and UI on the loopback interface; a free one when left out.

    Attributes:
        url: Address of UI and API.
        dags: Folder of the Python Dag files.
        bundles: Folder of the packed bundles.
    """

    def __init__(
        self,
        version: str,
        python: Path,
        home: Path,
        *,
        extra: Mapping[str, str] | None = None,
        port: int | None = None,
    ) -> None:
        self.version = version
        self.home = home
        self.dags = home / "dags"
        self.bundles = home / "bundles"
        for folder in (self.dags, self.bundles):
            folder.mkdir(parents=True, exist_ok=True)
        port = port or free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._airflow = str(python.with_name("airflow"))
        self._environ = self._settings(port) | dict(extra or {})
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def _settings(self, port: int) -> dict[str, str]:
        folders = [("dags-folder", self.dags)]
        if self.version >= "3.4":
            folders.append(("task-handlers", self.bundles))
        dag_bundles = [
            {"name": name, "classpath": _LOCAL_BUNDLE, "kwargs": {"path": str(path), "refresh_interval": 5}}
            for name, path in folders
        ]
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
        return inherited | {
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__PARALLELISM": "4",
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.dags),
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            # Nobody logs in: whoever reaches the loopback port is an administrator.
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self.home}/airflow.db",
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(port),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API__SECRET_KEY": secrets.token_hex(32),
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(self.home / "logs"),
            "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(dag_bundles),
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "2",
            "AIRFLOW__DAG_PROCESSOR__BUNDLE_REFRESH_CHECK_INTERVAL": "1",
            "AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "1",
            "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
            **coordinator_config(self.version, self.bundles),
        }

    def deploy(self, bundle: Path, *dag_files: Path) -> None:
        """Put a packed bundle and the Dag files that use it where this Airflow looks for them.

        Both arrive complete, by renaming: a running Airflow never reads half a file.
        """
        for source, folder in [(bundle, self.bundles), *((dag_file, self.dags) for dag_file in dag_files)]:
            # On the same file system, but in neither of the folders that Airflow scans.
            arriving = self.home / f".{source.name}.arriving"
            shutil.copy2(source, arriving)
            arriving.rename(folder / source.name)

    def start(self, *, timeout: float = 180) -> None:
        """Make the database, start every component and wait until all report themselves healthy.

        Args:
            timeout: Seconds until Airflow must be up.

        Raises:
            AirflowError: A component failed.
        """
        with (self.home / "db-migrate.log").open("wb") as log:
            migrated = subprocess.run(
                [self._airflow, "db", "migrate"], env=self._environ, stdout=log, stderr=log, check=False
            )
        if migrated.returncode != 0:
            raise AirflowError(f"airflow db migrate failed\n{self.log_tails()}")
        for component in COMPONENTS:
            with (self.home / f"{component}.log").open("wb") as log:
                self._processes[component] = subprocess.Popen(
                    [self._airflow, component],
                    env=self._environ,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
        try:
            wait_until(self.is_healthy, timeout=timeout, what=f"Airflow {self.version}")
        except TimeoutError as error:
            raise AirflowError(f"{error}\n{self.log_tails()}") from None

    def is_healthy(self) -> bool:
        """Ask the API server whether every component is alive.

        Raises:
            AirflowError: A component's process has ended.
        """
        for component, process in self._processes.items():
            if process.poll() is not None:
                raise AirflowError(f"airflow {component} ended with {process.returncode}\n{self.log_tails()}")
        try:
            with urlopen(f"{self.url}/api/v2/monitor/health", timeout=5) as answer:  # noqa: S310 - always http on the loopback
                health = json.load(answer)
        except (URLError, OSError):
            return False
        return all(part["status"] == "healthy" for part in health.values())

    def wait(self) -> None:
        """Wait until a component ends by itself.

        Raises:
            AirflowError: It did.
        """
        while all(process.poll() is None for process in self._processes.values()):
            time.sleep(1)
        raise AirflowError(f"a component of Airflow ended\n{self.log_tails()}")

    def stop(self) -> None:
        """End every process of every component: asked first, killed after 10 seconds."""
        for sign in (signal.SIGTERM, signal.SIGKILL):
            for process in self._processes.values():
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, sign)
            deadline = time.monotonic() + 10
            for process in self._processes.values():
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(max(0.0, deadline - time.monotonic()))
        self._processes.clear()

    def log_tails(self, lines: int = 30) -> str:
        """Return the last lines of every component's own log."""
        tails = []
        for log in sorted(self.home.glob("*.log")):
            tail = log.read_text(errors="replace").splitlines()[-lines:]
            tails.append("\n".join([f"--- {log.name}", *tail]))
        return "\n".join(tails)

    def __enter__(self) -> LocalAirflow:
        """Start."""
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()


def free_port() -> int:
    """Return a TCP port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
