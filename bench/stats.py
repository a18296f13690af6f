"""What many runs say: the median, the 95th percentile, the worst."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

__all__ = ["Summary", "percentile", "ratios"]


@dataclass(frozen=True)
class Summary:
    """A series of measurements in short; all in the unit of the series.

    Attributes:
        n: how many there were.
    """

    n: int
    median: float
    p95: float
    worst: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Summary:
        """Sum up a series.

        Raises:
            ValueError: it is empty.
        """
        if not values:
            raise ValueError("nothing was measured")
        return cls(len(values), median(values), percentile(values, 95), max(values))


def percentile(values: Sequence[float], percent: float) -> float:
    """Return a percentile, interpolated between the two values next to it.

    Arguments:
        values: the series, in any order.
        percent: 0 to 100.
    """
    ordered = sorted(values)
    position = (len(ordered) - 1) * percent / 100
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)


def ratios(values: Sequence[float], units: Sequence[float]) -> tuple[float, ...]:
    """Return each value in ratio to the unit that was measured next to it.

    Raises:
        ValueError: the series differ in length.
    """
    return tuple(value / unit for value, unit in zip(values, units, strict=True))
