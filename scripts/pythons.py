"""Find the Pythons of this machine, and run the fast tests with each one that afbundle supports.

    python -m scripts.pythons test-fast

Runs ``make TARGET`` once for each supported version but the running one, in an environment of its own under ``.cache``.
A version that is not on this machine is named and left out.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

Version = tuple[int, int]

SUPPORTED: tuple[Version, ...] = ((3, 10), (3, 11), (3, 12), (3, 13), (3, 14))


def candidates() -> Iterator[str]:
    """Yield interpreters to try: the running one, those on PATH, those of pyenv."""
    yield sys.executable
    names = [f"python{major}.{minor}" for major, minor in SUPPORTED]
    yield from filter(None, map(shutil.which, names))
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from sorted(str(python) for python in pyenv.glob("versions/3.*/bin/python3"))


def version_of(python: str) -> Version | None:
    """Return an interpreter's (major, minor), or None when it does not run or cannot make environments.

    Running it is the only sure test: pyenv puts shims on PATH for versions that are not selected.
    """
    probe = subprocess.run(
        [python, "-c", "import sys, venv, ensurepip; print(*sys.version_info[:2])"],
        capture_output=True,
        text=True,
        check=False,
    )
    if probe.returncode != 0:
        return None
    major, minor = map(int, probe.stdout.split())
    return major, minor


def find(wanted: Version) -> str | None:
    """Return an interpreter of exactly this version, or None."""
    return next((python for python in candidates() if version_of(python) == wanted), None)


def find_at_least(minimum: Version) -> str | None:
    """Return the running interpreter if it is new enough, else the oldest that is, or None."""
    if sys.version_info[:2] >= minimum:
        return sys.executable
    return next(filter(None, (find(version) for version in SUPPORTED if version >= minimum)), None)


def main(target: str) -> int:
    """Run ``make TARGET`` with every other Python; returns 1 if one fails."""
    failed = False
    for version in SUPPORTED:
        name = ".".join(map(str, version))
        if version == sys.version_info[:2]:
            continue
        if (python := find(version)) is None:
            print(f"skipped: Python {name} is not on this machine", flush=True)
            continue
        print(f"--- Python {name}", flush=True)
        command = ["make", "--no-print-directory", target, f"PYTHON={python}", f"VENV=.cache/venv-{name}"]
        failed |= subprocess.run(command, check=False).returncode != 0
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
