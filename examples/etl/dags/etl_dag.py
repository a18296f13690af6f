"""The shape of the example Dag, as Airflow sees it: which tasks there are, their order and their retries.

The bodies are stubs. The queue sends each task to the coordinator that runs the packed bundle.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import dag, task


@dag(dag_id="etl_example", schedule=None, catchup=False, tags=["afbundle"])
def etl_example() -> None:
    """Extract, transform, load."""

    @task.stub(queue="python-bundle")
    def extract() -> None: ...

    @task.stub(queue="python-bundle")
    def transform() -> None: ...

    @task.stub(queue="python-bundle", retries=1, retry_delay=timedelta(seconds=2))
    def load() -> None: ...

    extract() >> transform() >> load()


etl_example()
