"""SIGINT and SIGTERM: first a polite request to stop, then the end.

Airflow's supervisor sends SIGINT, SIGTERM and SIGKILL with a delay between them (5 seconds by default, task-sdk 1.3.2 and
1.4.0b2). The first signal sets the task's cancellation event. A second one, or the end of the grace period, raises
`TaskTerminated` in the task; one more ends the process.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
    from collections.abc import Callable
    from types import FrameType

    from afbundle.runtime.context import CancelledEvent
else:
    import _signal

# Shorter than the supervisor's delay, so that the task can report its end before the next, harder signal.
GRACE_SECONDS = 4.0
# What a task gets for its ``finally`` blocks after TaskTerminated was raised in it.
_LAST_SECONDS = 0.75


class StopSignals:
    """Turns the signals of this process into the steps of a task's end.

    Arguments:
        cancelled: the event that the first signal sets.
        notice: called once with the signal's number when the first one arrives.
        give_up: called when the task did not end in spite of everything; must not return.
    """

    def __init__(
        self, cancelled: CancelledEvent, notice: Callable[[int], None], give_up: Callable[[], None]
    ) -> None:
        self._cancelled = cancelled
        self._notice = notice
        self._give_up = give_up
        self._step = 0
        self._raising_allowed = False
        # An async task is cancelled through its loop, where an exception could not be raised from a handler.
        self.cancel_async: Callable[[], object] | None = None

    def install(self) -> None:
        """Take over SIGINT and SIGTERM, and SIGALRM for the grace period."""
        for number in (_signal.SIGINT, _signal.SIGTERM):
            _signal.signal(number, self._on_signal)

    def task_runs(self) -> None:
        """From now on a second signal may raise `TaskTerminated`: the task's code is running.

        Raises:
            TaskTerminated: the second signal is here already.
        """
        self._raising_allowed = True
        if self._step > 1:
            raise self.terminated()

    def task_ended(self) -> None:
        """The outcome is known; late signals must not disturb its report."""
        self._raising_allowed = False
        if self._step:
            _signal.setitimer(_signal.ITIMER_REAL, 0)

    @property
    def arrived(self) -> bool:
        """Whether the supervisor asked the task to stop."""
        return self._step > 0

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        self._step += 1
        if self._step == 1:
            _signal.signal(_signal.SIGALRM, self._on_signal)
            _signal.setitimer(_signal.ITIMER_REAL, GRACE_SECONDS)
            self._notice(number)
            self._cancelled._fire()
        elif not self._raising_allowed:
            return
        elif self._step == 2:
            _signal.setitimer(_signal.ITIMER_REAL, _LAST_SECONDS)
            if self.cancel_async is not None:
                self.cancel_async()
            else:
                raise self.terminated()
        else:
            self._give_up()

    @staticmethod
    def terminated() -> BaseException:
        """Return the exception that ends a task whose grace period is over."""
        from afbundle.exceptions import TaskTerminated

        return TaskTerminated("Airflow stopped this task, and it did not end within its grace period")
