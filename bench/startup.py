"""How fast a task process starts and ends: launch → connected → terminal message → reaped.

    python -m bench.startup --rounds 200 --json start.json

In ratio to ``python -I -S -c pass`` of the same interpreter, in interleaved rounds.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from bench import machine, report
from bench.figures import Figure, Goal, Results, Section
from bench.peer import take
from bench.rounds import Entry, measure
from bench.workshop import APPS, ROOT, Workshop, first_frame

__all__ = ["main", "memory", "start"]

DEFAULT_ROUNDS = 100


def start(workshop: Workshop, rounds: int) -> Section:
    """Measure the no-op task, and one with a value and a log record."""
    noop = workshop.noop
    typed = workshop.pack(APPS / "tasks" / "typed.py")
    series = measure(
        {
            "noop": Entry((noop,), first_frame("noop")),
            "typed": Entry((typed,), first_frame("typed", rows=3)),
            "bare": Entry(workshop.baseline, None),
        },
        rounds=rounds,
        baseline=workshop.baseline,
        env=workshop.env,
    )
    plain, value = series["noop"], series["typed"]
    return Section(
        "Start and end of a task process",
        "Packed bundles under a supervisor that answers at once.",
        (
            Figure("exec → both sockets connected", plain.ratios("connected"), goals=(Goal(1.1),)),
            Figure("exec → terminal message received", plain.ratios("terminal")),
            Figure("no-op task, exec → reaped", plain.ratios("reaped"), goals=(Goal(1.5),), key="noop"),
            Figure("no-op task, exec → reaped and every stream closed", plain.ratios("released")),
            Figure("one value and one log record, exec → reaped", value.ratios("reaped"), goals=(Goal(2.5),)),
            Figure("bare interpreter against itself (the noise)", series["bare"].ratios("reaped")),
            Figure("bare interpreter", tuple(unit / 1e6 for unit in plain.units), "ms"),
            Figure("no-op task, exec → reaped, absolute", plain.milliseconds("reaped"), "ms"),
        ),
        ("embedded interpreter: bundles cannot carry one yet",),
    )


def memory(workshop: Workshop, rounds: int) -> Section:
    """Measure the peak memory of the no-op task's process."""
    frame = first_frame("noop")
    runs = [
        take([workshop.noop], first=frame, env=workshop.env, memory=True) for _ in range(max(5, rounds // 10))
    ]
    return Section(
        "Memory",
        "Peak resident set (VmHWM of /proc/PID/status) when the terminal message is sent.",
        (
            Figure(
                "peak memory of a no-op task process",
                tuple(run.peak / 1e6 for run in runs if run.peak is not None),
                "MB",
                goals=(Goal(12.0),),
            ),
        ),
    )


def main() -> None:
    """Measure, print the table, and write the figures where told."""
    parser = argparse.ArgumentParser(prog="python -m bench.startup", description=__doc__)
    parser.add_argument(
        "--rounds", type=int, default=DEFAULT_ROUNDS, help="runs of each (default: %(default)s)"
    )
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    options = parser.parse_args()
    results = Results(machine.describe())
    with tempfile.TemporaryDirectory(prefix="afbundle-bench-") as folder:
        workshop = Workshop(Path(folder), ROOT)
        results.sections = [start(workshop, options.rounds), memory(workshop, options.rounds)]
    print(report.markdown(results))
    if options.json:
        options.json.write_text(json.dumps(results.to_json(), indent=1) + "\n")


if __name__ == "__main__":
    main()
