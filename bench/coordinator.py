"""`execute_task` of Airflow's own coordinator: what a worker slot is held for, the end of the process included."""

from __future__ import annotations

import os
from pathlib import Path

from bench.contenders import naive_bundle
from bench.figures import Figure, Goal, Section
from bench.scaling import with_dependencies
from bench.stats import ratios
from bench.workshop import DAG_ID, BuildError, Workshop
from scripts.install_peer import PEERS
from tests.integration.coordinator import Coordinator

__all__ = ["execute_task"]

_OTHERS_EVERY = 10
_LARGE = 300  # MB
_SLEEP = 5000  # ms; `min_heartbeat_interval` of task-sdk 1.3.2 and 1.4.0b2

_TITLE = "`execute_task` of the real coordinators"
_METHOD = """\
Airflow's `ExecutableCoordinator` in a process that answers its API calls at once. Before each run the bundle is copied anew, so
that it is looked for and hashed as by a fresh supervisor. The supervisor looks for a child's exit only after a socket event and
may otherwise sleep 5 s."""


def execute_task(workshop: Workshop, rounds: int) -> Section:
    """Measure both Airflows with the no-op bundle, and every tenth time with others."""
    figures: list[Figure] = []
    missing: list[str] = []
    try:
        bundles = {
            "noop": workshop.noop,
            "naive": naive_bundle(workshop).bundle,
            "large": with_dependencies(workshop, _LARGE),
        }
    except BuildError as error:
        return Section(_TITLE, "", missing=(str(error).partition("\n")[0],))
    for version, peer in PEERS.items():
        if not peer.is_ready():
            missing.append(f"Airflow {version} is not installed: run `make peers`")
            continue
        with (workshop.folder / f"coordinator-{version}.log").open("wb") as log:
            coordinator = Coordinator(peer.python, log)
            try:
                figures += _one_airflow(coordinator, version, bundles, workshop.folder / "cache", rounds)
            finally:
                coordinator.close()
    return Section(
        _TITLE,
        _METHOD,
        tuple(figures),
        tuple(missing),
        tuple(_slept(figure) for figure in figures if figure.unit == "ms"),
    )


def _slept(figure: Figure) -> str:
    slept = sum(value > _SLEEP for value in figure.values)
    return f"{figure.name}: the supervisor slept through the end of {slept} of {len(figure.values)} runs"


def _one_airflow(
    coordinator: Coordinator, version: str, bundles: dict[str, Path], cache: Path, rounds: int
) -> list[Figure]:
    """Return the figures of one Airflow; *bundles* are noop, naive and large."""

    def run(name: str) -> float:
        """Return how long one run took, in milliseconds."""
        # The digest of a file that looks unchanged (path, inode, size, time) is remembered, and a copy may get the last one's
        # inode.
        os.utime(bundles[name])
        outcome = coordinator.run(bundles[name], DAG_ID, "noop", environ={"AFBUNDLE_CACHE": str(cache)})
        if outcome.final_state != "success":
            raise RuntimeError(f"{name} ended as {outcome.final_state}: {outcome.log}")
        return 1e3 * outcome.runs[0].seconds

    for name in bundles:
        run(name)  # the first one imports half of Airflow; the large one is unpacked
    noop, naive, before_naive = [], [], []
    for number in range(rounds):
        noop.append(run("noop"))
        if number % _OTHERS_EVERY == 0:
            before_naive.append(noop[-1])
            naive.append(run("naive"))
    # Apart, because copying so much disturbs whoever comes next.
    pairs = [(run("noop"), run("large")) for _ in range(max(2, rounds // _OTHERS_EVERY))]
    return [
        Figure(
            f"`execute_task`, no-op, Airflow {version}",
            tuple(noop),
            "ms",
            (Goal(80), Goal(300, "worst")),
            f"execute_task/{version}/afbundle",
        ),
        Figure(
            f"`execute_task`, naive sh + python, Airflow {version}",
            tuple(naive),
            "ms",
            key=f"execute_task/{version}/naive",
        ),
        Figure(f"no-op in ratio to naive, Airflow {version}", ratios(before_naive, naive)),
        Figure(
            f"`execute_task`, fresh supervisor: none → {_LARGE} MB of dependencies, Airflow {version}",
            tuple(large / small for small, large in pairs),
            goals=(Goal(1.1),),
        ),
    ]
