"""Which interpreter a bundle is packed for, and whether it is the host's or travels along."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from afbundle.artifact.image import Target
from afbundle.artifact.launcher import LAUNCHER_FLAGS
from afbundle.pack.errors import PackError

_QUESTION = """\
import sys, json, _frozen_importlib_external as e
print(json.dumps([sys.implementation.name, *sys.version_info[:2], e.MAGIC_NUMBER.hex()]))
"""
_SECONDS = 30
_OLDEST = (3, 10)


@dataclass(frozen=True)
class Choice:
    """What ``--interpreter`` says.

    Attributes:
        embed: whether a copy of the interpreter travels in the bundle; otherwise a worker brings one.
        path: the interpreter, or the folder that it is installed in; None for the one that runs afbundle.
    """

    embed: bool = False
    path: Path | None = None

    @classmethod
    def parse(cls, text: str) -> Choice:
        """Return what ``host``, ``host=PATH``, ``embed`` or ``embed=PATH`` means.

        Raises:
            PackError: it is none of them.
        """
        kind, equals, path = text.partition("=")
        if kind not in ("host", "embed") or (equals and not path):
            raise PackError(f"--interpreter takes host, host=PATH, embed or embed=PATH, not {text!r}")
        return cls(kind == "embed", Path(path).expanduser() if path else None)


def this_interpreter() -> Target:
    """Return the interpreter that runs afbundle, taken from outside of its virtual environment if it works there.

    A virtual environment may be gone tomorrow, and no worker has the same one.

    Raises:
        PackError: it is not CPython, or no candidate can be started.
    """
    if sys.implementation.name != "cpython":
        raise PackError(f"bundles are packed with CPython; this is {sys.implementation.name}")
    ours = importlib.util.MAGIC_NUMBER
    base = getattr(sys, "_base_executable", None)
    candidates = [Path(path) for path in (base, sys.executable) if path]
    for candidate in (*(path.resolve() for path in candidates), *candidates):
        found = _ask(candidate)
        if isinstance(found, Target) and found.magic == ours:
            return found
    tried = ", ".join(dict.fromkeys(map(str, candidates)))
    raise PackError(f"cannot start the interpreter that runs afbundle on its own (tried {tried})")


def interpreter_at(path: Path) -> Target:
    """Return the interpreter that a path names.

    Arguments:
        path: the program, or the folder that it is installed in.

    Raises:
        PackError: there is no interpreter there, or not one that bundles can be packed for.
    """
    program = path
    if path.is_dir():
        places = [path / "bin" / "python3", *sorted(path.glob("bin/python3.*[0-9]"))]
        program = next((place for place in places if place.is_file()), places[0])
    if not program.is_file():
        raise PackError(f"there is no interpreter at {program}")
    found = _ask(program.absolute())
    if not isinstance(found, Target):
        raise PackError(f"{program} is not a Python that bundles can be packed for: {found}")
    return found


def _ask(program: Path) -> Target | str:
    """Ask a program for its version; return what is wrong with it when it has no good answer."""
    try:
        done = subprocess.run(
            [program, *LAUNCHER_FLAGS, _QUESTION], capture_output=True, timeout=_SECONDS, check=False
        )
        name, major, minor, magic = json.loads(done.stdout)
        version, magic = (int(major), int(minor)), bytes.fromhex(magic)
    except OSError as error:
        return f"it cannot be started ({error.strerror})"
    except subprocess.TimeoutExpired:
        return f"it said nothing within {_SECONDS} s"
    except (ValueError, TypeError):
        return "it does not run Python code"
    if name != "cpython":
        return f"it is {name}, and bundles need CPython"
    if version < _OLDEST:
        return "it is Python {}.{}, and bundles need {}.{} or newer".format(*version, *_OLDEST)
    return Target(str(program), version, magic)
