"""Native extensions: numpy and pandas travel in a bundle, to hosts that have neither."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from afbundle.supervise import Limits, LocalDagRun, LogEvent, MemoryBackend, run_task, startup_details
from tests.conftest import PackBundle
from tests.integration.conftest import BUNDLES
from tests.integration.coordinator import Coordinator
from tests.peers import peer_python

# Wheels of some 40 MB are fetched where pip's or uv's cache does not have them, and then compiled and compressed.
pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

EXPECTED = {"totals": {"a": 4.5, "b": 2.0}, "solved": [1.0, 2.0], "month": "2026-02", "unpacked": True}
PACKAGES = ("--with", "pandas>=2.2", "--with", "numpy>=2")


@pytest.fixture(scope="session")
def frames_bundle(pack_bundle: PackBundle) -> Path:
    """Pack the bundle that computes with numpy and pandas."""
    return pack_bundle(BUNDLES / "frames.py", *PACKAGES)


def _run(bundle: Path, cache: Path) -> object:
    """Run the task with nothing in its environment but what finds the interpreter and the cache."""
    events: list[LogEvent] = []
    store = MemoryBackend()
    dag_run = LocalDagRun.manual("frames")
    details = startup_details(dag_run, "totals", schema_version="2026-06-16")
    env = {"PATH": "/usr/bin:/bin", "AFBUNDLE_CACHE": str(cache)}
    result = run_task(bundle, details, store, on_log=events.append, env=env, limits=Limits(startup=60))
    assert result.state == "success", [event.event for event in events]
    return store.xcoms("frames", dag_run.run_id, "totals")["return_value"]


def test_in_a_clean_environment(frames_bundle: Path, tmp_path: Path) -> None:
    assert _run(frames_bundle, tmp_path / "cache") == EXPECTED
    # And warm.
    assert _run(frames_bundle, tmp_path / "cache") == EXPECTED


def test_without_the_sources_of_dependencies(
    pack_bundle: PackBundle, frames_bundle: Path, tmp_path: Path
) -> None:
    stripped = pack_bundle(BUNDLES / "frames.py", *PACKAGES, "--strip")
    assert stripped.stat().st_size < frames_bundle.stat().st_size
    assert _run(stripped, tmp_path / "cache") == EXPECTED
    sources = [path for path in (tmp_path / "cache").rglob("*.py") if path.with_suffix(".pyc").exists()]
    assert sources == []


def test_on_a_host_without_pandas(
    coordinator: Coordinator, airflow_version: str, frames_bundle: Path, tmp_path: Path
) -> None:
    program = "import sys, importlib.util as u; sys.exit(any(u.find_spec(n) for n in ('pandas', 'numpy')))"
    for python in (str(peer_python(airflow_version)), sys.executable):
        assert subprocess.run([python, "-c", program], check=False).returncode == 0, f"{python} has pandas"
    outcome = coordinator.run(
        frames_bundle, "frames", "totals", environ={"AFBUNDLE_CACHE": str(tmp_path / "cache")}
    )
    assert outcome.final_state == "success", outcome.story()
    assert outcome.xcoms == {"totals": {"return_value": EXPECTED}}
