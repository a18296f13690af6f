"""The figures as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from bench.figures import Figure, Goal, Results, Section

__all__ = ["goals_table", "markdown"]

_VERDICTS = {True: "ok", False: "**missed**", None: ""}
_HEAD = """\
# Measurements

Written by `make bench`; do not edit. Times are taken in rounds that run every contender once. × is a ratio to a run of
`python -I -S -c pass` of the same interpreter just before, or to what the line names. Machines differ and are busy; ratios stay.
"""


def markdown(results: Results, pictures: Sequence[tuple[str, str]] = ()) -> str:
    """Return the whole document.

    Arguments:
        results: the figures.
        pictures: file and caption of each picture to show.
    """
    parts = [_HEAD]
    parts += [f"- {name}: {value}" for name, value in results.machine.items()]
    parts += ["", "## Goals", "", goals_table(results), ""]
    for file, caption in pictures:
        parts += [f"![{caption}]({file})", ""]
    for section in results.sections:
        remarks = [f"- {note}" for note in section.notes]
        remarks += [f"- not measured: {missing}" for missing in section.missing]
        parts += [f"## {section.title}", "", section.method, ""]
        if section.figures:
            parts += [*_table(section), ""]
        if remarks:
            parts += [*remarks, ""]
    return "\n".join(parts).rstrip() + "\n"


def goals_table(results: Results) -> str:
    """Return the figures that have a goal, and what is missing."""
    rows = ["| figure | goal | measured | |", "| --- | --- | --- | --- |"]
    for section in results.sections:
        for figure in section.figures:
            if figure.goals:
                measured = ", ".join(
                    f"{_measure_prefix(goal)}{_value(getattr(figure.summary, goal.measure), figure.unit)}"
                    for goal in figure.goals
                )
                rows.append(f"| {figure.name} | {_goals(figure)} | {measured} | {_VERDICTS[figure.is_met]} |")
        rows += [f"| {missing} | | not measured | |" for missing in section.missing]
    return "\n".join(rows)


def _table(section: Section) -> list[str]:
    rows = ["| | median | p95 | worst | n | goal | |", "| --- | --- | --- | --- | --- | --- | --- |"]
    for figure in section.figures:
        summary = figure.summary
        cells = [_value(value, figure.unit) for value in (summary.median, summary.p95, summary.worst)]
        rows.append(
            f"| {figure.name} | {' | '.join(cells)} | {summary.n} | {_goals(figure)} | {_VERDICTS[figure.is_met]} |"
        )
    return rows


def _goals(figure: Figure) -> str:
    return ", ".join(f"{_measure_prefix(goal)}≤ {_value(goal.limit, figure.unit)}" for goal in figure.goals)


def _measure_prefix(goal: Goal) -> str:
    return "" if goal.measure == "median" else f"{goal.measure} "


def _value(value: float, unit: str) -> str:
    """Write a value with three digits that count, and its unit."""
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:.{digits}f}{'' if unit == '×' else ' '}{unit}"
