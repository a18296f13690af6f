"""The measuring supervisor: what it sees of a process. How long anything took is not asserted."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bench.peer import RunError, take
from bench.workshop import APPS, first_frame

NAMES = ("connected", "terminal", "reaped", "released")


def lean(tmp_path: Path, *, end: str = "") -> list[str | Path]:
    """Return the command of the hand-written app, with a line to run after it."""
    script = tmp_path / "app.py"
    script.write_text(
        f"import sys\nsys.path.insert(0, {str(APPS / 'lean')!r})\nimport bench_app\nbench_app.main()\n{end}\n"
    )
    return [sys.executable, "-B", script]


def test_the_events_of_a_run_come_in_order(tmp_path: Path) -> None:
    run = take(lean(tmp_path, end="print('over')"), first=first_frame("noop"), env={})
    times = [getattr(run, name) for name in NAMES]
    assert times == sorted(times)
    assert run.outcome == "SucceedTask"
    assert run.output == b"over\n"


def test_memory_is_that_of_the_process_and_not_of_its_parent(tmp_path: Path) -> None:
    ballast = bytearray(200_000_000)
    for page in range(0, len(ballast), 4096):
        ballast[page] = 1
    run = take(lean(tmp_path), first=first_frame("noop"), env={}, memory=True)
    assert run.peak is not None
    assert 2_000_000 < run.peak < 100_000_000


def test_a_process_that_fails_after_its_report_counts_as_failed(tmp_path: Path) -> None:
    command = lean(tmp_path, end="sys.exit('no good')")
    with pytest.raises(RunError, match=r"ended with 1 and SucceedTask\s+no good"):
        take(command, first=first_frame("noop"), env={})


def test_a_process_that_never_connects_shows_what_it_wrote() -> None:
    with pytest.raises(RunError, match=r"no terminal message\s+what\?"):
        take([sys.executable, "-c", "print('what?')"], first=first_frame("noop"), env={})


def test_a_process_that_hangs_is_killed() -> None:
    with pytest.raises(RunError, match="not over after 1 s"):
        take([sys.executable, "-c", "import signal; signal.pause()"], first=None, env={}, timeout=1)
