"""How a supervised task ended, and the rule that decides its state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from afbundle.wire import messages

__all__ = ["TaskResult", "final_state"]


@dataclass(frozen=True)
class TaskResult:
    """What came of one try of a task.

    Arguments:
        state: a ``TaskInstanceState`` of Airflow: success, failed, up_for_retry, skipped, removed, deferred,
            up_for_reschedule or awaiting_input.
        exit_code: the process's exit code; negative for the signal that ended it.
        outcome: the terminal message that the task sent, or None. It is kept for its details also where the exit code
            decided otherwise.
        started: when the process was started; aware.
        ended: when it had ended and everything it wrote was read; aware.
        reason: why the state is not what the task reported, or what went wrong, masked; None where there is nothing to
            say.
        rendered_map_index: the name that the task gave to its map index.
    """

    state: str
    exit_code: int
    outcome: messages.Message | None
    started: datetime
    ended: datetime
    reason: str | None = None
    rendered_map_index: str | None = None

    @property
    def duration(self) -> float:
        """How long the try took, in seconds."""
        return (self.ended - self.started).total_seconds()


def final_state(
    exit_code: int, outcome: messages.Message | None, *, should_retry: bool, stopped: bool = False
) -> str:
    """Return the state of a task instance whose process has ended.

    The exit code decides first: not zero is failed, or up_for_retry where a retry is left; with zero the terminal
    message counts, and without one it is success (`ActivitySubprocess.final_state` of task-sdk 1.3.2).

    Arguments:
        exit_code: of the process.
        outcome: the terminal message, if any.
        should_retry: what ``ti_context.should_retry`` said.
        stopped: the supervisor ended the process. A quiet exit with zero is then no success.
    """
    if exit_code == 0 and outcome is not None:
        return str(getattr(outcome, "state"))  # noqa: B009  (every terminal message has one, their base has not)
    if exit_code == 0 and not stopped:
        return "success"
    return "up_for_retry" if should_retry else "failed"
