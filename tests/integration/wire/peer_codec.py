"""Runs in a peer's interpreter: reads frames with Airflow's own classes and writes them anew.

Frames come on stdin and go to stdout. A request is validated as the supervisor validates what a task sends, and its
body goes back as a response; so does a message to a task, which is validated as Airflow's own task runner does. A frame
that Airflow refuses comes back as an error frame.
"""

from __future__ import annotations

import sys
from typing import Any

import msgspec
from airflow.dag_processing.processor import ToDagProcessor, ToManager
from airflow.sdk.execution_time.comms import ToSupervisor, ToTask, _RequestFrame, _ResponseFrame
from pydantic import TypeAdapter, ValidationError

UNIONS = [TypeAdapter(union) for union in (ToSupervisor, ToTask, ToManager, ToDagProcessor)]


def answer(frame: Any) -> Any:
    """Return the response to one request: its message as Airflow writes it."""
    body = dict(frame.body)
    union = UNIONS[body.pop("__union__")]
    try:
        message = union.validate_python(body)
    except ValidationError as error:
        return _ResponseFrame(id=frame.id, error={"error": str(error)})
    # With aliases, as the supervisor answers GetConnection: ``schema`` is ``schema_`` inside Airflow.
    return _ResponseFrame(id=frame.id, body=message.model_dump(by_alias=True))


def main() -> None:
    """Answer every frame on stdin."""
    data = sys.stdin.buffer.read()
    while data:
        size = int.from_bytes(data[:4], "big")
        frame = msgspec.msgpack.decode(data[4 : 4 + size], type=_RequestFrame)
        sys.stdout.buffer.write(answer(frame).as_bytes())
        data = data[4 + size :]


main()
