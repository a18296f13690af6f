"""A bundle whose tasks take data from the stub's TaskFlow call (schema 2026-10-30)."""

from __future__ import annotations

from dataclasses import dataclass

from afbundle import Bundle, Context

bundle = Bundle("bound", version="1")
bound = bundle.dag("bound")


@dataclass
class Window:
    """A converted argument."""

    start: int
    end: int


@bound.task
def combine(rows: list[int], context: Context, *, window: Window, factor: int = 10) -> dict[str, object]:
    """Use data of all kinds next to an injected parameter."""
    return {
        "chosen": [factor * row for row in rows[window.start : window.end]],
        "task_id": context.task_id,
        "window": type(window).__name__,
    }


if __name__ == "__main__":
    bundle.serve()
