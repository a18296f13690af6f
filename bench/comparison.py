"""The no-op task packed by afbundle, by every other packager, and written in Go: side by side."""

from __future__ import annotations

from pathlib import Path

from bench.contenders import Contender, Missing, build_all, naive_bundle, survives_any_source
from bench.figures import Figure, Goal, Section
from bench.rounds import Entry, measure
from bench.stats import ratios
from bench.workshop import BuildError, Workshop, first_frame

__all__ = ["compare"]

OURS = "afbundle"

_GO_NOTE = (
    "Go: not the Go SDK, but a program of ours of the same function in the standard library alone, "
    "and so a lower bound for what a Go bundle takes"
)

_METHOD = """\
One no-op task. afbundle's runs its whole runtime; the others run a hand-written app of 150 lines that imports neither `socket`
nor `json` nor `logging`, so that the packager is measured and not the app. Each has an interpreter with an empty virtual
environment. *naive sh + python* is what one writes first: `socket`, `json`, `logging`, `argparse`, msgpack."""


def compare(workshop: Workshop, rounds: int) -> Section:
    """Measure every contender that can be built here."""
    contenders: list[Contender] = []
    missing: list[str] = []
    for built in build_all(workshop):
        if isinstance(built, Missing):
            missing.append(f"{built.name}: {built.reason}")
        else:
            contenders.append(built)
    try:
        contenders.append(naive_bundle(workshop))
    except BuildError as error:
        missing.append(f"naive sh + python: {error}")
    noop = workshop.noop
    frame = first_frame("noop")
    entries = {OURS: Entry((noop,), frame)}
    entries |= {each.name: Entry((each.bundle,), frame) for each in contenders}
    series = measure(entries, rounds=rounds, baseline=workshop.baseline, env=workshop.env)
    figures = []
    for name in entries:
        figures += [
            Figure(f"{name}: connected", series[name].ratios("connected"), key=f"connected/{name}"),
            Figure(f"{name}: reaped", series[name].ratios("reaped"), key=f"reaped/{name}"),
        ]
    ours = series[OURS].ratios("reaped")
    for each in contenders:
        ratio = ratios(ours, series[each.name].ratios("reaped"))
        goals = (Goal(1.0),) if each.is_packager else ()
        figures.append(Figure(f"whole no-op task, in ratio to {each.name}", ratio, goals=goals))
    broken = [each.name for each in contenders if not survives_any_source(workshop, each)]
    sizes = [(OURS, noop), *((each.name, each.bundle) for each in contenders)]
    return Section(
        "Other packagers",
        _METHOD,
        tuple(figures),
        tuple(missing),
        (
            "size of the bundle: " + ", ".join(f"{name} {_size(path)}" for name, path in sizes),
            "do not start when the bundle's source is 300 KB long and holds a zip file's end mark, which is legal: "
            + (", ".join(broken) or "none"),
            _GO_NOTE,
        ),
    )


def _size(path: Path) -> str:
    size = path.stat().st_size
    return f"{size / 1e6:.1f} MB" if size > 1e6 else f"{size / 1e3:.0f} kB"
