"""Compiling for the target interpreter, with bytes that depend on the sources alone."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from afbundle.pack.errors import PackError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from afbundle.artifact.image import Target

_WORKER = Path(__file__).with_name("_compile_worker.py")


@dataclass(frozen=True)
class Job:
    """One file to compile.

    Attributes:
        source: the file.
        shown: the path that the code object carries (``co_filename``); never one of the machine that packs.
        target: where the result goes.
        kind: ``code`` for bare marshalled code, ``lean`` for the same without annotations and ``if TYPE_CHECKING:`` blocks,
            ``pyc`` for a file of the import system.
        optimize: as for `compile`: 0 keeps asserts and docstrings, 2 drops both.
    """

    source: Path
    shown: str
    target: Path
    kind: str = "code"
    optimize: int = 0


@dataclass(frozen=True)
class Failure:
    """A file that is not valid Python for the target.

    Attributes:
        source: the file.
        line: where, or None.
        message: the compiler's words.
    """

    source: Path
    line: int | None
    message: str

    def __str__(self) -> str:
        return f"{self.source}:{self.line}: {self.message}" if self.line else f"{self.source}: {self.message}"


def compile_all(jobs: Sequence[Job], target: Target) -> list[Failure]:
    """Compile all `jobs` in one fresh interpreter and return what could not be compiled.

    Arguments:
        jobs: compiled in this order; the same order gives the same bytes.
        target: the interpreter.

    Raises:
        PackError: the interpreter itself failed.
    """
    request = {
        "jobs": [[str(job.source), job.shown, str(job.target), job.kind, job.optimize] for job in jobs],
    }
    done = subprocess.run(
        [target.executable, "-X", "utf8", "-s", "-S", "-B", str(_WORKER)],
        input=json.dumps(request).encode(),
        capture_output=True,
        # Nothing of this environment may change what comes out.
        env={"PYTHONHASHSEED": "0"},
        check=False,
    )
    if done.returncode != 0:
        raise PackError(
            f"{target.executable} failed while compiling (exit code {done.returncode})",
            done.stderr.decode(errors="replace"),
        )
    return [Failure(Path(source), line, message) for source, line, message in json.loads(done.stdout)]
