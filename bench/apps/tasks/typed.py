"""A task that takes one value and writes one log record."""

from __future__ import annotations

from afbundle import Bundle, Logger

bundle = Bundle("bench-typed", version="1")
dag = bundle.dag("bench")


@dag.task
def typed(rows: int, log: Logger) -> None:
    """Say what came."""
    log.info("received", rows=rows)


if __name__ == "__main__":
    bundle.serve()
