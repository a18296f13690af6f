"""The smallest bundle there can be."""

from __future__ import annotations

from afbundle import Bundle

bundle = Bundle("bench-noop", version="1")
dag = bundle.dag("bench")


@dag.task
def noop() -> None:
    """Do nothing."""


if __name__ == "__main__":
    bundle.serve()
