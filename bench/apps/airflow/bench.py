"""A no-op task that a packed bundle runs."""

# Airflow, which decorates, is not there to be checked against.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

from airflow.sdk import dag, task


@dag(dag_id="bench", schedule=None, catchup=False)
def bench() -> None:
    """One task."""

    @task.stub(queue="python-bundle")
    def noop() -> None: ...

    noop()


bench()
