"""A no-op task in another environment."""

# Airflow, which decorates, is not there to be checked against.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

import os

from airflow.sdk import dag, task


@dag(dag_id="bench_external_python", schedule=None, catchup=False)
def bench() -> None:
    """One task."""

    @task.external_python(python=os.environ["AFBUNDLE_BENCH_PYTHON"], expect_airflow=False)
    def external_python() -> None:
        """Do nothing."""

    external_python()


bench()
