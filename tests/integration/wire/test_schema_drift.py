"""The generated messages say what the schemas of the two real Airflows say, neither less nor more."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from afbundle.wire import messages
from scripts.generate_messages import AIRFLOW_OF_SCHEMA, UNIONS, constant_of, extract
from tests.peers import PEER_VERSIONS, peer_python

pytestmark = pytest.mark.integration

SCRIPT = Path(__file__).resolve().parents[3] / "scripts" / "generate_messages.py"


def peer_of(schema: str) -> Path:
    """Return the interpreter of the Airflow that has a schema version."""
    (airflow,) = (each for each in PEER_VERSIONS if each.startswith(f"{AIRFLOW_OF_SCHEMA[schema]}."))
    return peer_python(airflow)


@pytest.fixture(scope="module", params=messages.SCHEMA_VERSIONS)
def facts(request: pytest.FixtureRequest) -> dict[str, Any]:
    return {"version": request.param, **extract(request.param, peer_of(request.param))}


def test_every_definition_is_there(facts: dict[str, Any]) -> None:
    assert len(facts["structs"]) > 80
    for group in ("structs", "enums", "aliases", "unions"):
        for name in facts[group]:
            assert hasattr(messages, name), name


def test_every_field_is_there_since_its_version(facts: dict[str, Any]) -> None:
    for name, fields in facts["structs"].items():
        known = getattr(messages, name).__fields__
        here = {key: field for key, field in known.items() if field.since <= facts["version"]}
        assert here.keys() == fields.keys(), name
        for key, field in fields.items():
            assert here[key].required == ("default" not in field), f"{name}.{key}"
            if field.get("default", ...) is not ...:
                assert here[key].default == field["default"], f"{name}.{key}"


def test_nothing_is_said_to_be_older_than_it_is(facts: dict[str, Any]) -> None:
    for name in messages._STRUCTS:  # type: ignore[attr-defined]
        assert (getattr(messages, name).__since__ <= facts["version"]) == (name in facts["structs"]), name


def test_the_unions_of_each_version(facts: dict[str, Any]) -> None:
    for union in UNIONS:
        names = getattr(messages, constant_of(union))
        assert [each for each in names if getattr(messages, each).__since__ <= facts["version"]] == sorted(
            facts["unions"][union], key=names.index
        )


def test_the_generated_files_are_up_to_date() -> None:
    peers = [f"--peer={version}={peer_of(version)}" for version in messages.SCHEMA_VERSIONS]
    command = [sys.executable, str(SCRIPT), *peers, "--check"]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
