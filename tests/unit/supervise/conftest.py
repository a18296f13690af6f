"""Fixtures for the supervising side: scripts that play the bundle, and one call that runs them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from afbundle.supervise import (
    Limits,
    LocalDagRun,
    LogEvent,
    MemoryBackend,
    TaskResult,
    TaskSupervisor,
    startup_details,
)

HERE = Path(__file__).parent
# Short where a test waits until a limit is over; where it must not be, a test says so.
QUICK = Limits(startup=60, escalation=0.3, overtime=0.3, grace=0.1)


class Script:
    """A bundle played by a script, and what came of running it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.events: list[LogEvent] = []
        self.store = MemoryBackend()
        self.dag_run = LocalDagRun.manual("dag")
        self.watchers: list[Callable[[LogEvent], None]] = []

    def supervisor(
        self, body: str, *, retries: int = 0, limits: Limits = QUICK, task_id: str = "task", **options: Any
    ) -> TaskSupervisor:
        """Write the script, at whose hand is everything in `peer`; return what will run it as the first try."""
        self.path.write_text(
            f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(HERE)!r})\nfrom peer import *\n{body}\n"
        )
        self.path.chmod(0o755)
        details = startup_details(self.dag_run, task_id, schema_version="2026-06-16", retries=retries)
        options.setdefault("backend", self.store)
        return TaskSupervisor(self.path, details, on_log=self._take, limits=limits, **options)

    def run(self, body: str, **options: Any) -> TaskResult:
        """Write the script and run it to its end."""

        async def run() -> TaskResult:
            return await self.supervisor(body, **options).run()

        return asyncio.run(run())

    def _take(self, event: LogEvent) -> None:
        self.events.append(event)
        for watcher in self.watchers:
            watcher(event)

    def texts(self, logger: str | None = None) -> list[str]:
        """Return the texts of the events of one logger, or of those without one."""
        return [event.event for event in self.events if event.logger == logger]

    @property
    def xcoms(self) -> dict[str, Any]:
        """What the script pushed."""
        return self.store.xcoms("dag", self.dag_run.run_id, "task")


@pytest.fixture
def script(tmp_path: Path) -> Script:
    return Script(tmp_path / "bundle")
