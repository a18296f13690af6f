"""A real Airflow supervisor in a child process, for tests.

``Coordinator.run`` sends one scenario to ``drivers/coordinator_driver.py``, which the peer's own Python runs, and
returns what Airflow saw.
"""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

DRIVER = Path(__file__).parent / "drivers" / "coordinator_driver.py"

Json = dict[str, Any]


@dataclass(frozen=True)
class Run:
    """One ``execute_task`` call: its result, or the exception that it raised, and its duration."""

    final_state: str | None
    exit_code: int | None
    error: str | None
    seconds: float


@dataclass(frozen=True)
class Outcome:
    """What Airflow saw of a scenario.

    Attributes:
        runs: One entry for each repetition.
        state_calls: Reports about the task instance that reached the Execution API (``call`` is run or state).
        variables: Variables at the end.
        xcoms: XComs at the end, task_id → key → value; ``task_id[3]`` for map index 3.
        log: Records of the task log.
        heartbeats: Number of heartbeats sent.
        unexpected: Requests that the fake Execution API does not know.
    """

    runs: list[Run]
    state_calls: list[Json]
    variables: dict[str, str]
    xcoms: dict[str, Json]
    log: list[Json]
    heartbeats: int
    unexpected: list[str] = field(default_factory=list)

    @property
    def final_state(self) -> str | None:
        """Final state of the only run."""
        (run,) = self.runs
        assert run.error is None, f"Airflow raised {run.error}"
        return run.final_state

    @property
    def last_report(self) -> Json:
        """The last state that reached the Execution API."""
        return self.state_calls[-1]

    def story(self) -> str:
        """Tell in full what happened, for the message of a failed assertion."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False)

    def logged(self, event: str) -> Json:
        """Return the one log record with *event* in its text."""
        found = [record for record in self.log if event in record["event"]]
        assert len(found) == 1, f"{len(found)} records with {event!r} in {json.dumps(self.log, indent=1)}"
        return found[0]


class Coordinator:
    """A process of one Airflow version that runs bundles through its ``ExecutableCoordinator``.

    Args:
        python: Interpreter of the peer.
        stderr: File that takes Airflow's own output.
    """

    def __init__(self, python: Path, stderr: IO[bytes]) -> None:
        environ = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
        self._process = subprocess.Popen(
            [str(python), str(DRIVER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=environ,
        )
        self._stderr = Path(stderr.name)

    def run(
        self, bundle: Path | list[Path], dag_id: str, task_id: str, *, timeout: float = 90, **scenario: Any
    ) -> Outcome:
        """Execute one task and return what Airflow saw.

        Args:
            bundle: The bundle file or files that the coordinator finds.
            dag_id: Dag of the task instance.
            task_id: Task of the task instance.
            timeout: Seconds to wait for the answer.
            scenario: Anything to change in the defaults below.

        Raises:
            RuntimeError: The driver ended or did not answer in time; the message shows its last output.
        """
        defaults = {
            "dag_id": dag_id,
            "task_id": task_id,
            "bundles": [str(path) for path in ([bundle] if isinstance(bundle, Path) else bundle)],
            "run_id": "manual__2026-01-01T00:00:00+00:00",
            "try_number": 1,
            "map_index": -1,
            "max_tries": 0,
            "should_retry": False,
            "conf": {},
            "variables": {},
            "connections": {},
            "xcoms": {},
            "arg_bindings": None,
            "environ": {},
            "repeat": 1,
        }
        unknown = scenario.keys() - defaults.keys()
        assert not unknown, f"no such part of a scenario: {unknown}"
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({**defaults, **scenario}).encode() + b"\n")
        self._process.stdin.flush()
        answer = json.loads(self._read_line(timeout))
        runs = [Run(**run) for run in answer.pop("runs")]
        return Outcome(runs=runs, **answer)

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def _read_line(self, timeout: float) -> bytes:
        assert self._process.stdout is not None
        stream = self._process.stdout.fileno()
        deadline = time.monotonic() + timeout
        line = b""
        with selectors.DefaultSelector() as selector:
            selector.register(stream, selectors.EVENT_READ)
            while not line.endswith(b"\n"):
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    self._process.kill()
                    raise RuntimeError(f"Airflow did not answer within {timeout} s:\n{self._tail()}")
                data = os.read(stream, 1 << 16)
                if not data:
                    raise RuntimeError(f"Airflow ended:\n{self._tail()}")
                line += data
        return line

    def _tail(self) -> str:
        return self._stderr.read_text(errors="replace")[-4000:]
