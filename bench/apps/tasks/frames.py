"""A task with pandas and numpy."""

from __future__ import annotations

from afbundle import Bundle, Logger

bundle = Bundle("bench-frames", version="1")
dag = bundle.dag("bench")


@dag.task
def frames(log: Logger) -> None:
    """Say that the task runs, then that pandas is there."""
    log.info("the task runs")
    import pandas as pd  # type: ignore[import-untyped,import-not-found,unused-ignore]  # only the bundle has it

    log.info("pandas works", rows=len(pd.DataFrame({"a": range(1000)}).groupby("a").sum()))


if __name__ == "__main__":
    bundle.serve()
