"""Fixtures that every kind of test shares: the example bundle, and the real Airflows."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.peers import PEER_VERSIONS

ROOT = Path(__file__).resolve().parent.parent

PackBundle = Callable[..., Path]


@pytest.fixture(scope="session", params=PEER_VERSIONS)
def airflow_version(request: pytest.FixtureRequest) -> str:
    """Run the test once for each Airflow that afbundle supports."""
    version: str = request.param
    return version


@pytest.fixture(scope="session")
def pack_bundle(tmp_path_factory: pytest.TempPathFactory) -> PackBundle:
    """Pack sources with ``afbundle pack``, as a user would: ``pack_bundle(path, *options)``."""

    def pack(path: Path, *options: str) -> Path:
        target = tmp_path_factory.mktemp("bundles") / path.stem
        command = [sys.executable, "-m", "afbundle.cli", "pack", str(path), "-o", str(target), *options]
        packed = subprocess.run(command, capture_output=True, text=True, check=False)
        assert packed.returncode == 0, f"afbundle pack failed:\n{packed.stdout}{packed.stderr}"
        return target

    return pack


@pytest.fixture(scope="session")
def etl_bundle(pack_bundle: PackBundle) -> Path:
    """The example of README and ``make demo``, packed for every supported Airflow."""
    return pack_bundle(ROOT / "examples" / "etl" / "tasks.py")
