"""Other task instances, and Dag runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from afbundle.supervise.backend import TaskFilter
from afbundle.supervise.handlers._table import done, new_table, plain_index
from afbundle.wire import messages

if TYPE_CHECKING:
    from afbundle.supervise.session import TaskSession

__all__ = ["HANDLERS"]

HANDLERS, handles = new_table()


# Task instances and Dag runs


def _tasks(message: messages.GetTICount | messages.GetTaskStates) -> TaskFilter:
    index = message.map_index
    return TaskFilter(
        message.dag_id,
        index if index is not None and index >= 0 else None,
        message.task_ids,
        message.task_group_id,
        message.logical_dates,
        message.run_ids,
    )


@handles("GetTICount")
async def get_ti_count(session: TaskSession, message: messages.GetTICount) -> messages.TICount:
    return messages.TICount(count=await session.backend.count_tasks(_tasks(message), message.states))


@handles("GetTaskStates")
async def get_task_states(session: TaskSession, message: messages.GetTaskStates) -> messages.TaskStatesResult:
    return messages.TaskStatesResult(task_states=await session.backend.task_states(_tasks(message)))


@handles("GetPreviousTI")
async def get_previous_ti(session: TaskSession, message: messages.GetPreviousTI) -> messages.PreviousTIResult:
    previous = await session.backend.previous_task(
        message.dag_id,
        message.task_id,
        before=message.logical_date,
        map_index=plain_index(message.map_index),
        state=message.state,
    )
    return messages.PreviousTIResult(task_instance=previous)


@handles("GetTaskBreadcrumbs")
async def get_task_breadcrumbs(
    session: TaskSession, message: messages.GetTaskBreadcrumbs
) -> messages.TaskBreadcrumbsResult:
    crumbs = await session.backend.task_breadcrumbs(message.dag_id, message.run_id)
    return messages.TaskBreadcrumbsResult(breadcrumbs=crumbs)


@handles("GetTaskRescheduleStartDate")
async def get_reschedule_start_date(
    session: TaskSession, message: messages.GetTaskRescheduleStartDate
) -> messages.TaskRescheduleStartDate:
    date = await session.backend.reschedule_start_date(message.ti_id, message.try_number)
    return messages.TaskRescheduleStartDate(start_date=date)


@handles("GetDag")
async def get_dag(session: TaskSession, message: messages.GetDag) -> messages.DagResult:
    return await session.backend.get_dag(message.dag_id)


@handles("GetDagRun")
async def get_dag_run(session: TaskSession, message: messages.GetDagRun) -> messages.DagRunResult:
    return await session.backend.get_dag_run(message.dag_id, message.run_id)


@handles("GetDagRunState")
async def get_dag_run_state(
    session: TaskSession, message: messages.GetDagRunState
) -> messages.DagRunStateResult:
    return messages.DagRunStateResult(
        state=await session.backend.dag_run_state(message.dag_id, message.run_id)
    )


@handles("GetDRCount")
async def get_dr_count(session: TaskSession, message: messages.GetDRCount) -> messages.DRCount:
    count = await session.backend.count_dag_runs(
        message.dag_id,
        logical_dates=message.logical_dates,
        run_ids=message.run_ids,
        states=message.states,
    )
    return messages.DRCount(count=count)


@handles("GetPreviousDagRun")
async def get_previous_dag_run(
    session: TaskSession, message: messages.GetPreviousDagRun
) -> messages.PreviousDagRunResult:
    run = await session.backend.previous_dag_run(
        message.dag_id, before=message.logical_date, state=message.state
    )
    return messages.PreviousDagRunResult(dag_run=run)


@handles("GetPrevSuccessfulDagRun")
async def get_previous_successful_dag_run(
    session: TaskSession, message: messages.GetPrevSuccessfulDagRun
) -> messages.PrevSuccessfulDagRunResult:
    # Airflow's supervisor looks from its own task, whatever the message names.
    run = await session.backend.previous_successful_dag_run(session.ti.id)
    if run is None:
        return messages.PrevSuccessfulDagRunResult()
    return messages.PrevSuccessfulDagRunResult(
        data_interval_start=run.data_interval_start,
        data_interval_end=run.data_interval_end,
        start_date=run.start_date,
        end_date=run.end_date,
    )


@handles("TriggerDagRun")
async def trigger_dag_run(session: TaskSession, message: messages.TriggerDagRun) -> messages.OKResponse:
    await session.backend.trigger_dag_run(message)
    return done()


@handles("UpdateDagRunNote")
async def update_dag_run_note(
    session: TaskSession, message: messages.UpdateDagRunNote
) -> messages.OKResponse:
    await session.backend.set_dag_run_note(message.ti_id, message.note)
    return done()
