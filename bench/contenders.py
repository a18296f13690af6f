"""The other ways to make one executable of a Python app, and of the same app in Go.

Each packs the hand-written app of ``apps/lean`` (``apps/naive`` where it says so), as its documentation shows it, for the
interpreter that afbundle is measured with, in an empty virtual environment. All become bundles that Airflow would accept.
"""

from __future__ import annotations

import compileall
import os
import re
import shutil
import tempfile
import zipapp
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.peer import RunError, take
from bench.workshop import APPS, BuildError, Workshop, first_frame

__all__ = ["Contender", "Missing", "build_all", "naive_bundle", "survives_any_source"]

_LEAN = APPS / "lean"
_MAIN = "bench_app:main"
_SCRIPT = "import bench_app\nbench_app.main()\n"


@dataclass(frozen=True)
class Contender:
    """A bundle to compare with.

    Attributes:
        name: what to call it in tables.
        bundle: the file.
        executable: what was packed, without the bundle's other regions.
        is_packager: whether it is a way to pack Python.
    """

    name: str
    bundle: Path
    executable: Path
    is_packager: bool = True


@dataclass(frozen=True)
class Missing:
    """A contender that cannot be built here, and why."""

    name: str
    reason: str


def build_all(workshop: Workshop) -> Iterator[Contender | Missing]:
    """Build every contender that can be built here."""
    for name, build in _BUILDERS.items():
        slug = "-".join(re.findall(r"\w+", name.lower()))
        target = workshop.folder / f"{slug}.exe"
        try:
            build(workshop, target)
            source = APPS / "go" / "main.go" if name == _GO else _LEAN / "bench_app" / "__init__.py"
            yield Contender(name, workshop.wrap(target, source, slug), target, is_packager=name != _GO)
        except BuildError as error:
            yield Missing(name, str(error).partition("\n")[0])


def naive_bundle(workshop: Workshop) -> Contender:
    """Return the bundle that one writes first: a shell script that starts an ordinary Python script.

    Raises:
        BuildError: the msgpack package of the tools' environment is not there.
    """
    site = next(workshop.clean_python.parent.parent.glob("lib/python*/site-packages"))
    origin = workshop.tools.parent / site.relative_to(site.parents[2]) / "msgpack"
    if not origin.is_dir():
        raise BuildError("msgpack is not installed")
    shutil.copytree(origin, site / "msgpack", dirs_exist_ok=True)
    script = APPS / "naive" / "naive.py"
    target = workshop.folder / "naive.exe"
    target.write_text(f'#!/bin/sh\nexec {workshop.clean_python} {script} "$@"\n')
    target.chmod(0o755)
    return Contender("naive sh + python", workshop.wrap(target, script, "naive"), target)


def survives_any_source(workshop: Workshop, contender: Contender) -> bool:
    """Tell whether a contender still runs with 300 KB of source that contains a zip file's end mark, which is legal."""
    source = workshop.folder / "large.txt"
    source.write_bytes(b"# PK\x05\x06 " + b"x" * 300_000)
    bundle = workshop.wrap(contender.executable, source, f"{contender.bundle.name}-large")
    try:
        # Some unpack themselves at their first start and never look at the file again: with an empty home they must.
        with tempfile.TemporaryDirectory(dir=workshop.folder) as home:
            take([bundle], first=first_frame("noop"), env={**workshop.env, "HOME": home})
    except (RunError, OSError):
        return False
    return True


def _zipapp(workshop: Workshop, target: Path) -> None:
    zipapp.create_archive(
        _LEAN, target, interpreter=str(workshop.clean_python), filter=_is_source, main=_MAIN
    )


def _zipapp_compiled(workshop: Workshop, target: Path) -> None:
    folder = workshop.folder / "zipapp-pyc"
    shutil.copytree(_LEAN, folder)
    (folder / "__main__.py").write_text(_SCRIPT)
    compileall.compile_dir(folder, quiet=1, legacy=True)
    # Compiled files come first where both are there.
    zipapp.create_archive(folder, target, interpreter=str(workshop.clean_python))


def _is_source(path: Path) -> bool:
    return "__pycache__" not in path.parts


def _shiv(workshop: Workshop, target: Path) -> None:
    workshop.tool(
        "shiv",
        "--site-packages",
        _LEAN,
        "-e",
        _MAIN,
        "-p",
        workshop.clean_python,
        "--compile-pyc",
        "-o",
        target,
    )


def _pex(*options: str) -> Callable[[Workshop, Path], None]:
    def build(workshop: Workshop, target: Path) -> None:
        workshop.tool(
            "pex", "-D", _LEAN, "-e", _MAIN, "--python", workshop.clean_python, *options, "-o", target
        )

    return build


def _pyinstaller(workshop: Workshop, target: Path) -> None:
    work = workshop.folder / "pyinstaller"
    folders: list[str | Path] = ["--distpath", work, "--workpath", work / "work", "--specpath", work]
    script = workshop.folder / "entry.py"
    script.write_text(_SCRIPT)
    workshop.tool("pyinstaller", "--onefile", *folders, "--paths", _LEAN, "--name", target.stem, script)
    (work / target.stem).rename(target)


def _go(workshop: Workshop, target: Path) -> None:
    env = {
        **os.environ,
        "CGO_ENABLED": "0",
        "GOCACHE": str(workshop.folder / "go-cache"),
        "GOFLAGS": "-mod=mod",
        "GOPROXY": "off",
        "GOTOOLCHAIN": "local",
    }
    workshop.run("go", "build", "-trimpath", "-ldflags=-s -w", "-o", target, ".", env=env, cwd=APPS / "go")


_GO = "Go (standard library)"
_BUILDERS: dict[str, Callable[[Workshop, Path], None]] = {
    "zipapp, compiled": _zipapp_compiled,
    "zipapp": _zipapp,
    "shiv": _shiv,
    "pex --venv --sh-boot": _pex("--venv", "--sh-boot"),
    "pex": _pex(),
    "PyInstaller onefile": _pyinstaller,
    _GO: _go,
}
