"""Dag runs and task instances in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, NamedTuple

from afbundle.exceptions import ApiError
from afbundle.supervise.startup import LocalDagRun
from afbundle.wire import messages

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from afbundle.supervise.backend import TaskFilter
    from afbundle.supervise.result import TaskResult

__all__ = ["MemoryRuns", "TaskRecord", "not_found"]

_FINISHED = frozenset(("success", "failed", "skipped", "upstream_failed", "removed"))


def not_found(message: str) -> ApiError:
    """Return the error that Airflow's API server gives for something that is not there and has no error of its own."""
    detail = {"reason": "not_found", "message": message}
    return ApiError(
        "API_SERVER_ERROR", {"status_code": 404, "message": message, "detail": {"detail": detail}}
    )


class TaskKey(NamedTuple):
    """What names a task instance, whichever try of it."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int


@dataclass
class TaskRecord:
    """One try of a task instance, as the store knows it.

    Arguments:
        key: which task instance.
        try_number: from 1.
        state: a ``TaskInstanceState`` of Airflow.
        started: aware, or None when it never ran.
        ended: aware, or None while it runs.
        result: how the try ended.
        rendered_fields: the templated fields that the task sent.
        rendered_map_index: the name of a mapped instance.
        hitl_detail: what a human was asked for.
    """

    key: TaskKey
    try_number: int
    state: str
    started: datetime | None = None
    ended: datetime | None = None
    result: TaskResult | None = None
    rendered_fields: dict[str, Any] = field(default_factory=dict)
    rendered_map_index: str | None = None
    hitl_detail: messages.CreateHITLDetailPayload | None = None

    @property
    def duration(self) -> float | None:
        """How long the try took, in seconds."""
        if self.started is None or self.ended is None:
            return None
        return (self.ended - self.started).total_seconds()


class MemoryRuns:
    """The part of `MemoryBackend` that knows runs and task instances."""

    def __init__(self) -> None:
        self._runs: dict[tuple[str, str], LocalDagRun] = {}
        self._tasks: dict[TaskKey, TaskRecord] = {}
        self._tries: dict[str, TaskRecord] = {}

    # What a test or a local run sets up and looks at.

    def add_dag_run(self, run: LocalDagRun) -> LocalDagRun:
        """Put a Dag run into the store, in place of one with the same ids."""
        self._runs[run.dag_id, run.run_id] = run
        return run

    def mark_task(self, dag_id: str, run_id: str, task_id: str, state: str, *, map_index: int = -1) -> None:
        """Set the state of a task instance that does not run here."""
        key = TaskKey(dag_id, run_id, task_id, map_index)
        record = self._tasks.setdefault(key, TaskRecord(key, 0, state))
        record.state = state

    def task(self, dag_id: str, run_id: str, task_id: str, *, map_index: int = -1) -> TaskRecord | None:
        """Return the last try of a task instance, or None when there was none."""
        return self._tasks.get(TaskKey(dag_id, run_id, task_id, map_index))

    # TaskInstanceBackend

    async def start_task(self, details: messages.StartupDetails, pid: int) -> messages.StartupDetails:
        """Record that a try runs; its run is added when it is not known yet."""
        ti = details.ti
        key = TaskKey(ti.dag_id, ti.run_id, ti.task_id, -1 if ti.map_index is None else ti.map_index)
        if (key.dag_id, key.run_id) not in self._runs:
            self.add_dag_run(_run_of(details.ti_context.dag_run))
        record = TaskRecord(key, ti.try_number, "running", started=datetime.now(timezone.utc))
        self._tasks[key] = self._tries[ti.id] = record
        return details

    async def finish_task(self, ti_id: str, result: TaskResult) -> None:
        """Keep the result, state and times of a try."""
        record = self._try(ti_id)
        record.state, record.result, record.ended = result.state, result, result.ended
        if result.rendered_map_index is not None:
            record.rendered_map_index = result.rendered_map_index

    async def skip_tasks(self, ti_id: str, tasks: Sequence[tuple[str, int | None]]) -> None:
        """Mark tasks of the run as skipped, also those that are not known yet."""
        own = self._try(ti_id).key
        for task_id, map_index in tasks:
            known = [
                key
                for key in self._tasks
                if key[:3] == (own.dag_id, own.run_id, task_id) and map_index in (None, key.map_index)
            ]
            for key in known or [
                TaskKey(own.dag_id, own.run_id, task_id, -1 if map_index is None else map_index)
            ]:
                self.mark_task(*key[:3], "skipped", map_index=key.map_index)

    async def set_rendered_fields(self, ti_id: str, fields: Mapping[str, Any]) -> None:
        """Keep a try's templated fields."""
        self._try(ti_id).rendered_fields = dict(fields)

    async def set_rendered_map_index(self, ti_id: str, text: str) -> None:
        """Keep the name of a mapped instance."""
        self._try(ti_id).rendered_map_index = text

    async def inactive_assets(self, ti_id: str) -> list[messages.AssetProfile]:
        """Return nothing: assets in memory are always active."""
        self._try(ti_id)
        return []

    async def reschedule_start_date(self, ti_id: str, try_number: int) -> datetime | None:
        """Return None: nothing is rescheduled in memory."""
        self._try(ti_id)
        return None

    async def count_tasks(self, which: TaskFilter, states: Sequence[str] | None) -> int:
        """Return how many task instances match."""
        return sum(1 for record in self._matching(which) if not states or record.state in states)

    async def task_states(self, which: TaskFilter) -> dict[str, dict[str, str | None]]:
        """Return the matching task instances' states by run and task."""
        found: dict[str, dict[str, str | None]] = {}
        for record in self._matching(which):
            _, run_id, task_id, map_index = record.key
            name = task_id if map_index < 0 else f"{task_id}_{map_index}"
            found.setdefault(run_id, {})[name] = record.state
        return found

    async def previous_task(
        self, dag_id: str, task_id: str, *, before: datetime | None, map_index: int, state: str | None
    ) -> messages.PreviousTIResponse | None:
        """Return the task's instance in the last run before a date."""
        for run in self._runs_back(dag_id, before):
            record = self._tasks.get(TaskKey(dag_id, run.run_id, task_id, map_index))
            if record is not None and state in (None, record.state):
                return messages.PreviousTIResponse(
                    dag_id=dag_id,
                    task_id=task_id,
                    run_id=run.run_id,
                    logical_date=run.logical_date,
                    start_date=record.started,
                    end_date=record.ended,
                    state=record.state,
                    try_number=record.try_number,
                    map_index=map_index,
                    duration=record.duration,
                )
        return None

    async def task_breadcrumbs(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Return a run's finished task instances, in the order of their names."""
        return [
            {
                "task_id": record.key.task_id,
                "map_index": record.key.map_index,
                "state": record.state,
                "operator": None,
                "duration": record.duration,
            }
            for key, record in sorted(self._tasks.items())
            if key[:2] == (dag_id, run_id) and record.state in _FINISHED
        ]

    async def create_hitl_detail(self, detail: messages.CreateHITLDetailPayload) -> None:
        """Keep what a human is asked for."""
        self._try(detail.ti_id).hitl_detail = detail

    # DagRunBackend

    async def get_dag(self, dag_id: str) -> messages.DagResult:
        """Return the outline of a Dag that has a run here."""
        if not any(known == dag_id for known, _ in self._runs):
            raise not_found(f"The Dag with ID: `{dag_id}` was not found")
        return messages.DagResult(
            dag_id=dag_id,
            is_paused=False,
            bundle_name=None,
            bundle_version=None,
            relative_fileloc=None,
            owners=None,
            tags=[],
            next_dagrun=None,
        )

    async def get_dag_run(self, dag_id: str, run_id: str) -> messages.DagRunResult:
        """Return a Dag run."""
        return messages.DagRunResult(**self._run(dag_id, run_id).to_fields())

    async def dag_run_state(self, dag_id: str, run_id: str) -> messages.DagRunState:
        """Return a Dag run's state."""
        return self._run(dag_id, run_id).state

    async def count_dag_runs(
        self,
        dag_id: str,
        *,
        logical_dates: Sequence[datetime] | None,
        run_ids: Sequence[str] | None,
        states: Sequence[str] | None,
    ) -> int:
        """Return how many runs match."""
        return sum(
            1
            for run in self._runs.values()
            if run.dag_id == dag_id
            and (not logical_dates or run.logical_date in logical_dates)
            and (not run_ids or run.run_id in run_ids)
            and (not states or run.state in states)
        )

    async def previous_dag_run(
        self, dag_id: str, *, before: datetime, state: str | None
    ) -> messages.DagRun | None:
        """Return the last run before a date."""
        for run in self._runs_back(dag_id, before):
            if state in (None, run.state):
                return messages.DagRun(**run.to_fields())
        return None

    async def previous_successful_dag_run(self, ti_id: str) -> messages.DagRun | None:
        """Return the last successful run before this task instance's."""
        key = self._try(ti_id).key
        date = self._run(key.dag_id, key.run_id).logical_date
        return None if date is None else await self.previous_dag_run(key.dag_id, before=date, state="success")

    async def trigger_dag_run(self, request: messages.TriggerDagRun) -> None:
        """Add a queued run; nothing runs it."""
        if (request.dag_id, request.run_id) in self._runs and not request.reset_dag_run:
            raise ApiError("DAGRUN_ALREADY_EXISTS")
        self.add_dag_run(
            LocalDagRun(
                dag_id=request.dag_id,
                run_id=request.run_id,
                logical_date=request.logical_date,
                data_interval_start=request.logical_date,
                data_interval_end=request.logical_date,
                run_after=request.run_after or request.logical_date or datetime.now(timezone.utc),
                start_date=None,
                run_type="operator_triggered",
                state="queued",
                conf=request.conf or {},
                note=request.note,
            )
        )

    async def set_dag_run_note(self, ti_id: str, note: str | None) -> None:
        """Set, remove or leave the note of this task instance's run."""
        key = self._try(ti_id).key
        if note is not None:
            self._run(key.dag_id, key.run_id).note = note or None

    def _run(self, dag_id: str, run_id: str) -> LocalDagRun:
        run = self._runs.get((dag_id, run_id))
        if run is None:
            raise not_found(f"Dag run with dag_id '{dag_id}' and run_id '{run_id}' was not found")
        return run

    def _try(self, ti_id: str) -> TaskRecord:
        record = self._tries.get(ti_id)
        if record is None:
            raise not_found("Task Instance not found")
        return record

    def _runs_back(self, dag_id: str, before: datetime | None) -> Iterator[LocalDagRun]:
        """Yield a Dag's runs with a logical date, the latest first."""
        dated = [
            (run.logical_date, run)
            for run in self._runs.values()
            if run.dag_id == dag_id and run.logical_date is not None
        ]
        for date, run in sorted(dated, key=lambda pair: pair[0], reverse=True):
            if before is None or date < before:
                yield run

    def _matching(self, which: TaskFilter) -> Iterator[TaskRecord]:
        if which.task_group_id is not None:
            raise not_found(f"Task group {which.task_group_id} not found in DAG {which.dag_id}")
        for key, record in self._tasks.items():
            if (
                key.dag_id == which.dag_id
                and which.map_index in (None, key.map_index)
                and (not which.task_ids or key.task_id in which.task_ids)
                and (not which.run_ids or key.run_id in which.run_ids)
                and (
                    not which.logical_dates
                    or self._run(key.dag_id, key.run_id).logical_date in which.logical_dates
                )
            ):
                yield record


def _run_of(run: messages.DagRun) -> LocalDagRun:
    return LocalDagRun(
        dag_id=run.dag_id,
        run_id=run.run_id,
        logical_date=run.logical_date,
        data_interval_start=run.data_interval_start,
        data_interval_end=run.data_interval_end,
        run_after=run.run_after,
        start_date=run.start_date,
        end_date=run.end_date,
        run_type=run.run_type,
        state=run.state,
        conf=run.conf or {},
        note=run.note,
    )
