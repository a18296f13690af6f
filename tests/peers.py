"""The real Airflows that integration and end-to-end tests run against."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scripts.install_peer import PEERS

PEER_VERSIONS = tuple(PEERS)


def peer_python(version: str) -> Path:
    """Return the interpreter of the Airflow *version*.

    A missing peer fails the test where all of them are meant to run (``make test``, CI) and skips it elsewhere.
    """
    peer = PEERS[version]
    if not peer.is_ready():
        reason = f"Airflow {version} is not installed: run `make peers`"
        if os.environ.get("CI") or os.environ.get("AFBUNDLE_REQUIRE_PEERS"):
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    return peer.python
