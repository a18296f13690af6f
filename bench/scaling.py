"""Whether a bundle starts as fast when it holds many Dags, or large dependencies."""

from __future__ import annotations

import base64
import hashlib
import os
import zipfile
from pathlib import Path

from bench.figures import Figure, Goal, Section
from bench.peer import take
from bench.rounds import Entry, measure
from bench.stats import ratios
from bench.workshop import Workshop, first_frame

__all__ = ["scale", "with_dependencies"]

_FILES = (1, 200)
_MEGABYTES = (5, 300)
_TOLERANCE = 1.1

_DAG_FILE = '''\
"""Dag number {number}."""

from pipelines.app import bundle

dag = bundle.dag("{dag_id}")


@dag.task
def noop() -> None:
    """Do nothing."""


@dag.task
def load(rows: int = 0) -> int:
    """Count."""
    return rows
'''

_METHOD = """\
Whole no-op tasks. The large bundle is divided by the small one of the same round. Dependencies are one wheel of incompressible
data, unpacked by the first start."""


def scale(workshop: Workshop, rounds: int) -> Section:
    """Measure small and large bundles in turns."""
    frame = first_frame("noop")
    bundles = {_files(count): many_dags(workshop, count, imported=count) for count in _FILES}
    bundles["200 Dag files, one imported"] = many_dags(workshop, _FILES[1], imported=1)
    bundles |= {_megabytes(size): with_dependencies(workshop, size) for size in _MEGABYTES}
    env = {**workshop.env, "AFBUNDLE_CACHE": str(workshop.folder / "scaling-cache")}
    for bundle in bundles.values():
        take([bundle], first=frame, env=env)
    # What was packed and unpacked is not to be on its way to the disk while starts are measured.
    os.sync()
    series = measure(
        {name: Entry((bundle,), frame) for name, bundle in bundles.items()},
        rounds=rounds,
        baseline=workshop.baseline,
        env=env,
    )
    reaped = {name: each.ratios("reaped") for name, each in series.items()}
    goal = (Goal(_TOLERANCE),)
    return Section(
        "Larger bundles, warm",
        _METHOD,
        (
            *(
                Figure(f"{name}, exec → reaped", values, key=f"scale/{name}")
                for name, values in reaped.items()
            ),
            Figure(
                "1 → 200 Dag files, the entry imports all",
                ratios(reaped[_files(200)], reaped[_files(1)]),
                goals=goal,
            ),
            Figure(
                "1 → 200 Dag files, the entry imports one",
                ratios(reaped["200 Dag files, one imported"], reaped[_files(1)]),
                goals=goal,
            ),
            Figure(
                "5 MB → 300 MB of dependencies",
                ratios(reaped[_megabytes(300)], reaped[_megabytes(5)]),
                goals=goal,
            ),
        ),
    )


def _files(count: int) -> str:
    return f"{count} Dag file{'s' if count > 1 else ''}"


def _megabytes(size: int) -> str:
    return f"{size} MB of dependencies"


def many_dags(workshop: Workshop, files: int, *, imported: int) -> Path:
    """Pack a bundle of so many Dag files, of which the entry imports the first few.

    Raises:
        BuildError: it cannot be packed.
    """
    name = f"{imported}-of-{files}-files"
    folder = workshop.folder / f"source-{name}" / "pipelines"
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "app.py").write_text('from afbundle import Bundle\n\nbundle = Bundle("many", version="1")\n')
    for number in range(files):
        dag_id = "bench" if number == 0 else f"dag_{number:03}"
        (folder / f"dag_{number:03}.py").write_text(_DAG_FILE.format(number=number, dag_id=dag_id))
    lines = [f"import pipelines.dag_{number:03}" for number in range(imported)]
    lines += ["from pipelines.app import bundle", 'if __name__ == "__main__":', "    bundle.serve()", ""]
    (folder / "__main__.py").write_text("\n".join(lines))
    return workshop.pack(folder, name=name)


def with_dependencies(workshop: Workshop, megabytes: int) -> Path:
    """Pack the no-op bundle with so many megabytes of dependencies, once.

    Raises:
        BuildError: it cannot be packed.
    """
    bundle = workshop.folder / f"{megabytes}-mb"
    if bundle.exists():
        return bundle
    wheel = write_wheel(workshop.folder / f"wheel-{megabytes}", megabytes)
    return workshop.pack(workshop.noop_source, "--with", wheel, name=bundle.name)


def write_wheel(folder: Path, megabytes: int) -> Path:
    """Write a wheel of one package with one incompressible file per megabyte."""
    folder.mkdir()
    path = folder / "ballast-1-py3-none-any.whl"
    record = []
    with zipfile.ZipFile(path, "w") as wheel:

        def add(name: str, data: bytes) -> None:
            wheel.writestr(name, data)
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            record.append(f"{name},sha256={digest},{len(data)}\n")

        add("ballast/__init__.py", b"")
        for number in range(megabytes):
            add(f"ballast/{number:04}.bin", os.urandom(1_000_000))
        add("ballast-1.dist-info/METADATA", b"Metadata-Version: 2.1\nName: ballast\nVersion: 1\n")
        add(
            "ballast-1.dist-info/WHEEL",
            b"Wheel-Version: 1.0\nGenerator: bench\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        wheel.writestr("ballast-1.dist-info/RECORD", "".join(record) + "ballast-1.dist-info/RECORD,,\n")
    return path
