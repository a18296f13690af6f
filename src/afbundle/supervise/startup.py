"""The first message for a task that runs without Airflow: `StartupDetails` of a run that exists only here."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from afbundle.wire import messages

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["LocalDagRun", "startup_details"]

# The schema version that brought `ti_context.arg_bindings` (task-sdk 1.4.0b2).
_BINDINGS_SINCE = "2026-10-30"


@dataclass
class LocalDagRun:
    """A Dag run that no scheduler knows.

    Arguments:
        dag_id: the Dag's id.
        run_id: the run's id.
        logical_date: aware, or None.
        data_interval_start: aware, or None.
        data_interval_end: aware, or None.
        run_after: aware.
        start_date: aware, or None while queued.
        end_date: aware, or None while not finished.
        run_type: a ``DagRunType`` of Airflow.
        state: a ``DagRunState`` of Airflow.
        conf: what the run was triggered with.
        note: a remark.
    """

    dag_id: str
    run_id: str
    logical_date: datetime | None
    data_interval_start: datetime | None
    data_interval_end: datetime | None
    run_after: datetime
    start_date: datetime | None
    end_date: datetime | None = None
    run_type: messages.DagRunType = "manual"
    state: messages.DagRunState = "running"
    conf: Mapping[str, Any] = field(default_factory=dict)
    note: str | None = None

    @classmethod
    def manual(
        cls, dag_id: str, *, conf: Mapping[str, Any] | None = None, logical_date: datetime | None = None
    ) -> LocalDagRun:
        """Return a run as triggering a Dag by hand makes it.

        Arguments:
            dag_id: the Dag's id.
            conf: the run's configuration.
            logical_date: aware; the time of the call when None. A manual run's data interval begins and ends with it.
        """
        now = datetime.now(timezone.utc)
        date = now if logical_date is None else logical_date
        return cls(
            dag_id=dag_id,
            run_id=f"manual__{date.isoformat()}",
            logical_date=date,
            data_interval_start=date,
            data_interval_end=date,
            run_after=now,
            start_date=now,
            conf=dict(conf or {}),
        )

    def to_fields(self) -> dict[str, Any]:
        """Return the fields that ``DagRun`` and ``DagRunResult`` have in common (supervisor schema 2026-06-16)."""
        return {
            "dag_id": self.dag_id,
            "run_id": self.run_id,
            "logical_date": self.logical_date,
            "data_interval_start": self.data_interval_start,
            "data_interval_end": self.data_interval_end,
            "run_after": self.run_after,
            "start_date": self.start_date,
            "end_date": self.end_date,
            "clear_number": 0,
            "run_type": self.run_type,
            "state": self.state,
            "conf": dict(self.conf),
            "triggering_user_name": None,
            "consumed_asset_events": [],
            "partition_key": None,
            "partition_date": None,
            "note": self.note,
            "team_name": None,
        }


def startup_details(
    run: LocalDagRun,
    task_id: str,
    *,
    schema_version: str,
    try_number: int = 1,
    retries: int = 0,
    map_index: int = -1,
    arg_bindings: Sequence[messages.XComArgBinding | messages.LiteralArgBinding] | None = None,
    bundle_name: str = "local",
    dag_rel_path: str = "local.py",
) -> messages.StartupDetails:
    """Return the message that starts one try of a task.

    Arguments:
        run: the Dag run that the task belongs to.
        task_id: the task's id.
        schema_version: the supervisor schema version that the bundle's manifest declares.
        try_number: which try this is, from 1.
        retries: how often the task may be tried again after the first try.
        map_index: the index of a mapped instance, or -1.
        arg_bindings: how data parameters are filled; sent only where the schema version has them (from 2026-10-30).
        bundle_name: the name of the Dag bundle that the task's Dag is said to come from.
        dag_rel_path: the Dag file in that Dag bundle.
    """
    bindings: dict[str, Any] = {}
    if schema_version >= _BINDINGS_SINCE:
        bindings["arg_bindings"] = arg_bindings
    return messages.StartupDetails(
        ti=messages.TaskInstance(
            id=str(uuid4()),
            dag_id=run.dag_id,
            run_id=run.run_id,
            task_id=task_id,
            try_number=try_number,
            map_index=map_index,
            dag_version_id=str(uuid4()),
            hostname=None,
            context_carrier=None,
            queue="default",
        ),
        dag_rel_path=dag_rel_path,
        bundle_info=messages.BundleInfo(name=bundle_name, version=None),
        start_date=datetime.now(timezone.utc),
        ti_context=messages.TIRunContext(
            dag_run=messages.DagRun(**run.to_fields()),
            task_reschedule_count=0,
            max_tries=retries,
            variables=[],
            connections=[],
            next_method=None,
            next_kwargs=None,
            xcom_keys_to_clear=[],
            # The server's rule: a try number within max_tries may be tried again.
            should_retry=try_number <= retries,
            start_date=None,
            **bindings,
        ),
        sentry_integration="",
    )
