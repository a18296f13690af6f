"""Draws the figures: ``python -m bench.plot docs/bench/results.json`` writes PNG and SVG files next to it.

Runs with the interpreter of ``requirements/bench.lock``, the only place where matplotlib is.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib  # type: ignore[import-not-found]  # see above

from bench.figures import Figure, Results
from bench.stats import percentile

matplotlib.use("Agg")
from matplotlib import pyplot

__all__ = ["draw_all"]

_OURS, _OTHERS = "#3949ab", "#90a4ae"
_SETTINGS = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    # Text stays text, and the same figures give the same file.
    "svg.fonttype": "none",
    "svg.hashsalt": "afbundle",
    "figure.constrained_layout.use": True,
}


def draw_all(results: Results, folder: Path) -> list[Path]:
    """Draw what can be drawn of these figures; returns the files."""
    figures = {figure.key: figure for section in results.sections for figure in section.figures if figure.key}
    written = []
    with pyplot.rc_context(_SETTINGS):
        for name, draw in _PICTURES.items():
            picture = draw(figures)
            if picture is None:
                continue
            for suffix in ("png", "svg"):
                written.append(folder / f"{name}.{suffix}")
                picture.savefig(written[-1], dpi=160, metadata={"Date": None} if suffix == "svg" else None)
            pyplot.close(picture)
    return written


def _start(figures: dict[str, Figure]) -> Any:
    """Each contender's way from its sockets to its end, on one scale."""
    names = [key.partition("/")[2] for key in figures if key.startswith("reaped/")]
    if not names:
        return None
    names.sort(key=lambda name: -figures[f"reaped/{name}"].summary.median)
    picture, axes = pyplot.subplots(figsize=(7.2, 0.36 * len(names) + 1.1))
    rows = range(len(names))
    reaped = [figures[f"reaped/{name}"].summary.median for name in names]
    connected = [figures[f"connected/{name}"].summary.median for name in names]
    colours = [_OURS if name == "afbundle" else _OTHERS for name in names]
    axes.hlines(rows, connected, reaped, color=colours, linewidth=3)
    axes.scatter(
        connected, rows, color="white", edgecolor=colours, s=34, zorder=3, label="both sockets connected"
    )
    axes.scatter(reaped, rows, color=colours, s=40, zorder=3, label="ended and reaped")
    for row, value in enumerate(reaped):
        axes.annotate(_times(value), (value, row), xytext=(8, 0), textcoords="offset points", va="center")
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_xscale("log")
    axes.set_xlim(min(connected) / 1.5, max(reaped) * 2)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}×")
    axes.set_yticks(rows, names)
    axes.grid(axis="x", color="#eceff1")
    axes.set_xlabel("one no-op task; 1× is python -I -S -c pass, launch to end (medians, log scale)")
    axes.legend(loc="upper right", frameon=False, fontsize=8)
    return picture


def _airflow(figures: dict[str, Figure]) -> Any:
    """Duration of task instances, with the middle half of the runs as a line."""
    return _bars(
        figures,
        "task/",
        "{:.0f} ms",
        "duration of a no-op task instance on Airflow 3.4 (median and quartiles, ms)",
    )


def _execute_task(figures: dict[str, Figure]) -> Any:
    """Every single run of `execute_task`, packed and naive."""
    keys = [key for key in figures if key.startswith("execute_task/")]
    if not keys:
        return None
    picture, axes = pyplot.subplots(figsize=(7.2, 0.5 * len(keys) + 0.9))
    keys.reverse()
    for row, key in enumerate(keys):
        values = figures[key].values
        # Spread over the row's height in the order of the runs.
        heights = [row + 0.5 * (number / max(1, len(values) - 1) - 0.5) for number in range(len(values))]
        axes.scatter(
            values,
            heights,
            s=9,
            alpha=0.6,
            color=_OURS if key.endswith("afbundle") else _OTHERS,
            linewidths=0,
        )
    axes.set_yticks(range(len(keys)), [" ".join(reversed(key.split("/")[1:])) for key in keys])
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.grid(axis="x", color="#eceff1")
    axes.set_xlabel("`execute_task` of Airflow's coordinator, every run (ms, log scale)")
    return picture


def _scale(figures: dict[str, Figure]) -> Any:
    """Small and large bundles."""
    return _bars(
        figures,
        "scale/",
        "{:.2f}×",
        "one no-op task, warm, launch to end; 1× is python -I -S -c pass (median and quartiles)",
    )


def _bars(figures: dict[str, Figure], prefix: str, form: str, label: str) -> Any:
    """Draw a bar for the median of each figure whose key has the prefix, and a line from quartile to quartile."""
    keys = [key for key in figures if key.startswith(prefix)]
    if not keys:
        return None
    picture, axes = pyplot.subplots(figsize=(7.2, 0.4 * len(keys) + 0.9))
    names = [key.removeprefix(prefix) for key in keys]
    for row, (name, key) in enumerate(zip(names, keys, strict=True)):
        values = figures[key].values
        middle, upper = figures[key].summary.median, percentile(values, 75)
        colour = _OTHERS if name.startswith("@") else _OURS
        axes.barh(row, middle, color=colour, height=0.6)
        axes.hlines(row, percentile(values, 25), upper, color="black", linewidth=1)
        axes.annotate(
            form.format(middle), (upper, row), xytext=(5, 0), textcoords="offset points", va="center"
        )
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.set_xlim(left=0)
    axes.set_xlabel(label)
    return picture


def _times(value: float) -> str:
    return f"{value:.0f}×" if value >= 10 else f"{value:.2f}×"


_PICTURES: dict[str, Callable[[dict[str, Figure]], Any]] = {
    "start": _start,
    "airflow": _airflow,
    "execute_task": _execute_task,
    "scale": _scale,
}


if __name__ == "__main__":
    source = Path(sys.argv[1])
    draw_all(Results.from_json(json.loads(source.read_text())), source.parent)
