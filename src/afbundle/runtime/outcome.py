"""How a task ended, as the message that tells Airflow (supervisor schema 2026-06-16)."""

from __future__ import annotations

from afbundle.wire import messages
from afbundle.wire.msgpack import Timestamp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# ``task_instance.retry_reason`` in Airflow's database (3.4.0b2) holds that many characters.
_LONGEST_REASON = 500


class Outcome:
    """Makes the terminal messages."""

    @staticmethod
    def succeeded() -> messages.SucceedTask:
        """The task returned."""
        return messages.SucceedTask(end_date=_now(), task_outlets=[], outlet_events=[])

    @staticmethod
    def failed(reason: str, *, should_retry: bool) -> messages.RetryTask | messages.TaskState:
        """The task raised.

        Arguments:
            reason: one line; cut to what Airflow can store.
            should_retry: ``ti_context.should_retry``.
        """
        if should_retry:
            return messages.RetryTask(end_date=_now(), retry_reason=reason[:_LONGEST_REASON])
        return messages.TaskState(state="failed", end_date=_now())

    @staticmethod
    def removed() -> messages.TaskState:
        """The bundle has no such task."""
        return messages.TaskState(state="removed", end_date=_now())


def _now() -> Any:
    # A message takes it where it takes a datetime, and no task has to import datetime for its end.
    return Timestamp.now()
