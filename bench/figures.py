"""What a measurement comes to: figures with their goals, in sections."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from bench.stats import Summary

__all__ = ["Figure", "Goal", "Results", "Section"]

Measure = Literal["median", "p95", "worst"]
_DIGITS = 4


@dataclass(frozen=True)
class Goal:
    """How much a figure may come to at most, in the figure's unit."""

    limit: float
    measure: Measure = "median"

    def is_met(self, summary: Summary) -> bool:
        """Tell whether a series stays within the limit."""
        value: float = getattr(summary, self.measure)
        return value <= self.limit


@dataclass(frozen=True)
class Figure:
    """One measured thing.

    Attributes:
        name: what was measured.
        values: every single measurement.
        unit: ``×`` for a ratio, ``ms``, ``s`` or ``MB``.
        goals: what it should come to; empty for what is only shown.
        key: names the figure for who draws it.
    """

    name: str
    values: tuple[float, ...]
    unit: str = "×"
    goals: tuple[Goal, ...] = ()
    key: str = ""

    @property
    def summary(self) -> Summary:
        """The values in short."""
        return Summary.of(self.values)

    @property
    def is_met(self) -> bool | None:
        """Whether every goal is met; None where there is none."""
        return all(goal.is_met(self.summary) for goal in self.goals) if self.goals else None


@dataclass(frozen=True)
class Section:
    """Figures that were measured together.

    Attributes:
        title: heading.
        method: how it was measured, in a sentence or two.
        figures: in the order to show.
        missing: what could not be measured, and why.
        notes: what else was seen.
    """

    title: str
    method: str
    figures: tuple[Figure, ...] = ()
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass
class Results:
    """Everything that one run of the bench measured.

    Attributes:
        machine: what it was measured on.
        sections: in the order to show.
    """

    machine: dict[str, str]
    sections: list[Section] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return plain values, with the summaries and verdicts that readers of the file look for."""
        document = asdict(self)
        for section, shown in zip(self.sections, document["sections"], strict=True):
            for figure, entry in zip(section.figures, shown["figures"], strict=True):
                entry["values"] = [_rounded(value) for value in figure.values]
                entry["summary"] = {key: _rounded(value) for key, value in asdict(figure.summary).items()}
                entry["is_met"] = figure.is_met
        return document

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Results:
        """Return what `to_json` was made from; values are as exact as the file."""
        sections = [
            Section(
                section["title"],
                section["method"],
                tuple(
                    Figure(
                        name=figure["name"],
                        values=tuple(figure["values"]),
                        unit=figure["unit"],
                        goals=tuple(Goal(**goal) for goal in figure["goals"]),
                        key=figure["key"],
                    )
                    for figure in section["figures"]
                ),
                tuple(section["missing"]),
                tuple(section["notes"]),
            )
            for section in document["sections"]
        ]
        return cls(document["machine"], sections)


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}") if isinstance(value, float) else value
