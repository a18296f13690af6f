"""A bundle whose tasks show, one by one, what a task can do through a real Airflow supervisor."""

from __future__ import annotations

import logging
import sys
from datetime import datetime
from typing import Any

from afbundle import Bundle, Client, Context, Logger

bundle = Bundle("probe", version="1")
probe = bundle.dag("probe")


@probe.task
def nothing() -> None:
    """Do nothing: what is left is the protocol."""


@probe.task
def fail() -> None:
    """Fail."""
    raise ValueError("the probe fails on purpose")


@probe.task
def leave() -> None:
    """Try to end the process."""
    sys.exit(3)


@probe.task
def context_values(context: Context) -> dict[str, Any]:
    """Return what the context says."""
    assert isinstance(context.logical_date, datetime)
    assert context.logical_date.tzinfo is not None
    return {
        "dag_id": context.dag_id,
        "task_id": context.task_id,
        "run_id": context.run_id,
        "try_number": context.try_number,
        "map_index": context.map_index,
        "logical_date": context.logical_date.isoformat(),
        "run_type": context.run_type,
        "conf": context.conf,
    }


@probe.task
def variables(client: Client) -> dict[str, Any]:
    """Read, write and delete variables."""
    from afbundle import exceptions

    seen: dict[str, Any] = {
        "plain": client.get_variable("plain"),
        "structured": client.get_variable_json("structured"),
        "default": client.get_variable("missing", default="fallback"),
    }
    client.set_variable("written", "by the task")
    client.delete_variable("plain")
    try:
        client.get_variable("missing")
    except exceptions.VariableNotFound:
        seen["missing"] = "VariableNotFound"
    return seen


@probe.task
def connections(client: Client) -> dict[str, Any]:
    """Read a connection."""
    from afbundle import exceptions

    connection = client.get_connection("db")
    seen: dict[str, Any] = {
        "conn_id": connection.conn_id,
        "conn_type": connection.conn_type,
        "host": connection.host,
        "schema": connection.schema,
        "login": connection.login,
        "has_password": connection.password == "s3cr3t-of-the-probe",
        "port": connection.port,
        "extra": connection.extra,
    }
    try:
        client.get_connection("missing")
    except exceptions.ConnectionNotFound:
        seen["missing"] = "ConnectionNotFound"
    return seen


@probe.task
def secrets(client: Client, log: Logger) -> None:
    """Leak a password into every channel."""
    password = client.get_connection("db").password
    log.info("by the task logger", password_field=password)
    log.info(f"in the text {password}")
    logging.getLogger("probe").warning("by logging %s", password)
    print(f"on stdout {password}")
    print(f"on stderr {password}", file=sys.stderr)
    raise RuntimeError(f"in a traceback {password}")


@probe.task
def xcoms(client: Client) -> dict[str, Any]:
    """Pull, push and delete XComs."""
    from afbundle import exceptions

    client.push_xcom("pushed", {"deep": [1, None, True]})
    client.push_xcom("short_lived", 1)
    client.delete_xcom("short_lived")
    seen: dict[str, Any] = {"upstream": client.get_xcom(task_id="upstream")}
    try:
        client.get_xcom("missing", task_id="upstream")
    except exceptions.XComNotFound:
        seen["missing"] = "XComNotFound"
    return seen


@probe.task
def unserializable() -> object:
    """Return what JSON cannot say."""
    return object()


@probe.task
def logs(log: Logger, std: logging.Logger) -> None:
    """Write to every log channel at every level."""
    log.debug("a debug record")
    log.info("a structured record", rows=3, nested={"a": 1})
    log.warning("a warning record")
    log.error("an error record")
    log.critical("a critical record")
    std.info("by the standard library")
    logging.getLogger("noisy.library").info("an info record of a library")
    print("to stdout")
    print("to stderr", file=sys.stderr)


@probe.task
async def asynchronous(context: Context) -> str:
    """Run on an event loop."""
    import asyncio

    await asyncio.sleep(0)
    return context.task_id


if __name__ == "__main__":
    bundle.serve()
