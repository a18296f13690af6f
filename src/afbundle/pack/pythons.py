"""Finds an interpreter of another version on this machine: it compiles the bundle's code, and reads its Dags."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from afbundle.artifact.image import Target
from afbundle.pack.errors import PackError
from afbundle.pack.interpreter import this_interpreter
from afbundle.pack.tools import find_uv

if TYPE_CHECKING:
    from collections.abc import Iterator

_SECONDS = 30
_QUESTION = """\
import sys, json, platform, _frozen_importlib_external as e
name = sys.implementation.name
base = getattr(sys, "_base_executable", None) or sys.executable
print(json.dumps([name, sys.version_info[:2], e.MAGIC_NUMBER.hex(), base, platform.python_version()]))
"""


def parse_version(text: str) -> tuple[int, int]:
    """Return ``3.12`` as numbers.

    Raises:
        PackError: it is not a version that bundles can be packed for.
    """
    found = re.fullmatch(r"3\.(\d+)", text)
    if found is None:
        raise PackError(f"{text!r} is not a Python version to pack for; give one like 3.12")
    version = (3, int(found[1]))
    if version < (3, 10):
        raise PackError(f"afbundle needs Python 3.10 or newer in the bundle, not {text}")
    return version


def find_python(version: tuple[int, int], hints: tuple[Path, ...] = ()) -> Target:
    """Return a CPython of that minor version.

    The one that runs afbundle is taken where it fits. Bytecode can be written by an interpreter of its own version
    only, so a bundle for another version needs one here.

    Arguments:
        version: (major, minor).
        hints: interpreters to try before all others.

    Raises:
        PackError: there is none; names all places that were looked at.
    """
    if version == sys.version_info[:2]:
        return this_interpreter()
    for candidate in dict.fromkeys((*hints, *_candidates(version))):
        target = _ask(candidate)
        if target is not None and target.version == version:
            return target
    text = "{}.{}".format(*version)
    looked = [*map(str, hints), f"python{text} on PATH", str(_pyenv_versions() / f"{text}.*")]
    looked.append(f"uv python find {text}" if find_uv() else "uv (not installed)")
    raise PackError(
        f"a bundle for Python {text} is compiled by a CPython {text}, and none is here: "
        f"looked for {', '.join(looked)}; install one, for example with: uv python install {text}"
    )


def full_version(target: Target) -> str:
    """Return an interpreter's whole version, like ``3.12.1``.

    Raises:
        PackError: it cannot be started.
    """
    answer = _answer(Path(target.executable))
    if answer is None:
        raise PackError(f"cannot start {target.executable}")
    return answer[4]


def _candidates(version: tuple[int, int]) -> Iterator[Path]:
    text = "{}.{}".format(*version)
    found = shutil.which(f"python{text}")
    if found:
        yield Path(found)
    if _pyenv_versions().is_dir():
        # The newest patch release first.
        folders = sorted(
            _pyenv_versions().glob(f"{text}.*"), key=lambda folder: [*map(_number, folder.name.split("."))]
        )
        yield from (folder / "bin" / f"python{text}" for folder in reversed(folders))
    uv = find_uv()
    if uv is not None:
        command = [uv, "python", "find", "--no-project", "--no-python-downloads", text]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            yield Path(done.stdout.strip())


def _pyenv_versions() -> Path:
    return Path(os.environ.get("PYENV_ROOT") or "~/.pyenv").expanduser() / "versions"


def _number(text: str) -> int:
    return int(text) if text.isdigit() else -1


def _ask(candidate: Path) -> Target | None:
    answer = _answer(candidate)
    if answer is None or answer[0] != "cpython":
        return None
    _, (major, minor), magic, base, _ = answer
    target = Target(str(candidate), (major, minor), bytes.fromhex(magic))
    # A virtual environment may be gone tomorrow; what it was made from is as good and stays.
    outside = Path(base).resolve()
    again = _answer(outside)
    return replace(target, executable=str(outside)) if again and again[2] == magic else target


def _answer(candidate: Path) -> tuple[str, list[int], str, str, str] | None:
    try:
        done = subprocess.run(
            [candidate, "-IS", "-c", _QUESTION], capture_output=True, timeout=_SECONDS, check=False
        )
        found = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    return tuple(found) if isinstance(found, list) else None
