"""What a task says about itself, its outcome included, and what it remembers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from afbundle.supervise.handlers._table import done, new_table
from afbundle.wire import messages

if TYPE_CHECKING:
    from afbundle.supervise.session import TaskSession

__all__ = ["HANDLERS"]

HANDLERS, handles = new_table()


# The task instance itself


@handles("SetRenderedFields")
async def set_rendered_fields(session: TaskSession, message: messages.SetRenderedFields) -> None:
    await session.backend.set_rendered_fields(session.ti.id, message.rendered_fields)


@handles("SetRenderedMapIndex")
async def set_rendered_map_index(session: TaskSession, message: messages.SetRenderedMapIndex) -> None:
    session.rendered_map_index = message.rendered_map_index
    await session.backend.set_rendered_map_index(session.ti.id, message.rendered_map_index)


@handles("SetExecutionTimeout")
async def set_execution_timeout(session: TaskSession, message: messages.SetExecutionTimeout) -> None:
    session.limit(message.timeout_seconds)


@handles("SkipDownstreamTasks")
async def skip_downstream_tasks(session: TaskSession, message: messages.SkipDownstreamTasks) -> None:
    tasks = [(task, None) if isinstance(task, str) else (task[0], task[1]) for task in message.tasks]
    await session.backend.skip_tasks(session.ti.id, tasks)


@handles("ValidateInletsAndOutlets")
async def validate_inlets_and_outlets(
    session: TaskSession, message: messages.ValidateInletsAndOutlets
) -> messages.InactiveAssetsResult:
    inactive = await session.backend.inactive_assets(message.ti_id)
    return messages.InactiveAssetsResult(inactive_assets=inactive)


@handles("CreateHITLDetailPayload")
async def create_hitl_detail(
    session: TaskSession, message: messages.CreateHITLDetailPayload
) -> messages.HITLDetailRequestResult:
    await session.backend.create_hitl_detail(message)
    return messages.HITLDetailRequestResult(**{**message.to_body(), "type": "HITLDetailRequestResult"})


@handles("SucceedTask", "RetryTask", "TaskState", "DeferTask", "AwaitInputTask")
async def end_task(
    session: TaskSession,
    message: messages.SucceedTask
    | messages.RetryTask
    | messages.TaskState
    | messages.DeferTask
    | messages.AwaitInputTask,
) -> None:
    session.report(message, message.rendered_map_index)


@handles("RescheduleTask")
async def reschedule_task(session: TaskSession, message: messages.RescheduleTask) -> None:
    session.report(message, None)


# State stores


@handles("GetTaskStateStore")
async def get_task_state(
    session: TaskSession, message: messages.GetTaskStateStore
) -> messages.TaskStateStoreResult:
    value = await session.backend.get_task_state(message.ti_id, message.key)
    return messages.TaskStateStoreResult(value=value)


@handles("SetTaskStateStore")
async def set_task_state(session: TaskSession, message: messages.SetTaskStateStore) -> messages.OKResponse:
    await session.backend.set_task_state(message.ti_id, message.key, message.value, message.expires_at)
    return done()


@handles("DeleteTaskStateStore")
async def delete_task_state(
    session: TaskSession, message: messages.DeleteTaskStateStore
) -> messages.OKResponse:
    await session.backend.delete_task_state(message.ti_id, message.key)
    return done()


@handles("ClearTaskStateStore")
async def clear_task_states(
    session: TaskSession, message: messages.ClearTaskStateStore
) -> messages.OKResponse:
    await session.backend.clear_task_states(message.ti_id)
    return done()
