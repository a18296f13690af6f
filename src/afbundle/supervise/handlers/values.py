"""Variables, connections and XComs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from afbundle.exceptions import XComNotFound
from afbundle.supervise.backend import XComKey
from afbundle.supervise.handlers._table import done, new_table, plain_index
from afbundle.wire import messages

if TYPE_CHECKING:
    from afbundle.supervise.session import TaskSession

__all__ = ["HANDLERS"]

HANDLERS, handles = new_table()


# Variables and connections


@handles("GetVariable")
async def get_variable(session: TaskSession, message: messages.GetVariable) -> messages.VariableResult:
    value = await session.backend.get_variable(message.key)
    session.masker.add_variable(message.key, value)
    return messages.VariableResult(key=message.key, value=value)


@handles("PutVariable")
async def put_variable(session: TaskSession, message: messages.PutVariable) -> None:
    session.masker.add_variable(message.key, message.value)
    await session.backend.set_variable(message.key, message.value, message.description)


@handles("DeleteVariable")
async def delete_variable(session: TaskSession, message: messages.DeleteVariable) -> messages.OKResponse:
    await session.backend.delete_variable(message.key)
    return done()


@handles("GetVariableKeys")
async def get_variable_keys(
    session: TaskSession, message: messages.GetVariableKeys
) -> messages.VariableKeysResult:
    keys, total = await session.backend.variable_keys(message.prefix, message.limit, message.offset)
    return messages.VariableKeysResult(keys=keys, total_entries=total)


@handles("GetConnection")
async def get_connection(session: TaskSession, message: messages.GetConnection) -> messages.ConnectionResult:
    connection = await session.backend.get_connection(message.conn_id)
    session.masker.add_connection(connection)
    return connection


@handles("MaskSecret")
async def mask_secret(session: TaskSession, message: messages.MaskSecret) -> None:
    session.masker.add(message.value, message.name)


# XComs


def _xcom(
    message: messages.GetXCom
    | messages.SetXCom
    | messages.DeleteXCom
    | messages.GetXComCount
    | messages.GetXComSequenceItem
    | messages.GetXComSequenceSlice,
) -> XComKey:
    return XComKey(message.dag_id, message.run_id, message.task_id, message.key)


@handles("GetXCom")
async def get_xcom(session: TaskSession, message: messages.GetXCom) -> messages.XComResult:
    try:
        value = await session.backend.get_xcom(
            _xcom(message),
            plain_index(message.map_index),
            include_prior_dates=message.include_prior_dates,
            previous_iteration=message.previous_iteration,
        )
    except XComNotFound:
        # What Airflow 2 did, and tasks rely on: a missing XCom reads as None.
        value = None
    return messages.XComResult(key=message.key, value=value)


@handles("SetXCom")
async def set_xcom(session: TaskSession, message: messages.SetXCom) -> None:
    await session.backend.set_xcom(
        _xcom(message),
        message.value,
        plain_index(message.map_index),
        dag_result=bool(message.dag_result),
        mapped_length=message.mapped_length,
    )


@handles("DeleteXCom")
async def delete_xcom(session: TaskSession, message: messages.DeleteXCom) -> None:
    await session.backend.delete_xcom(_xcom(message), plain_index(message.map_index))


@handles("GetXComCount")
async def get_xcom_count(session: TaskSession, message: messages.GetXComCount) -> messages.XComCountResponse:
    count = await session.backend.count_xcoms(_xcom(message), previous_iteration=message.previous_iteration)
    return messages.XComCountResponse(len=count)


@handles("GetXComSequenceItem")
async def get_xcom_item(
    session: TaskSession, message: messages.GetXComSequenceItem
) -> messages.XComSequenceIndexResult:
    value = await session.backend.get_xcom_item(
        _xcom(message), message.offset, previous_iteration=message.previous_iteration
    )
    return messages.XComSequenceIndexResult(root=value)


@handles("GetXComSequenceSlice")
async def get_xcom_slice(
    session: TaskSession, message: messages.GetXComSequenceSlice
) -> messages.XComSequenceSliceResult:
    values = await session.backend.get_xcom_slice(
        _xcom(message),
        slice(message.start, message.stop, message.step or None),
        include_prior_dates=message.include_prior_dates,
        previous_iteration=message.previous_iteration,
    )
    return messages.XComSequenceSliceResult(root=values)
