"""How long a task instance takes on a running Airflow, packed or not."""

from __future__ import annotations

from datetime import datetime

from bench.figures import Figure, Goal, Section
from bench.stats import ratios
from bench.workshop import APPS, DAG_ID, Workshop
from scripts.install_peer import PEERS
from scripts.local_airflow import LocalAirflow
from tests.e2e.airflow import RestApi

__all__ = ["task_instances"]

_VERSION = "3.4.0b2"
# dag_id -> what to call its one task, and how much of its duration the packed task may take.
_OTHERS = {
    "bench_plain": ("`@task`", 0.6),
    "bench_external_python": ("`@task.external_python`", 0.35),
    "bench_virtualenv": ("`@task.virtualenv`, cached", 0.2),
}
_WARM_UP = 3
_METHOD = f"""\
Airflow {_VERSION}, all components on this machine: SQLite, LocalExecutor with one executor process, which every task finds
warm. Four Dags of one no-op task, run in turns, one at a time; `end_date - start_date` of the REST API. The first {_WARM_UP}
rounds, which make the virtual environment and import Airflow into the executor's process, do not count."""


def task_instances(workshop: Workshop, rounds: int) -> Section:
    """Measure Dag runs, one for each round.

    Raises:
        RuntimeError: a run failed.
    """
    title = "Task instances on a running Airflow"
    peer = PEERS[_VERSION]
    if not peer.is_ready():
        return Section(title, "", missing=(f"Airflow {_VERSION} is not installed: run `make peers`",))
    extra = {
        "AIRFLOW__CORE__PARALLELISM": "1",
        "AFBUNDLE_BENCH_PYTHON": str(workshop.clean_python),
        "AFBUNDLE_BENCH_VENVS": str(workshop.folder / "venvs"),
    }
    with LocalAirflow(_VERSION, peer.python, workshop.folder / "airflow", extra=extra) as airflow:
        airflow.deploy(workshop.noop, *(APPS / "airflow").glob("*.py"))
        rest = RestApi(airflow)
        try:
            seconds = _runs(rest, rounds)
        finally:
            rest.close()
    figures = [_durations("afbundle", seconds[DAG_ID])]
    figures += [_durations(name, seconds[dag_id]) for dag_id, (name, _) in _OTHERS.items()]
    figures += [
        Figure(
            f"task instance in ratio to {name}",
            ratios(seconds[DAG_ID], seconds[dag_id]),
            goals=(Goal(limit),),
        )
        for dag_id, (name, limit) in _OTHERS.items()
    ]
    return Section(title, _METHOD, tuple(figures))


def _durations(name: str, seconds: list[float]) -> Figure:
    return Figure(
        f"{name}, task instance",
        tuple(1e3 * each for each in seconds),
        "ms",
        key=f"task/{name.replace('`', '')}",
    )


def _runs(rest: RestApi, rounds: int) -> dict[str, list[float]]:
    """Run every Dag once a round; returns the durations of their tasks, in seconds, by dag_id."""
    seconds: dict[str, list[float]] = {dag_id: [] for dag_id in (DAG_ID, *_OTHERS)}
    for dag_id in seconds:
        rest.wait_for_dag(dag_id, timeout=120)
    for number in range(-_WARM_UP, rounds):
        for dag_id, durations in seconds.items():
            run_id = rest.trigger(dag_id)
            state = rest.wait_for_run(dag_id, run_id, timeout=300)
            if state != "success":
                raise RuntimeError(f"a run of {dag_id} is {state}\n{rest.airflow.log_tails()}")
            (instance,) = rest.task_instances(dag_id, run_id).values()
            begin, end = (datetime.fromisoformat(instance[key]) for key in ("start_date", "end_date"))
            if number >= 0:
                durations.append((end - begin).total_seconds())
    return seconds
