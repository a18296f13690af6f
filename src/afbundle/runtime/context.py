"""What a task can know about itself: `Context`, and the event that tells it to stop."""

from __future__ import annotations

from _thread import allocate_lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from typing import Any

    from afbundle.wire import messages


class CancelledEvent:
    """Tells a task that Airflow wants it to stop (a signal came from the supervisor).

    It has the reading half of `threading.Event`, plus a coroutine, and costs no import.
    """

    __slots__ = ("_lock", "_set", "_wake")

    def __init__(self) -> None:
        self._set = False
        self._lock = allocate_lock()
        self._wake: list[Callable[[], object]] = []

    def is_set(self) -> bool:
        """Return whether the task was asked to stop."""
        return self._set

    def wait(self, timeout: float | None = None) -> bool:
        """Block until the task is asked to stop, or for so many seconds; return whether it was.

        Signals are delivered while the main thread waits here.
        """
        gate = allocate_lock()
        gate.acquire()
        self._wake.append(gate.release)
        # The event may have been set between a caller's check and the line above.
        if self._set:
            return True
        if gate.acquire(timeout=-1 if timeout is None else max(timeout, 0.0)):
            return True
        try:
            self._wake.remove(gate.release)
        except ValueError:
            pass
        return self._set

    async def async_wait(self) -> None:
        """Wait, in a coroutine, until the task is asked to stop."""
        import asyncio

        loop = asyncio.get_running_loop()
        arrived = loop.create_future()

        def arrive() -> None:
            if not arrived.done():
                arrived.set_result(None)

        self._wake.append(lambda: loop.call_soon_threadsafe(arrive))
        if not self._set:
            await arrived

    def _fire(self) -> None:
        """Set the event; called from a signal handler, so it takes no lock that the task might hold."""
        self._set = True
        wake, self._wake = self._wake, []
        for call in wake:
            call()

    def __repr__(self) -> str:
        return f"CancelledEvent({'set' if self._set else 'not set'})"


class Context:
    """The task instance that is running, and the Dag run that it belongs to.

    Every time is an aware `datetime` in UTC. The names are those of Airflow's task context. What is not named here is in
    `ti` and `dag_run`, the messages as Airflow sent them (``TaskInstance`` and ``DagRun`` of the supervisor schema).
    """

    __slots__ = ("_startup", "cancelled")

    def __init__(self, startup: messages.StartupDetails, cancelled: CancelledEvent | None = None) -> None:
        self._startup = startup
        self.cancelled = CancelledEvent() if cancelled is None else cancelled

    @property
    def ti(self) -> messages.TaskInstance:
        """The task instance as Airflow sent it."""
        return self._startup.ti

    @property
    def dag_run(self) -> messages.DagRun:
        """The Dag run as Airflow sent it."""
        return self._startup.ti_context.dag_run

    @property
    def dag_id(self) -> str:
        """The Dag's id."""
        return self._startup.ti.dag_id

    @property
    def task_id(self) -> str:
        """The task's id, with the prefix of its groups."""
        return self._startup.ti.task_id

    @property
    def run_id(self) -> str:
        """The Dag run's id."""
        return self._startup.ti.run_id

    @property
    def ti_id(self) -> str:
        """The task instance's UUID."""
        return self._startup.ti.id

    @property
    def try_number(self) -> int:
        """Which try this is, from 1."""
        return self._startup.ti.try_number

    @property
    def max_tries(self) -> int:
        """How many retries the task has at most."""
        return self._startup.ti_context.max_tries

    @property
    def map_index(self) -> int | None:
        """The index of a mapped task instance, from 0; None when the task is not mapped."""
        index = self._startup.ti.map_index
        return None if index is None or index < 0 else index

    @property
    def queue(self) -> str | None:
        """The queue that brought the task here, where the supervisor says it."""
        return getattr(self._startup.ti, "queue", None)

    @property
    def start_date(self) -> datetime:
        """When this task instance started; after a deferral, when it first did."""
        return self._startup.start_date

    @property
    def logical_date(self) -> datetime | None:
        """The Dag run's logical date; None for runs that have none."""
        return self.dag_run.logical_date

    @property
    def data_interval_start(self) -> datetime | None:
        """Start of the Dag run's data interval; None for runs that have none."""
        return self.dag_run.data_interval_start

    @property
    def data_interval_end(self) -> datetime | None:
        """End of the Dag run's data interval; None for runs that have none."""
        return self.dag_run.data_interval_end

    @property
    def run_after(self) -> datetime:
        """The earliest time at which the Dag run could start."""
        return self.dag_run.run_after

    @property
    def run_type(self) -> str:
        """How the Dag run came to be: scheduled, manual, backfill, asset_triggered and so on."""
        return self.dag_run.run_type

    @property
    def conf(self) -> dict[str, Any]:
        """The Dag run's configuration; empty when it was given none."""
        return dict(self.dag_run.conf or {})

    @property
    def partition_key(self) -> str | None:
        """The partition that the Dag run is for, if any."""
        return self.dag_run.partition_key

    def __repr__(self) -> str:
        return (
            f"Context(dag_id={self.dag_id!r}, task_id={self.task_id!r}, run_id={self.run_id!r}, "
            f"try_number={self.try_number}, map_index={self.map_index})"
        )
