"""A bundle that carries its interpreter, and a root without any Python to run it in."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from afbundle.supervise import (
    RETURN_VALUE,
    LocalDagRun,
    LogEvent,
    MemoryBackend,
    TaskResult,
    run_task,
    startup_details,
)
from tests.conftest import PackBundle
from tests.integration.embedded.bare_root import PROGRAMS, BareRoot

TASKS = '''\
"""Tells how the interpreter that runs it lives."""

import os
import sys
from afbundle import Bundle

bundle = Bundle("embedded", version="1")
dag = bundle.dag("d")


@dag.task
def look():
    import asyncio, ctypes, fcntl, hashlib, lzma, sqlite3, ssl, subprocess, zoneinfo

    rows = sqlite3.connect(":memory:").execute("select 6 * 7").fetchall()
    child = [sys.executable, "-IBSc", "import encodings.idna, json, ssl; print(json.dumps(ssl.OPENSSL_VERSION))"]
    said = subprocess.run(child, capture_output=True, text=True)
    held = []
    for entry in (sys.executable.rsplit("/", 3)[0], os.path.realpath(sys.path[0] + "/..")):
        folder = os.open(entry, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            held.append(entry)
    with open("/proc/self/maps") as maps:
        mapped = sorted({line.split(None, 5)[5].strip() for line in maps if ".so" in line or "python" in line})
    return {
        "version": list(sys.version_info[:3]),
        "executable": sys.executable,
        "path": sys.path,
        "rows": rows[0][0],
        "hash": hashlib.scrypt(b"x", salt=b"y", n=2, r=1, p=1).hex()[:4],
        "idna": "straße.example".encode("idna").decode(),
        "child": said.stdout,
        "child_errors": said.stderr,
        "mapped": mapped,
        "held": len(held),
        "pid": os.getpid(),
    }


if __name__ == "__main__":
    bundle.serve()
'''

Pack = Callable[..., Path]


@dataclass
class Ran:
    """One try of a task, and what it said."""

    result: TaskResult
    value: Any
    log: list[LogEvent] = field(default_factory=list)

    @property
    def events(self) -> list[str]:
        """The texts of its log."""
        return [event.event for event in self.log]


def run(program: Path, task: str = "look", env: Mapping[str, str] | None = None) -> Ran:
    """Run one task of a bundle under the local supervisor, with Airflow's 10 seconds to connect."""
    store = MemoryBackend()
    dag_run = LocalDagRun.manual("d")
    details = startup_details(dag_run, task, schema_version="2026-06-16")
    log: list[LogEvent] = []
    result = run_task(program, details, store, on_log=log.append, env=env)
    return Ran(result, store.xcoms("d", dag_run.run_id, task).get(RETURN_VALUE), log)


@pytest.fixture(scope="session")
def pack_embedded(pack_bundle: PackBundle, tmp_path_factory: pytest.TempPathFactory) -> Pack:
    """Pack a task file together with the interpreter that runs the tests: ``pack_embedded(name, text, *options)``."""

    def pack(name: str, text: str, *options: str) -> Path:
        source = tmp_path_factory.mktemp("sources") / f"{name}.py"
        source.write_text(text)
        return pack_bundle(source, "--interpreter", "embed", *options)

    return pack


@pytest.fixture(scope="session")
def embedded(pack_embedded: Pack) -> Path:
    """A bundle that carries its interpreter."""
    return pack_embedded("look", TASKS)


@pytest.fixture
def bare_root(tmp_path: Path) -> BareRoot:
    """A root without any Python; it takes a root user to enter one."""
    need_root("entering a root without Python")
    root = tmp_path / "root"
    if os.environ.get("AFBUNDLE_DEBOOTSTRAP"):
        return BareRoot.debootstrap(root)
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    assert not missing, f"this machine has no {', '.join(missing)}"
    return BareRoot.assemble(root)


def need_root(what: str) -> None:
    """Skip a test that only root can run; root can always run it, or it fails."""
    if os.geteuid() != 0:
        pytest.skip(f"{what} takes root")


def on_tmpfs(options: str, mount_point: Path, program: Path) -> Path:
    """Return a program that runs `program` with a file system of its own at `mount_point`."""
    need_root("mounting a file system")
    mount_point.mkdir()
    script = f'mount -t tmpfs -o {options} none "$0" && exec "$@"'
    wrapper = mount_point.with_name(f"{mount_point.name}-run")
    wrapper.write_text(
        f"#!/bin/sh\nexec unshare -m /bin/sh -c '{script}' '{mount_point}' '{program}' \"$@\"\n"
    )
    wrapper.chmod(0o755)
    return wrapper


def ask(program: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Ask a bundle for its metadata, with nothing but `env` in its environment."""
    command = [str(program), "--airflow-metadata", "--format", "json"]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env={"PATH": "/usr/bin:/bin", **env}, timeout=60
    )
