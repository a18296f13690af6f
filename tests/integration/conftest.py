"""Fixtures of the integration tests: one long-lived process of each Airflow, and the bundles it runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import PackBundle
from tests.integration.coordinator import Coordinator
from tests.peers import peer_python

BUNDLES = Path(__file__).parent / "bundles"


@pytest.fixture(scope="session")
def coordinator(airflow_version: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Coordinator]:
    """Start the supervisor side of one Airflow version."""
    python = peer_python(airflow_version)
    with (tmp_path_factory.mktemp("coordinator") / "stderr").open("wb") as stderr:
        coordinator = Coordinator(python, stderr)
        yield coordinator
        coordinator.close()


@pytest.fixture(scope="session")
def probe_bundle(pack_bundle: PackBundle) -> Path:
    """Pack the bundle with a task for every capability."""
    return pack_bundle(BUNDLES / "probe.py")


@pytest.fixture(scope="session")
def bound_bundle(pack_bundle: PackBundle) -> Path:
    """Pack the bundle whose tasks have data parameters; `pack` picks schema 2026-10-30 for it."""
    return pack_bundle(BUNDLES / "bound.py")
