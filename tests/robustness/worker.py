"""A worker's side of a task: starts bundles as Airflow would, on hosts of every kind."""

from __future__ import annotations

import asyncio
import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pytest

from afbundle.artifact import collect
from afbundle.supervise import (
    Limits,
    LocalDagRun,
    LogEvent,
    MemoryBackend,
    TaskResult,
    TaskSupervisor,
    startup_details,
)

SECONDS = 60.0
"""How long anything here may take; long, because many things run at once on few processors."""

PATH = "/usr/local/bin:/usr/bin:/bin"


@dataclass
class Try:
    """One try of a task.

    Attributes:
        result: its outcome.
        returned: what the task returned.
        log: its records.
    """

    result: TaskResult
    returned: Any
    log: list[LogEvent]

    @property
    def text(self) -> str:
        """All that was logged."""
        return "\n".join(f"{record.event} {record.fields}" for record in self.log)

    def succeeded(self) -> Any:
        """Return what the task returned; fail unless it succeeded."""
        assert (self.result.state, self.result.exit_code) == ("success", 0), self.text
        return self.returned


async def _attempt(bundle: Path, task_id: str, env: Mapping[str, str]) -> Try:
    run = LocalDagRun.manual("d")
    store = MemoryBackend()
    log: list[LogEvent] = []
    supervisor = TaskSupervisor(
        bundle,
        startup_details(run, task_id, schema_version="2026-06-16"),
        store,
        log.append,
        env=env,
        limits=Limits(startup=SECONDS, execution=SECONDS),
    )
    result = await supervisor.run()
    return Try(result, store.xcoms("d", run.run_id, task_id).get("return_value"), log)


def attempt(bundle: Path, task_id: str = "use", **env: str | Path) -> Try:
    """Run one task in a process whose environment is `env` and a PATH."""
    return asyncio.run(_attempt(bundle, task_id, {"PATH": PATH, **{key: str(env[key]) for key in env}}))


def attempt_all(bundles: Sequence[Path], task_id: str = "use", **env: str | Path) -> list[Try]:
    """Run a task of each bundle, all at once."""

    async def together() -> list[Try]:
        environment = {"PATH": PATH, **{key: str(env[key]) for key in env}}
        return await asyncio.gather(*(_attempt(bundle, task_id, environment) for bundle in bundles))

    return asyncio.run(together())


def host(path: Path, bundle: Path, setup: str, *, command: Sequence[str] = ()) -> Path:
    """Make a program that prepares its process with shell commands and then becomes the bundle.

    Arguments:
        path: the program to write.
        bundle: the bundle.
        setup: what to do first, in the shell.
        command: the program that the shell runs under, like ``unshare -m``.
    """
    inner = f'{setup}\nexec {shlex.quote(str(bundle))} "$@"\n'
    prefix = " ".join([*command, "/bin/sh", "-c", shlex.quote(inner), "sh"])
    path.write_text(f'#!/bin/sh\nexec {prefix} "$@"\n')
    path.chmod(0o755)
    return path


def entries(cache: Path) -> set[str]:
    """Return the names of what was unpacked."""
    return {entry.digest for entry in collect.entries(str(cache))}


def rubbish(cache: Path) -> list[str]:
    """Return what is neither an entry nor belongs to a cache."""
    known = entries(cache)
    known |= {f"{name}.lock" for name in known} | {"CACHEDIR.TAG"}
    return sorted(path.name for path in cache.iterdir() if path.name not in known)


def content(folder: Path) -> dict[str, bytes]:
    """Return path and content of every file below a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.endswith(".lock")
    }


def needs_root(reason: str) -> None:
    """Skip a test that only root can do."""
    if os.geteuid() != 0:
        pytest.skip(f"only root can {reason}")


def needs_mounts() -> tuple[str, ...]:
    """Return the command for a process with mounts of its own; skip where nobody may make any."""
    needs_root("mount")
    command = ("unshare", "-m")
    probe = "mount -t tmpfs tmpfs /mnt"
    try:
        done = subprocess.run([*command, "/bin/sh", "-c", probe], capture_output=True, text=True, check=False)
        reason = done.stderr.strip()
        if done.returncode == 0:
            return command
    except FileNotFoundError as error:
        reason = str(error)
    cannot_here(f"root cannot mount here: {reason}")


def cannot_here(reason: str) -> NoReturn:
    """Skip a test that this machine is not made for; with CI set, it has to be."""
    if os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
