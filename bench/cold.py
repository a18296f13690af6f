"""The first start of a bundle with large dependencies on a host: connect, unpack, run."""

from __future__ import annotations

import os
import shutil

from bench.figures import Figure, Goal, Section
from bench.peer import Run, take
from bench.workshop import APPS, Workshop, first_frame

__all__ = ["cold_start"]

_PACKAGES = ("numpy", "pandas")
_MOST_ROUNDS = 10

_METHOD = """\
A cache folder that does not exist yet, on disk; {files} files of {size:.0f} MB are unpacked. The bundle is in the page cache, as
it is right after it was copied to the host. The interpreter is the host's."""


def cold_start(workshop: Workshop, rounds: int) -> Section:
    """Measure a bundle with numpy and pandas: with an empty cache, then with a warm one.

    Raises:
        BuildError: the packages cannot be installed.
    """
    bundle = workshop.pack(
        APPS / "tasks" / "frames.py", *(part for name in _PACKAGES for part in ("--with", name))
    )
    frame = first_frame("frames")
    cold: list[Run] = []
    warm: list[Run] = []
    caches = [workshop.folder / f"cold-{number}" for number in range(min(_MOST_ROUNDS, max(3, rounds // 10)))]
    for cache in caches:
        env = {**workshop.env, "AFBUNDLE_CACHE": str(cache)}
        # What earlier rounds wrote is not to be on its way to the disk, nor anything being deleted, while this one writes.
        os.sync()
        cold.append(take([bundle], first=frame, env=env))
        warm.append(take([bundle], first=frame, env=env))

    def seconds(runs: list[Run], event: str | None = None) -> tuple[float, ...]:
        return tuple((run.logged(event) if event else run.connected or 0) / 1e9 for run in runs)

    files = [path for path in caches[0].rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files) / 1e6
    for cache in caches:
        shutil.rmtree(cache)
    return Section(
        "Cold start with numpy and pandas",
        _METHOD.format(files=len(files), size=size),
        (
            Figure("cold: exec → both sockets connected", seconds(cold), "s", (Goal(0.2),)),
            Figure("cold: exec → the task runs", seconds(cold, "the task runs"), "s", (Goal(3.0),)),
            Figure("cold: exec → pandas imported and used", seconds(cold, "pandas works"), "s"),
            Figure("warm: exec → both sockets connected", seconds(warm), "s"),
            Figure("warm: exec → the task runs", seconds(warm, "the task runs"), "s"),
            Figure("warm: exec → pandas imported and used", seconds(warm, "pandas works"), "s"),
        ),
        ("cold start with an embedded interpreter: bundles cannot carry one yet",),
    )
