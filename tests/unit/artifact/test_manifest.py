"""Manifests: one way to write each, and every YAML reader understands it."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from afbundle.artifact import manifest as manifests
from afbundle.artifact.errors import ManifestError

GOOD: dict[str, Any] = {
    "airflow_bundle_metadata_version": "1.0",
    "sdk": {"language": "go", "version": "1.2", "supervisor_schema_version": "2026-06-16"},
    "source": "main.go",
    "dags": {"d": {"tasks": ["a", "b"]}},
}

# Texts that some YAML reader takes for something else when they stand without quotes.
TRAPS = [
    "",
    "1.0",
    "2026-06-16",
    "yes",
    "No",
    "NULL",
    "~",
    "0x1f",
    "1_000",
    "1:30",
    "=",
    "<<",
    "- a",
    "a: b",
    "#a",
    "a #b",
    "\t",
]

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.sampled_from(TRAPS)
)
keys = st.text(st.characters(exclude_categories=["Cs"]), max_size=200) | st.sampled_from(TRAPS)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4)
)


@given(st.dictionaries(keys, values, max_size=5))
def test_what_is_rendered_is_read_back_the_same(manifest: dict[str, Any]) -> None:
    rendered = manifests.render(manifest)
    assert yaml.safe_load(rendered) == manifest
    assert manifests.render(manifests.parse(rendered)) == rendered


@pytest.mark.parametrize("value", [math.inf, -math.inf, 1e16, 1e-7, -0.5])
def test_floats_of_foreign_metadata_stay_floats(value: float) -> None:
    assert yaml.safe_load(manifests.render({"a": value})) == {"a": value}


def test_keys_are_sorted_at_every_level() -> None:
    text = manifests.render({"b": {"z": 1, "a": [{"w": 1, "v": 2}]}, "a": []}).decode()
    assert text == "a: []\nb:\n  a:\n    - v: 2\n      w: 1\n  z: 1\n"


@pytest.mark.parametrize("value", [{1: "a"}, {"a": b"x"}, {"a": {"b": {2: 1}}}])
def test_what_yaml_would_bend_is_refused(value: dict[str, Any]) -> None:
    with pytest.raises(ManifestError):
        manifests.render(value)


def test_a_good_manifest_passes_the_check() -> None:
    manifests.check(GOOD)


def _broken(path: str, value: Any) -> dict[str, Any]:
    manifest = copy.deepcopy(GOOD)
    *parents, last = path.split("/")
    place: Any = manifest
    for key in parents:
        place = place[key]
    if value is KeyError:
        del place[last]
    else:
        place[last] = value
    return manifest


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        (
            "airflow_bundle_metadata_version",
            KeyError,
            "airflow_bundle_metadata_version: expected '1.0', got None",
        ),
        ("airflow_bundle_metadata_version", 1.0, "airflow_bundle_metadata_version"),
        ("sdk", KeyError, "sdk: expected a mapping, got nothing"),
        ("sdk/language", "", "sdk.language: is empty"),
        ("sdk/version", 1.2, "sdk.version: expected text, got float .* quotes"),
        (
            "sdk/supervisor_schema_version",
            KeyError,
            "sdk.supervisor_schema_version: expected text, got nothing",
        ),
        ("source", 3, "source: expected text"),
        ("dags", [], "dags: expected a mapping, got list"),
        ("dags", {7: {"tasks": []}}, "a Dag id in dags: expected text, got int"),
        ("dags/d", None, "dags.d: expected a mapping"),
        ("dags/d/tasks", "a", "dags.d.tasks: expected a list of task ids"),
        ("dags/d/tasks", ["a", 1], r"dags.d.tasks\[1\]: expected text, got int"),
    ],
)
def test_what_is_wrong_is_named_by_its_key(path: str, value: Any, says: str) -> None:
    with pytest.raises(ManifestError, match=says):
        manifests.check(_broken(path, value))


@pytest.mark.parametrize(
    "data", [b"\xff", b"a: [", b"- a", b"", b"\0", b"a: !!python/object:os.x {}", b"a: 2026-99-99"]
)
def test_bytes_that_are_no_manifest(data: bytes) -> None:
    with pytest.raises(ManifestError):
        manifests.parse(data)


def test_cache_digest_depends_on_every_region_and_on_nothing_else() -> None:
    base = manifests.with_digests(GOOD, bytes(32), bytes(32))
    again = manifests.with_digests(base, bytes(32), bytes(32))
    others = [
        manifests.with_digests(GOOD, b"\1" * 32, bytes(32)),
        manifests.with_digests(GOOD, bytes(32), b"\1" * 32),
        manifests.with_digests({**GOOD, "source": "x.go"}, bytes(32), bytes(32)),
    ]
    assert base == again
    assert base["digests"]["integrity"] == "00" * 32
    assert len({each["digests"]["cache"] for each in (base, *others)}) == 4
