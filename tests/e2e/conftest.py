"""Fixtures of the end-to-end tests: one whole Airflow of each version, started once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from scripts.local_airflow import LocalAirflow
from tests.e2e.airflow import RestApi
from tests.peers import peer_python


# For each module, not for the session: two idle Airflows take a core away from the tests that follow.
@pytest.fixture(scope="module")
def airflow(airflow_version: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAirflow]:
    """Start a whole Airflow."""
    python = peer_python(airflow_version)
    with LocalAirflow(airflow_version, python, tmp_path_factory.mktemp("airflow")) as airflow:
        yield airflow


@pytest.fixture(scope="module")
def rest(airflow: LocalAirflow) -> Iterator[RestApi]:
    """Log in to its REST API."""
    rest = RestApi(airflow)
    yield rest
    rest.close()
