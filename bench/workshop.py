"""Where the bench builds what it measures: a folder with a home of its own, an interpreter, and `afbundle pack`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from afbundle.supervise.startup import LocalDagRun, startup_details
from afbundle.wire import messages
from afbundle.wire.frames import encode_response

__all__ = ["APPS", "DAG_ID", "ROOT", "BuildError", "Workshop", "first_frame"]

ROOT = Path(__file__).resolve().parent.parent
APPS = Path(__file__).with_name("apps")
DAG_ID = "bench"
_METADATA = {
    "airflow_bundle_metadata_version": "1.0",
    "sdk": {"language": "python", "version": "1", "supervisor_schema_version": "2026-06-16"},
    "dags": {DAG_ID: {"tasks": ["noop"]}},
}


class BuildError(Exception):
    """Something cannot be built here; the first line says what, the rest is the tool's output."""


class Workshop:
    """Builds bundles below one folder, which also is the HOME of everything that is built and measured.

    Arguments:
        folder: an empty folder.
        tools: the ``bin`` folder of an environment with the packagers (``requirements/bench.lock``).
    """

    def __init__(self, folder: Path, tools: Path) -> None:
        self.folder = folder
        self.tools = tools.absolute()
        self.home = folder / "home"
        self.home.mkdir()
        # A symbolic link would send the interpreter looking for its own place: everybody gets the real one.
        self.python = str(Path(getattr(sys, "_base_executable", sys.executable)).resolve())
        self.noop_source = APPS / "tasks" / "noop.py"
        self.baseline = (self.python, "-I", "-S", "-c", "pass")

    @property
    def env(self) -> dict[str, str]:
        """The environment of what is measured: as bare as a worker's can be, with what a coordinator adds."""
        return {
            "HOME": str(self.home),
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO",
            "AIRFLOW__LOGGING__NAMESPACE_LEVELS": "",
        }

    @cached_property
    def clean_python(self) -> Path:
        """An interpreter in an empty virtual environment: no host's packages slow its start."""
        folder = self.folder / "venv"
        subprocess.run([self.python, "-m", "venv", "--without-pip", str(folder)], check=True)
        return folder / "bin" / "python"

    @cached_property
    def noop(self) -> Path:
        """The no-op bundle."""
        return self.pack(self.noop_source)

    def run(self, *command: str | Path, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> str:
        """Run a tool and return what it wrote.

        Raises:
            BuildError: it failed, or is not there.
        """
        try:
            done = subprocess.run(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                env=env,
                cwd=cwd,
                check=False,
            )
        except FileNotFoundError:
            raise BuildError(f"{Path(command[0]).name} is not installed") from None
        if done.returncode != 0:
            raise BuildError(f"{Path(command[0]).name} failed\n{done.stdout}")
        return done.stdout

    def tool(self, name: str, *arguments: str | Path) -> str:
        """Run one of the packagers, with this workshop's home.

        Raises:
            BuildError: it failed, or is not there.
        """
        env = {**os.environ, "HOME": str(self.home)}
        return self.run(self.tools / name, *arguments, env=env, cwd=self.folder)

    def pack(self, path: Path, *options: str | Path, name: str | None = None) -> Path:
        """Pack a Python bundle as its author would.

        Raises:
            BuildError: it cannot be packed.
        """
        output = self.folder / (name or path.stem)
        self.run(sys.executable, "-m", "afbundle.cli", "pack", path, "-o", output, *options)
        return output

    def wrap(self, executable: Path, source: Path, name: str) -> Path:
        """Make a bundle of somebody else's executable.

        Raises:
            BuildError: it cannot be packed.
        """
        output, metadata = self.folder / name, self.folder / "metadata.json"
        metadata.write_text(json.dumps({**_METADATA, "source": source.name}))
        options: list[str | Path] = [
            "--source",
            source,
            "--airflow-metadata",
            metadata,
            "--name",
            name,
            "-o",
            output,
        ]
        self.run(sys.executable, "-m", "afbundle.cli", "pack", "--executable", executable, *options)
        return output


def first_frame(task_id: str, **values: Any) -> bytes:
    """Return the frame that starts a task of the bench's Dag.

    Arguments:
        task_id: the task.
        values: its data parameters, sent as literals; they exist from supervisor schema 2026-10-30 on.
    """
    details = startup_details(
        LocalDagRun.manual(DAG_ID),
        task_id,
        schema_version="2026-10-30" if values else "2026-06-16",
        arg_bindings=[messages.LiteralArgBinding(name=name, value=value) for name, value in values.items()],
    )
    return encode_response(0, details.to_body())
