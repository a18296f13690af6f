"""What can answer a task's requests: the `Backend` protocol.

A request of a task becomes one call here, with plain values; the wire's shapes stay in `handlers`. An in-memory store
(`MemoryBackend`) implements it, and so can a client of Airflow's Execution API: every method is a coroutine, and what is
not there or not allowed is an `ApiError` whose name and detail reach the task as they are.

Every mapped index is -1 for a task that is not mapped. Every time is aware.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from afbundle.supervise.result import TaskResult
    from afbundle.wire import messages

__all__ = [
    "AssetBackend",
    "AssetRef",
    "Backend",
    "ConnectionBackend",
    "DagRunBackend",
    "EventFilter",
    "StateStoreBackend",
    "TaskFilter",
    "TaskInstanceBackend",
    "VariableBackend",
    "XComBackend",
    "XComKey",
]


class XComKey(NamedTuple):
    """What names the XComs of a task under one key; each mapped instance of the task may have one."""

    dag_id: str
    run_id: str
    task_id: str
    key: str


class TaskFilter(NamedTuple):
    """Which task instances of a Dag are meant; None stands for any."""

    dag_id: str
    map_index: int | None = None
    task_ids: Sequence[str] | None = None
    task_group_id: str | None = None
    logical_dates: Sequence[datetime] | None = None
    run_ids: Sequence[str] | None = None


class AssetRef(NamedTuple):
    """An asset by its name, its URI, or both."""

    name: str | None = None
    uri: str | None = None


class EventFilter(NamedTuple):
    """Which asset events are meant; None stands for any."""

    after: datetime | None = None
    before: datetime | None = None
    ascending: bool = True
    limit: int | None = None
    partition_key: str | None = None
    partition_key_pattern: str | None = None
    extra: Mapping[str, str] | None = None


class VariableBackend(Protocol):
    """Airflow's variables."""

    async def get_variable(self, key: str) -> str | None:
        """Return a variable's text; raises `VariableNotFound`."""

    async def set_variable(self, key: str, value: str | None, description: str | None) -> None:
        """Create or replace a variable."""

    async def delete_variable(self, key: str) -> None:
        """Delete a variable; one that is not there is no error."""

    async def variable_keys(self, prefix: str | None, limit: int, offset: int) -> tuple[list[str], int]:
        """Return a page of the keys in order, and how many there are."""


class ConnectionBackend(Protocol):
    """Airflow's connections."""

    async def get_connection(self, conn_id: str) -> messages.ConnectionResult:
        """Return a connection; raises `ConnectionNotFound`."""


class XComBackend(Protocol):
    """Values between tasks."""

    async def get_xcom(
        self, key: XComKey, map_index: int, *, include_prior_dates: bool, previous_iteration: bool
    ) -> Any:
        """Return a value; raises `XComNotFound`."""

    async def set_xcom(
        self, key: XComKey, value: Any, map_index: int, *, dag_result: bool, mapped_length: int | None
    ) -> None:
        """Create or replace a value."""

    async def delete_xcom(self, key: XComKey, map_index: int) -> None:
        """Delete a value; one that is not there is no error."""

    async def count_xcoms(self, key: XComKey, *, previous_iteration: bool) -> int:
        """Return how many mapped instances have a value."""

    async def get_xcom_item(self, key: XComKey, offset: int, *, previous_iteration: bool) -> Any:
        """Return the value at a place of the sequence over the mapped instances; raises `XComNotFound`."""

    async def get_xcom_slice(
        self, key: XComKey, part: slice, *, include_prior_dates: bool, previous_iteration: bool
    ) -> list[Any]:
        """Return a slice of that sequence, as Python slices a list."""


