"""Answers to what a task asks: one function for each message of ``ToSupervisor``.

Each turns its message into a call of the `Backend` and the result into the message that Airflow's supervisor would send
(observed in `supervisor.py`, `request_handlers.py` and `api/client.py` of task-sdk 1.3.2 and 1.4.0b2). Where that is an
empty response, the function returns None. To support a message, write its function in the module of its subject.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from afbundle.exceptions import ApiError
from afbundle.supervise.handlers import assets, runs, task, values
from afbundle.wire import messages
from afbundle.wire.errors import InvalidMessage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from afbundle.supervise.handlers._table import Handler
    from afbundle.supervise.session import TaskSession

__all__ = ["HANDLERS", "answer"]

HANDLERS: dict[str, Handler] = {**values.HANDLERS, **task.HANDLERS, **runs.HANDLERS, **assets.HANDLERS}
"""The handler of each message, by the message's type."""

# These two travel as the frame's error; any other, such as a not-found, is the response's body.
_FRAME_ERRORS = frozenset(("API_SERVER_ERROR", "GENERIC_ERROR"))

_Answer = tuple["dict[str, Any] | None", "dict[str, Any] | None"]


async def answer(session: TaskSession, body: dict[str, Any] | None) -> _Answer:
    """Return the body and the error of the response to a request; never raises for what the request holds."""
    kind = None if body is None else body.get("type")
    handler = HANDLERS.get(kind) if isinstance(kind, str) else None
    if body is None or handler is None:
        return None, _error(
            "GENERIC_ERROR",
            {"message": f"This supervisor does not support {kind or 'a request without a type'}"},
        )
    try:
        response = await handler(session, messages.from_body(body))
    except InvalidMessage as error:
        return None, _error("GENERIC_ERROR", {"message": str(error)})
    except ApiError as error:
        described = _error(error.error, error.detail)
        return (None, described) if error.error in _FRAME_ERRORS else (described, None)
    except Exception as error:  # noqa: BLE001  (a fault of the backend must not end the task's supervision)
        detail = {"status_code": None, "message": str(error), "exception_type": type(error).__name__}
        return None, _error("API_SERVER_ERROR", detail)
    return (None if response is None else response.to_body()), None


def _error(name: str, detail: Mapping[str, Any] | None) -> dict[str, Any]:
    # A map as it is: a backend may pass on an error that a newer Airflow has added.
    return {"type": "ErrorResponse", "error": name, "detail": None if detail is None else dict(detail)}
