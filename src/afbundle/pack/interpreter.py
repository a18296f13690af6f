"""Which interpreter a bundle is packed for."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

from afbundle.artifact.image import Target
from afbundle.artifact.launcher import LAUNCHER_FLAGS
from afbundle.pack.errors import PackError

_QUESTION = "import _frozen_importlib_external as e; print(e.MAGIC_NUMBER.hex())"
_SECONDS = 30


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
        if _magic_of(candidate) == ours:
            return Target(str(candidate), sys.version_info[:2], ours)
    tried = ", ".join(dict.fromkeys(map(str, candidates)))
    raise PackError(f"cannot start the interpreter that runs afbundle on its own (tried {tried})")


def _magic_of(executable: Path) -> bytes | None:
    try:
        done = subprocess.run(
            [executable, *LAUNCHER_FLAGS, _QUESTION], capture_output=True, timeout=_SECONDS, check=False
        )
        return bytes.fromhex(done.stdout.decode().strip())
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
