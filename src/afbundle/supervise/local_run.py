"""Runs the tasks of a Dag one after the other, without Airflow: retries are retried, a failure ends the rest.

The order is that of the manifest, which is the order of registration. It stands for the Dag's structure: each task depends
on the ones before it. So after a failure the rest is upstream_failed, after a skip it is skipped, as Airflow's default
trigger rule has it.
"""

from __future__ import annotations

import signal
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Protocol

from afbundle.supervise.errors import LaunchError
from afbundle.supervise.masking import SecretMasker
from afbundle.supervise.process import RuntimeSettings
from afbundle.supervise.startup import startup_details
from afbundle.supervise.supervisor import Limits, TaskSupervisor

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from afbundle.supervise.logs import LogEvent
    from afbundle.supervise.memory import MemoryBackend
    from afbundle.supervise.result import TaskResult
    from afbundle.supervise.startup import LocalDagRun

__all__ = ["LocalRunner", "Observer", "TaskReport"]

# What the state of a task makes of those after it; any other state leaves them as they are: never run.
_DOWNSTREAM = {
    "failed": "upstream_failed",
    "upstream_failed": "upstream_failed",
    "removed": "upstream_failed",
    "skipped": "skipped",
}


@dataclass(frozen=True)
class TaskReport:
    """How one task of a local run ended.

    Arguments:
        task_id: which task.
        state: a ``TaskInstanceState`` of Airflow, or None where the task was never run.
        result: the last try's result; None where there was no try, or its process never connected.
        error: why the process never connected.
        tries: how many tries there were.
    """

    task_id: str
    state: str | None
    result: TaskResult | None = None
    error: LaunchError | None = None
    tries: int = 0


class Observer(Protocol):
    """What wants to know how a local run goes on; called on the event loop."""

    def try_started(self, task_id: str, try_number: int, tries: int) -> None:
        """Take note that a try begins; there are at most so many."""

    def logged(self, event: LogEvent) -> None:
        """Take a log event of the try that runs, masked."""

    def try_ended(self, report: TaskReport) -> None:
        """Take note that a try has ended; an up_for_retry is followed by another one."""


@dataclass
class LocalRunner:
    """Runs a Dag's tasks, or some of them.

    Arguments:
        bundle: the file that holds the tasks.
        dag_run: the run that they belong to.
        tasks: ids, in the order to run them.
        store: answers the tasks' requests.
        schema_version: the supervisor schema version that the bundle declares.
        observer: is told of everything.
        retries: how often a task may be tried again.
        masker: knows the secrets in the store.
        settings: Airflow's configuration as the tasks see it.
        env: the processes' environment without those settings; None for this process's own.
        limits: how long to wait for what.
    """

    bundle: Path
    dag_run: LocalDagRun
    tasks: Sequence[str]
    store: MemoryBackend
    schema_version: str
    observer: Observer
    retries: int = 0
    masker: SecretMasker = field(default_factory=SecretMasker)
    settings: RuntimeSettings = field(default_factory=RuntimeSettings)
    env: Mapping[str, str] | None = field(default=None, repr=False)
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        """Prepare for a single run."""
        self._running: TaskSupervisor | None = None
        self._interrupted = False

    async def run(self) -> list[TaskReport]:
        """Run the tasks; return how each ended, in order. The Dag run gets its state in the store."""
        self.store.add_dag_run(self.dag_run)
        reports: list[TaskReport] = []
        rest: str | None = "run"
        for task_id in self.tasks:
            known = self.store.task(self.dag_run.dag_id, self.dag_run.run_id, task_id)
            if self._interrupted:
                reports.append(TaskReport(task_id, None))
            elif rest != "run":
                reports.append(TaskReport(task_id, rest))
            elif known is not None and known.state == "skipped":
                # An earlier task skipped this one by name; it says nothing about those after it.
                reports.append(TaskReport(task_id, "skipped"))
            else:
                report = await self._run_task(task_id)
                reports.append(report)
                if report.state != "success":
                    rest = None if report.state is None else _DOWNSTREAM.get(report.state)
        states = {report.state for report in reports}
        self.dag_run.state = "success" if states <= {"success", "skipped"} else "failed"
        self.dag_run.end_date = datetime.now(timezone.utc)
        return reports

    def interrupt(self) -> None:
        """End the task that runs, and run no other; a second call kills it at once."""
        if self._running is not None:
            again = self._interrupted
            self._running.stop("interrupted", first=signal.SIGKILL if again else signal.SIGINT)
        self._interrupted = True

    async def _run_task(self, task_id: str) -> TaskReport:
        tries = self.retries + 1
        for try_number in range(1, tries + 1):
            self.observer.try_started(task_id, try_number, tries)
            report = await self._run_try(task_id, try_number)
            if report.state == "up_for_retry" and (try_number == tries or self._interrupted):
                # It may ask for more tries than there are.
                report = TaskReport(task_id, "failed", report.result, report.error, try_number)
            self.observer.try_ended(report)
            if report.state != "up_for_retry":
                break
        return report

    async def _run_try(self, task_id: str, try_number: int) -> TaskReport:
        details = startup_details(
            self.dag_run,
            task_id,
            schema_version=self.schema_version,
            try_number=try_number,
            retries=self.retries,
            bundle_name=self.bundle.name,
        )
        self._running = TaskSupervisor(
            self.bundle,
            details,
            self.store,
            self.observer.logged,
            masker=self.masker,
            settings=self.settings,
            env=self.env,
            limits=self.limits,
        )
        try:
            result = await self._running.run()
        except LaunchError as error:
            state = "up_for_retry" if try_number <= self.retries else "failed"
            return TaskReport(task_id, state, None, error, try_number)
        finally:
            self._running = None
        return TaskReport(task_id, result.state, result, None, try_number)
