"""An Airflow in memory: answers everything that a task may ask, without a server."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from afbundle.exceptions import (
    ApiError,
    ConnectionNotFound,
    StoreKeyNotFound,
    VariableNotFound,
    XComNotFound,
)
from afbundle.supervise.connection_uri import parse_connection
from afbundle.supervise.memory_assets import MemoryAssets
from afbundle.supervise.memory_runs import MemoryRuns

if TYPE_CHECKING:
    from collections.abc import Mapping

    from afbundle.supervise.backend import XComKey
    from afbundle.wire import messages

__all__ = ["RETURN_VALUE", "MemoryBackend"]

RETURN_VALUE = "return_value"
"""The XCom key of what a task returned."""


class MemoryBackend(MemoryRuns, MemoryAssets):
    """A `Backend` that keeps everything in dictionaries.

    Its methods never wait, so one store may serve any number of tasks of one event loop. It has no locks: threads that share
    it take turns by themselves.

    Arguments:
        variables: texts by key.
        connections: by id, each as a URI, as JSON, or ready made.

    Raises:
        ValueError: a connection's text is neither a URI nor JSON.
    """

    def __init__(
        self,
        variables: Mapping[str, str] | None = None,
        connections: Mapping[str, str | messages.ConnectionResult] | None = None,
    ) -> None:
        MemoryRuns.__init__(self)
        MemoryAssets.__init__(self)
        self.variables: dict[str, str | None] = dict(variables or {})
        self.connections: dict[str, messages.ConnectionResult] = {}
        self._xcoms: dict[XComKey, dict[int, Any]] = {}
        self._task_states: dict[tuple[str, str, str, int], dict[str, tuple[Any, datetime | None]]] = {}
        for conn_id, connection in (connections or {}).items():
            self.connections[conn_id] = (
                parse_connection(conn_id, connection) if isinstance(connection, str) else connection
            )

    # What a test or a local run looks at.

    def xcoms(self, dag_id: str, run_id: str, task_id: str, *, map_index: int = -1) -> dict[str, Any]:
        """Return all that a task instance pushed, by key."""
        return {
            key.key: values[map_index]
            for key, values in self._xcoms.items()
            if key[:3] == (dag_id, run_id, task_id) and map_index in values
        }

    # VariableBackend

    async def get_variable(self, key: str) -> str | None:
        """Return a variable's text."""
        if key not in self.variables:
            raise VariableNotFound("VARIABLE_NOT_FOUND", {"key": key})
        return self.variables[key]

    async def set_variable(self, key: str, value: str | None, description: str | None) -> None:
        """Create or replace a variable; descriptions are not kept."""
        self.variables[key] = value

    async def delete_variable(self, key: str) -> None:
        """Delete a variable."""
        self.variables.pop(key, None)

    async def variable_keys(self, prefix: str | None, limit: int, offset: int) -> tuple[list[str], int]:
        """Return a page of the keys in order, and how many there are."""
        keys = sorted(key for key in self.variables if key.startswith(prefix or ""))
        return keys[offset : offset + limit], len(keys)

    # ConnectionBackend

    async def get_connection(self, conn_id: str) -> messages.ConnectionResult:
        """Return a connection."""
        if conn_id not in self.connections:
            raise ConnectionNotFound("CONNECTION_NOT_FOUND", {"conn_id": conn_id})
        return self.connections[conn_id]

    # XComBackend

    async def get_xcom(
        self, key: XComKey, map_index: int, *, include_prior_dates: bool, previous_iteration: bool
    ) -> Any:
        """Return a value, with prior dates that of the latest run that has one."""
        _refuse_loops(previous_iteration)
        for at in self._places(key, include_prior_dates):
            values = self._xcoms.get(at, {})
            if map_index in values:
                return values[map_index]
        raise XComNotFound("XCOM_NOT_FOUND", key._asdict())

    async def set_xcom(
        self, key: XComKey, value: Any, map_index: int, *, dag_result: bool, mapped_length: int | None
    ) -> None:
        """Create or replace a value; one that is not JSON is refused, as by Airflow."""
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise ApiError(
                "API_SERVER_ERROR",
                {"status_code": 400, "message": f"XCom value is not a valid JSON: {error}"},
            ) from None
        self._xcoms.setdefault(key, {})[map_index] = value

    async def delete_xcom(self, key: XComKey, map_index: int) -> None:
        """Delete a value."""
        self._xcoms.get(key, {}).pop(map_index, None)

    async def count_xcoms(self, key: XComKey, *, previous_iteration: bool) -> int:
        """Return how many mapped instances have a value."""
        _refuse_loops(previous_iteration)
        return len(self._xcoms.get(key, {}))

    async def get_xcom_item(self, key: XComKey, offset: int, *, previous_iteration: bool) -> Any:
        """Return the value at a place of the sequence, counted from its end when negative."""
        _refuse_loops(previous_iteration)
        values = self._sequence(key)
        if not -len(values) <= offset < len(values):
            raise XComNotFound("XCOM_NOT_FOUND", {**key._asdict(), "offset": offset})
        return values[offset]

    async def get_xcom_slice(
        self, key: XComKey, part: slice, *, include_prior_dates: bool, previous_iteration: bool
    ) -> list[Any]:
        """Return a slice of the sequence, with prior dates over those of all runs up to this one."""
        _refuse_loops(previous_iteration)
        values = [v for at in self._places(key, include_prior_dates) for v in self._sequence(at)]
        return values[part]

    # TaskInstanceBackend, beyond what `MemoryRuns` does

    async def start_task(self, details: messages.StartupDetails, pid: int) -> messages.StartupDetails:
        """Record that a try runs; what an earlier try pushed is gone, unless the task resumes a deferral."""
        ti = details.ti
        if details.ti_context.next_method is None:
            for key, values in self._xcoms.items():
                if key[:3] == (ti.dag_id, ti.run_id, ti.task_id):
                    values.pop(-1 if ti.map_index is None else ti.map_index, None)
        return await super().start_task(details, pid)

    # The task half of StateStoreBackend; a value outlives the try that set it

    async def get_task_state(self, ti_id: str, key: str) -> Any:
        """Return a value of a task that has not expired."""
        value, expires = self._task_states.get(self._try(ti_id).key, {}).get(key, (None, None))
        if value is None or (expires is not None and expires <= datetime.now(timezone.utc)):
            raise StoreKeyNotFound("TASK_STORE_NOT_FOUND", {"key": key})
        return value

    async def set_task_state(self, ti_id: str, key: str, value: Any, expires_at: datetime | None) -> None:
        """Keep a value for a task."""
        self._task_states.setdefault(self._try(ti_id).key, {})[key] = (value, expires_at)

    async def delete_task_state(self, ti_id: str, key: str) -> None:
        """Forget a value of a task."""
        self._task_states.get(self._try(ti_id).key, {}).pop(key, None)

    async def clear_task_states(self, ti_id: str) -> None:
        """Forget all values of a task."""
        self._task_states.pop(self._try(ti_id).key, None)

    def _sequence(self, key: XComKey) -> list[Any]:
        return [value for _, value in sorted(self._xcoms.get(key, {}).items(), key=lambda item: item[0])]

    def _places(self, key: XComKey, include_prior_dates: bool) -> list[XComKey]:
        """Return the keys to look at, that of the run itself first."""
        run = self._runs.get((key.dag_id, key.run_id))
        if not include_prior_dates or run is None or run.logical_date is None:
            return [key]
        return [
            key,
            *(key._replace(run_id=prior.run_id) for prior in self._runs_back(key.dag_id, run.logical_date)),
        ]


def _refuse_loops(previous_iteration: bool) -> None:
    if previous_iteration:
        raise ApiError("API_SERVER_ERROR", {"status_code": 400, "message": "Tasks in memory are in no loop."})
