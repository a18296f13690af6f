"""Rounds: every contender once, each straight after a run of the bare interpreter that it is divided by."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.peer import Run, take
from bench.stats import ratios

__all__ = ["Entry", "Series", "measure"]


@dataclass(frozen=True)
class Entry:
    """What takes part.

    Attributes:
        argv: the program and its arguments.
        first: the frame that starts its task.
        env: its environment, where that differs from the others'.
    """

    argv: tuple[str | Path, ...]
    first: bytes | None
    env: Mapping[str, str] | None = None


@dataclass
class Series:
    """The runs of one entry, and the time of the bare interpreter before each (nanoseconds)."""

    runs: list[Run] = field(default_factory=list)
    units: list[int] = field(default_factory=list)

    def ratios(self, name: str) -> tuple[float, ...]:
        """Return one of `Run`'s times of every run, in ratio to the bare interpreter."""
        return ratios([getattr(run, name) for run in self.runs], self.units)

    def milliseconds(self, name: str) -> tuple[float, ...]:
        """Return one of `Run`'s times of every run."""
        return tuple(getattr(run, name) / 1e6 for run in self.runs)


def measure(
    entries: Mapping[str, Entry], *, rounds: int, baseline: Sequence[str], env: Mapping[str, str]
) -> dict[str, Series]:
    """Run all entries so many times, in turns; the first two rounds, which warm the caches, do not count.

    Arguments:
        entries: what takes part, by name.
        rounds: how many runs of each count.
        baseline: the command that times are divided by.
        env: the environment.

    Raises:
        RunError: a run failed.
    """
    series = {name: Series() for name in entries}
    names = list(entries)
    with _no_collections():
        for number in range(-2, rounds):
            # Who follows whom changes from round to round.
            at = number % len(names)
            for name in names[at:] + names[:at]:
                entry = entries[name]
                unit = take(baseline, first=None, env=env).reaped
                run = take(entry.argv, first=entry.first, env=entry.env or env)
                if number >= 0:
                    series[name].runs.append(run)
                    series[name].units.append(unit)
    return series


@contextmanager
def _no_collections() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
