"""Task functions of an extract-transform-load Dag, to be packed into one executable file.

Airflow knows the Dag's shape from ``dags/etl_dag.py``; the file made of this module runs its tasks.
"""

from __future__ import annotations

from afbundle import Bundle, Client, Context, Logger

bundle = Bundle("etl", version="1.0.0")
etl = bundle.dag("etl_example")


@etl.task
def extract(client: Client, log: Logger) -> dict[str, list[int]]:
    """Read the rows; where from is said by the variable ``etl_source`` and the connection ``etl_warehouse``."""
    source = client.get_variable("etl_source")
    warehouse = client.get_connection("etl_warehouse")
    log.info("extracting", source=source, host=warehouse.host)
    return {"rows": [1, 2, 3, 4]}


@etl.task
def transform(client: Client, context: Context, log: Logger) -> dict[str, list[int]]:
    """Double every row that extract found."""
    rows = client.get_xcom(task_id="extract")["rows"]
    log.info("transforming", rows=len(rows), run_id=context.run_id)
    return {"rows": [2 * row for row in rows]}


@etl.task
def load(client: Client, context: Context) -> int:
    """Count the rows. The first try fails on purpose, to show a retry."""
    if context.try_number == 1:
        raise RuntimeError("the warehouse is still asleep")
    rows = client.get_xcom(task_id="transform")["rows"]
    print(f"loaded {len(rows)} rows")
    return len(rows)


if __name__ == "__main__":
    bundle.serve()
