"""A no-op task in Airflow's own environment."""

# Airflow, which decorates, is not there to be checked against.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

from airflow.sdk import dag, task


@dag(dag_id="bench_plain", schedule=None, catchup=False)
def bench() -> None:
    """One task."""

    @task
    def plain() -> None:
        """Do nothing."""

    plain()


bench()
