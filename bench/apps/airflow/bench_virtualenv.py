"""A no-op task in an environment that Airflow makes once and keeps."""

# Airflow, which decorates, is not there to be checked against.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

import os

from airflow.sdk import dag, task


@dag(dag_id="bench_virtualenv", schedule=None, catchup=False)
def bench() -> None:
    """One task."""

    @task.virtualenv(
        requirements=[], system_site_packages=False, venv_cache_path=os.environ["AFBUNDLE_BENCH_VENVS"]
    )
    def virtualenv() -> None:
        """Do nothing."""

    virtualenv()


bench()