class TaskInstanceBackend(Protocol):
    """Task instances: this one's life, and what is known of others. `ti_id` is the one that asks."""

    async def start_task(self, details: messages.StartupDetails, pid: int) -> messages.StartupDetails:
        """Record that a task instance runs in process `pid`; return the details that the process is to get."""

    async def finish_task(self, ti_id: str, result: TaskResult) -> None:
        """Record how a task instance ended."""

    async def skip_tasks(self, ti_id: str, tasks: Sequence[tuple[str, int | None]]) -> None:
        """Mark tasks of the same run as skipped: one mapped instance, or with None all of them."""

    async def set_rendered_fields(self, ti_id: str, fields: Mapping[str, Any]) -> None:
        """Keep a task's templated fields as they were rendered."""

    async def set_rendered_map_index(self, ti_id: str, text: str) -> None:
        """Name a mapped task instance."""

    async def inactive_assets(self, ti_id: str) -> list[messages.AssetProfile]:
        """Return which inlets and outlets of a task are not active assets."""

    async def reschedule_start_date(self, ti_id: str, try_number: int) -> datetime | None:
        """Return when the first of a try's reschedules began."""

    async def count_tasks(self, which: TaskFilter, states: Sequence[str] | None) -> int:
        """Return how many task instances are meant."""

    async def task_states(self, which: TaskFilter) -> dict[str, dict[str, str | None]]:
        """Return states by run_id, then by task_id, with ``_<map index>`` appended where mapped."""

    async def previous_task(
        self, dag_id: str, task_id: str, *, before: datetime | None, map_index: int, state: str | None
    ) -> messages.PreviousTIResponse | None:
        """Return the task's instance in the last run before a logical date."""

    async def task_breadcrumbs(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Return task_id, map_index, state, operator and duration of a run's finished task instances."""

    async def create_hitl_detail(self, detail: messages.CreateHITLDetailPayload) -> None:
        """Record what a human is asked for."""


class DagRunBackend(Protocol):
    """Dag runs and Dags."""

    async def get_dag(self, dag_id: str) -> messages.DagResult:
        """Return a Dag's outline."""

    async def get_dag_run(self, dag_id: str, run_id: str) -> messages.DagRunResult:
        """Return a Dag run."""

    async def dag_run_state(self, dag_id: str, run_id: str) -> messages.DagRunState:
        """Return a Dag run's state."""

    async def count_dag_runs(
        self,
        dag_id: str,
        *,
        logical_dates: Sequence[datetime] | None,
        run_ids: Sequence[str] | None,
        states: Sequence[str] | None,
    ) -> int:
        """Return how many runs of a Dag are meant; None stands for any."""

    async def previous_dag_run(
        self, dag_id: str, *, before: datetime, state: str | None
    ) -> messages.DagRun | None:
        """Return the last run of a Dag before a logical date."""

    async def previous_successful_dag_run(self, ti_id: str) -> messages.DagRun | None:
        """Return the last successful run before the one of this task instance."""

    async def trigger_dag_run(self, request: messages.TriggerDagRun) -> None:
        """Create a Dag run; raises `ApiError` ``DAGRUN_ALREADY_EXISTS``."""

    async def set_dag_run_note(self, ti_id: str, note: str | None) -> None:
        """Set the note of this task instance's run; an empty one removes it, None leaves it."""


class StateStoreBackend(Protocol):
    """What tasks and assets remember between runs. Getters raise `StoreKeyNotFound`; deleting never does."""

    async def get_task_state(self, ti_id: str, key: str) -> Any:
        """Return a value of a task."""

    async def set_task_state(self, ti_id: str, key: str, value: Any, expires_at: datetime | None) -> None:
        """Keep a value for a task, until a time where one is given."""

    async def delete_task_state(self, ti_id: str, key: str) -> None:
        """Forget a value of a task."""

    async def clear_task_states(self, ti_id: str) -> None:
        """Forget all values of a task."""

    async def get_asset_state(self, asset: AssetRef, key: str) -> Any:
        """Return a value of an asset."""

    async def set_asset_state(self, asset: AssetRef, key: str, value: Any) -> None:
        """Keep a value for an asset."""

    async def delete_asset_state(self, asset: AssetRef, key: str) -> None:
        """Forget a value of an asset."""

    async def clear_asset_states(self, asset: AssetRef) -> None:
        """Forget all values of an asset."""


class AssetBackend(Protocol):
    """Assets and their events."""

    async def get_asset(self, asset: AssetRef) -> messages.AssetResult:
        """Return an asset; raises `AssetNotFound`."""

    async def assets_of_alias(self, alias: str) -> list[messages.AssetResult]:
        """Return the assets that an alias stands for."""

    async def asset_events(self, asset: AssetRef, which: EventFilter) -> list[messages.AssetEventResponse]:
        """Return events of an asset."""

    async def alias_events(self, alias: str, which: EventFilter) -> list[messages.AssetEventResponse]:
        """Return events of the assets that an alias stands for."""


class Backend(
    VariableBackend,
    ConnectionBackend,
    XComBackend,
    TaskInstanceBackend,
    DagRunBackend,
    StateStoreBackend,
    AssetBackend,
    Protocol,
):
    """Everything that a task may ask of Airflow."""
