"""Runs every measurement, prints the table, and writes Markdown, JSON and pictures.

python -m bench [--quick] [--only start ...] [--output docs/bench]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench import machine, report
from bench.airflow import task_instances
from bench.cold import cold_start
from bench.comparison import compare
from bench.coordinator import execute_task
from bench.figures import Results, Section
from bench.peer import RunError
from bench.scaling import scale
from bench.startup import memory, start
from bench.workshop import ROOT, BuildError, Workshop

_PICTURES = (
    ("start.svg", "Start and end of a task process, side by side"),
    ("airflow.svg", "Task instances on a running Airflow"),
    ("execute_task.svg", "execute_task of the real coordinators"),
    ("scale.svg", "Larger bundles"),
)


@dataclass(frozen=True)
class Measurement:
    """One part of the bench.

    Attributes:
        run: does it, for a number of rounds.
        rounds: how many make good figures.
        quick: how many show that it works.
    """

    run: Callable[[Workshop, int], Section]
    rounds: int
    quick: int


MEASUREMENTS = {
    "start": Measurement(start, 100, 10),
    "memory": Measurement(memory, 100, 10),
    "packagers": Measurement(compare, 50, 3),
    "coordinator": Measurement(execute_task, 200, 5),
    "airflow": Measurement(task_instances, 20, 2),
    "scaling": Measurement(scale, 50, 5),
    "cold": Measurement(cold_start, 50, 10),
}


def main() -> int:
    """Measure; returns the exit code: 0 also where a goal is missed, 1 where something could not be measured at all."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--quick", action="store_true", help="a few rounds only, to see that everything works"
    )
    parser.add_argument("--only", nargs="+", choices=MEASUREMENTS, help="measure these parts alone")
    parser.add_argument(
        "--output",
        type=Path,
        help="folder for index.md, results.json and the pictures (default: docs/bench; build/bench with --quick or --only)",
    )
    parser.add_argument(
        "--tools",
        type=Path,
        default=ROOT / ".cache" / "bench" / "bin",
        help="bin folder of an environment made from requirements/bench.lock",
    )
    options = parser.parse_args()
    # Few rounds or half a table must not take the place of the real one.
    output = options.output or ROOT / ("build/bench" if options.quick or options.only else "docs/bench")
    results = Results(machine.describe())
    failed = False
    with tempfile.TemporaryDirectory(prefix="afbundle-bench-", ignore_cleanup_errors=True) as folder:
        workshop = Workshop(Path(folder), options.tools)
        for name in options.only or MEASUREMENTS:
            each = MEASUREMENTS[name]
            began = time.monotonic()
            print(f"{name} …", end="", file=sys.stderr, flush=True)
            try:
                results.sections.append(each.run(workshop, each.quick if options.quick else each.rounds))
            except (BuildError, RunError, RuntimeError, TimeoutError) as error:
                failed = True
                results.sections.append(Section(name, "", missing=(str(error).partition("\n")[0],)))
                print(f" failed: {error}", file=sys.stderr)
            print(f" {time.monotonic() - began:.0f} s", file=sys.stderr)
    write(results, output, options.tools)
    print(report.goals_table(results))
    return int(failed)


def write(results: Results, output: Path, tools: Path) -> None:
    """Write the figures, the pictures and the page that shows both."""
    output.mkdir(parents=True, exist_ok=True)
    for name, _ in _PICTURES:
        for suffix in (".svg", ".png"):
            (output / name).with_suffix(suffix).unlink(missing_ok=True)
    data = output / "results.json"
    data.write_text(json.dumps(results.to_json(), indent=1, ensure_ascii=False) + "\n")
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src")])}
    drawn = subprocess.run([tools / "python", "-m", "bench.plot", data], env=env, cwd=ROOT, check=False)
    if drawn.returncode != 0:
        print("no pictures: matplotlib is not there, see --tools", file=sys.stderr)
    pictures = [(file, caption) for file, caption in _PICTURES if (output / file).exists()]
    (output / "index.md").write_text(report.markdown(results, pictures))


if __name__ == "__main__":
    sys.exit(main())
