"""The other end of the wire: start a bundle, answer its requests, watch it end.

`TaskSupervisor` runs one try of a task on an event loop, `run_task` does so without one. A `Backend` answers what the task
asks; `MemoryBackend` is one that needs no Airflow. `startup_details` makes the first message of a local run::

    run = LocalDagRun.manual("etl")
    store = MemoryBackend(variables={"source": "s3://bucket"})
    details = startup_details(run, "extract", schema_version="2026-06-16")
    result = run_task(Path("dist/etl"), details, store, on_log=print)
    result.state, store.xcoms("etl", run.run_id, "extract")
"""

from __future__ import annotations

from afbundle.supervise.backend import Backend
from afbundle.supervise.connection_uri import parse_connection
from afbundle.supervise.errors import ExitedBeforeConnecting, LaunchError, StartupTimeout, SuperviseError
from afbundle.supervise.logs import LogEvent, LogSink
from afbundle.supervise.masking import SecretMasker
from afbundle.supervise.memory import RETURN_VALUE, MemoryBackend
from afbundle.supervise.process import RuntimeSettings
from afbundle.supervise.result import TaskResult
from afbundle.supervise.startup import LocalDagRun, startup_details
from afbundle.supervise.supervisor import Limits, TaskSupervisor, run_task

__all__ = [
    "RETURN_VALUE",
    "Backend",
    "ExitedBeforeConnecting",
    "LaunchError",
    "Limits",
    "LocalDagRun",
    "LogEvent",
    "LogSink",
    "MemoryBackend",
    "RuntimeSettings",
    "SecretMasker",
    "StartupTimeout",
    "SuperviseError",
    "TaskResult",
    "TaskSupervisor",
    "parse_connection",
    "run_task",
    "startup_details",
]
