"""The generator accepts additions and nothing else."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from scripts.generate_messages import (
    NotAdditive,
    annotation_of,
    merge,
    render_module,
    render_stub,
    stub_annotation,
)

DEFINITIONS: dict[str, Any] = {
    "Thing": {"type": "object", "properties": {}},
    "Other": {"type": "object", "properties": {}},
    "JsonValue": {},
    "Either": {"oneOf": [{"$ref": "#/$defs/Thing"}, {"$ref": "#/$defs/Other"}], "discriminator": {}},
}
OLD: dict[str, Any] = {
    "structs": {"Get": {"key": {"annotation": "str"}, "limit": {"annotation": "int", "default": 5}}},
    "enums": {"State": ["a", "b"]},
    "aliases": {},
    "unions": {"ToTask": ["Get"], "ToSupervisor": [], "ToManager": [], "ToDagProcessor": []},
}


@pytest.mark.parametrize(
    ("schema", "annotation"),
    [
        ({"type": "string"}, "str"),
        ({"type": "string", "format": "date-time"}, "datetime"),
        ({"type": "string", "format": "uuid", "title": "Id"}, "Uuid"),
        ({"anyOf": [{"type": "null"}, {"type": "string", "format": "duration"}]}, "timedelta | None"),
        ({"const": "x", "type": "string"}, "Literal['x']"),
        ({"enum": ["a", "b"], "type": "string"}, "Literal['a', 'b']"),
        ({"type": "integer", "minimum": 0}, "int >= 0"),
        ({"type": "number", "exclusiveMinimum": 0}, "float > 0"),
        ({"type": "array", "items": {"type": "string"}, "minItems": 1}, "list[str] not empty"),
        ({"type": "array", "items": {}}, "list[Any]"),
        ({"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}]}, "tuple[str, int]"),
        ({"type": "object", "additionalProperties": True}, "dict[str, Any]"),
        ({"type": "object", "additionalProperties": {"$ref": "#/$defs/Thing"}}, "dict[str, Thing]"),
        ({"type": "array", "items": {"$ref": "#/$defs/Either"}}, "list[Thing | Other]"),
        ({"anyOf": [{"$ref": "#/$defs/JsonValue"}, {"type": "null"}]}, "JsonValue"),
    ],
)
def test_annotations(schema: dict[str, Any], annotation: str) -> None:
    assert annotation_of(schema, DEFINITIONS) == annotation


def test_what_it_does_not_know_stops_it() -> None:
    with pytest.raises(NotAdditive, match="does not know what to make of"):
        annotation_of({"allOf": []}, DEFINITIONS)


def test_additions_are_taken_with_their_version() -> None:
    new = copy.deepcopy(OLD)
    new["structs"]["Get"]["since"] = {"annotation": "str | None", "default": None}
    new["structs"]["Get"]["key"]["annotation"] = "str | None"
    new["structs"]["Set"] = {"key": {"annotation": "str"}}
    new["unions"]["ToTask"].append("Set")
    new["enums"]["State"].append("c")
    facts = merge({"1": OLD, "2": new})
    assert facts["since"] == {"Get": 0, "Get.key": 0, "Get.limit": 0, "Get.since": 1, "Set": 1, "Set.key": 1}
    assert '("since", "str | None", None, 1)' in render_module(facts).replace("'", '"')
    assert "since: str | None = None  # since 2026-10-30" in render_stub(facts)


def changed(path: str, value: Any) -> dict[str, Any]:
    """Return the old facts with the value at a path set, or removed when it is ``...``."""
    new = copy.deepcopy(OLD)
    *parents, last = path.split("/")
    place = new
    for each in parents:
        place = place[each]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return new


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        ("structs/Get", ..., "Get is gone"),
        ("structs/Get/key", ..., "Get.key is gone"),
        ("structs/Get/key", {"annotation": "int"}, "Get.key was str and is int"),
        ("structs/Get/key", {"annotation": "str", "default": None}, "came to be required or optional"),
        ("structs/Get/limit", {"annotation": "int", "default": 6}, "Get.limit has another default"),
        ("structs/Get/more", {"annotation": "int"}, "Get.more is new and required"),
        ("enums/State", ["a"], "State lost 'b'"),
        ("unions/ToTask", [], "ToTask lost Get"),
        ("unions/ToManager", ["Get"], "ToManager got Get, which is not new"),
    ],
)
def test_anything_else_stops_it(path: str, value: Any, problem: str) -> None:
    with pytest.raises(NotAdditive, match=problem):
        merge({"1": OLD, "2": changed(path, value)})


def test_stub_annotations() -> None:
    assert stub_annotation("list[str | tuple[str, int]] not empty") == "Sequence[str | tuple[str, int]]"
    assert stub_annotation("dict[str, list[Uuid]] | None") == "Mapping[str, Sequence[str]] | None"
    assert stub_annotation("float > 0") == "float"
    assert stub_annotation("int >= 0") == "int"
