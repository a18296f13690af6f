"""Writes src/afbundle/wire/messages.py and messages.pyi from the schemas of installed task-sdk wheels.

    python scripts/generate_messages.py --peer 2026-06-16=PYTHON --peer 2026-10-30=PYTHON [--check]

PYTHON is the interpreter of an environment with ``apache-airflow`` in it, one for each schema version. That interpreter
is run to get at two things: ``airflow/sdk/execution_time/schema/schema.json``, and which messages may be sent by whom,
which only the package's Python unions say. Only facts are taken over: names, types, defaults, limits and enum values.

A version may only add to the one before: structs, optional fields, and values that a field accepts. Anything else stops
the generator, because one class per message would no longer do.
"""

from __future__ import annotations

import argparse
import difflib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

WIRE = Path(__file__).resolve().parent.parent / "src" / "afbundle" / "wire"
AIRFLOW_OF_SCHEMA = {"2026-06-16": "3.3", "2026-10-30": "3.4"}
UNIONS = {
    "ToTask": "airflow.sdk.execution_time.comms",
    "ToSupervisor": "airflow.sdk.execution_time.comms",
    "ToManager": "airflow.dag_processing.processor",
    "ToDagProcessor": "airflow.dag_processing.processor",
}
_MAX_DIFF_LINES = 60

# Runs in the peer: prints the schema and the names in its unions as JSON.
_EXTRACT = """
import importlib, json, pathlib, sys, typing
import airflow.sdk.execution_time as package
unions = {}
for name, module in json.loads(sys.argv[1]).items():
    union = getattr(importlib.import_module(module), name)
    if typing.get_origin(union) is typing.Annotated:
        union = typing.get_args(union)[0]
    unions[name] = [member.__name__ for member in typing.get_args(union)]
schema = json.loads((pathlib.Path(package.__path__[0]) / "schema" / "schema.json").read_text())
json.dump({"schema": schema, "unions": unions}, open(sys.argv[2], "w"))
"""


class NotAdditive(Exception):
    """A schema version changes what an earlier one says, or says something that this script does not know."""


def main() -> int:
    """Write the files, or with ``--check`` compare them and exit 1 when they differ."""
    parser = argparse.ArgumentParser(description="Generate afbundle.wire.messages from Airflow's schemas.")
    parser.add_argument("--peer", action="append", required=True, metavar="VERSION=PYTHON")
    parser.add_argument(
        "--check", action="store_true", help="write nothing, exit 1 when a file is out of date"
    )
    options = parser.parse_args()
    peers = dict(each.split("=", 1) for each in options.peer)
    if sorted(peers) != sorted(AIRFLOW_OF_SCHEMA):
        parser.error(f"one --peer is needed for each of {', '.join(AIRFLOW_OF_SCHEMA)}")
    try:
        facts = merge({version: extract(version, Path(peers[version])) for version in AIRFLOW_OF_SCHEMA})
    except NotAdditive as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    drifted = False
    for path, text in (
        (WIRE / "messages.py", render_module(facts)),
        (WIRE / "messages.pyi", render_stub(facts)),
    ):
        wanted = formatted(text, path)
        present = path.read_text() if path.exists() else ""
        if present == wanted:
            continue
        drifted = True
        if options.check:
            report(path, present, wanted)
        else:
            path.write_text(wanted)
            print(f"wrote {path.name}")
    return 1 if drifted and options.check else 0


def report(path: Path, present: str, wanted: str) -> None:
    """Print how a file differs from what would be written."""
    diff = list(
        difflib.unified_diff(present.splitlines(), wanted.splitlines(), "present", "generated", "", "", 0)
    )
    changed = [line for line in diff if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    print(f"{path.name} is out of date: {len(changed)} lines differ; run this script without --check")
    print("\n".join(changed[:_MAX_DIFF_LINES]))
    if len(changed) > _MAX_DIFF_LINES:
        print(f"… and {len(changed) - _MAX_DIFF_LINES} more")


def formatted(text: str, path: Path) -> str:
    """Return ``text`` as ruff formats it under the project's settings for ``path``."""
    command = [sys.executable, "-m", "ruff", "format", "--stdin-filename", str(path), "-"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout


# --- from the peers to facts ------------------------------------------------------------------------------------


def extract(version: str, python: Path) -> dict[str, Any]:
    """Return the facts of one installed task-sdk: ``structs``, ``enums``, ``aliases`` and ``unions``."""
    with tempfile.TemporaryDirectory() as scratch:
        result = Path(scratch) / "facts.json"
        subprocess.run(
            [str(python), "-W", "ignore", "-c", _EXTRACT, json.dumps(UNIONS), str(result)],
            env={**os.environ, "AIRFLOW_HOME": scratch},
            stdout=subprocess.DEVNULL,
            check=True,
        )
        found = json.loads(result.read_text())
    if found["schema"]["api_version"] != version:
        raise NotAdditive(f"{python} has the schema {found['schema']['api_version']}, not {version}")
    facts: dict[str, Any] = {"structs": {}, "enums": {}, "aliases": {}, "unions": dict(found["unions"])}
    definitions = found["schema"]["$defs"]
    for name, definition in definitions.items():
        if "properties" in definition:
            facts["structs"][name] = fields_of(name, definition, definitions)
        elif "enum" in definition:
            facts["enums"][name] = definition["enum"]
        elif "oneOf" in definition:
            facts["unions"][name] = [each["$ref"].rpartition("/")[2] for each in definition["oneOf"]]
        elif name == "JsonValue":
            facts["aliases"][name] = "Any"
        else:
            facts["aliases"][name] = annotation_of(definition, definitions)
    return facts


def fields_of(
    name: str, definition: dict[str, Any], definitions: dict[str, Any]
) -> dict[str, dict[str, Any]]:
    """Return what the table says of each field of a struct."""
    fields = {}
    for key, field in definition["properties"].items():
        try:
            facts = {"annotation": annotation_of(field, definitions)}
        except NotAdditive as error:
            raise NotAdditive(f"{name}.{key}: {error}") from None
        if key not in definition.get("required", ()):
            facts["default"] = field.get("default", ...)
        fields[key] = facts
    return fields


def annotation_of(schema: dict[str, Any], definitions: dict[str, Any]) -> str:
    """Return a JSON schema in the notation of the table, which ``afbundle.wire._kinds.make_kind`` reads."""
    known = {key: value for key, value in schema.items() if key not in ("title", "description", "default")}
    match known:
        case {"$ref": reference}:
            return reference_to(reference.rpartition("/")[2], definitions)
        case {"anyOf": alternatives} | {"oneOf": alternatives}:
            return union_of([annotation_of(each, definitions) for each in alternatives])
        case {"const": value}:
            return f"Literal[{value!r}]"
        case {"enum": values}:
            return f"Literal[{', '.join(map(repr, values))}]"
        case {"type": "null"}:
            return "None"
        case {"type": "boolean"}:
            return "bool"
        case {"type": "integer" | "number" as kind, **limits}:
            return {"integer": "int", "number": "float"}[kind] + limit_of(limits)
        case {"type": "string", **rest}:
            return FORMATS[rest.get("format")]
        case {"type": "array", "prefixItems": items}:
            return f"tuple[{', '.join(annotation_of(each, definitions) for each in items)}]"
        case {"type": "array", "items": items, **rest}:
            return f"list[{annotation_of(items, definitions)}]" + (
                " not empty" if rest.get("minItems") else ""
            )
        case {"type": "object", "additionalProperties": True}:
            return "dict[str, Any]"
        case {"type": "object", "additionalProperties": values}:
            return f"dict[str, {annotation_of(values, definitions)}]"
    if known:
        raise NotAdditive(f"this script does not know what to make of {known}")
    return "Any"


FORMATS = {None: "str", "date-time": "datetime", "duration": "timedelta", "path": "str", "uuid": "Uuid"}
LIMITS = {"exclusiveMinimum": " > ", "minimum": " >= "}


def limit_of(limits: dict[str, Any]) -> str:
    """Return a number's limit, as ``int >= 0`` has it."""
    return "".join(f"{LIMITS[key]}{value}" for key, value in limits.items())


def reference_to(name: str, definitions: dict[str, Any]) -> str:
    """Return a struct's or enum's name, and what is behind the name of a union or alias."""
    definition = definitions[name]
    if name == "JsonValue" or "properties" in definition or "enum" in definition:
        return name
    return annotation_of(definition, definitions)


def union_of(alternatives: list[str]) -> str:
    """Return a union with null last; JSON values include null."""
    if "JsonValue" in alternatives:
        return "JsonValue"
    return " | ".join(sorted(alternatives, key=lambda each: each == "None"))


def merge(versions: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the newest version's facts, with the version in which each struct and field came in as ``since``.

    Raises:
        NotAdditive: a version does more than add to the one before.
    """
    merged: dict[str, Any] = {"since": {}}
    before: dict[str, Any] = {"structs": {}, "enums": {}, "aliases": {}, "unions": {}}
    for index, (version, facts) in enumerate(versions.items()):
        for name, fields in facts["structs"].items():
            merged["since"].setdefault(name, index)
            for key in fields:
                merged["since"].setdefault(f"{name}.{key}", index)
        problems = list(
            not_additive(before, facts, {name for name, at in merged["since"].items() if at == index})
        )
        if problems:
            raise NotAdditive(f"schema {version} does not only add to the one before: {'; '.join(problems)}")
        before = facts
    return {**before, **merged}


def not_additive(before: dict[str, Any], after: dict[str, Any], new: set[str]) -> Iterator[str]:
    """Yield each way in which a version does more than add to the one before."""
    for group in ("structs", "enums", "aliases", "unions"):
        yield from (f"{name} is gone" for name in before[group] if name not in after[group])
    for name, values in before["enums"].items():
        yield from (f"{name} lost {value!r}" for value in values if value not in after["enums"].get(name, ()))
    for name, members in before["unions"].items():
        now = after["unions"].get(name, ())
        yield from (f"{name} lost {member}" for member in members if member not in now)
        yield from (
            f"{name} got {member}, which is not new" for member in now if member not in {*members, *new}
        )
    for name, annotation in before["aliases"].items():
        if after["aliases"].get(name) != annotation:
            yield f"{name} changed"
    for name, fields in before["structs"].items():
        now = after["structs"].get(name, {})
        yield from (
            f"{name}.{key} is new and required"
            for key in now
            if key not in fields and "default" not in now[key]
        )
        for key, field in fields.items():
            if key not in now:
                yield f"{name}.{key} is gone"
            elif ("default" in field, field.get("default")) != (
                "default" in now[key],
                now[key].get("default"),
            ):
                yield f"{name}.{key} has another default, or came to be required or optional"
            elif not {*field["annotation"].split(" | ")} <= {*now[key]["annotation"].split(" | ")}:
                yield f"{name}.{key} was {field['annotation']} and is {now[key]['annotation']}"


# --- from facts to files ----------------------------------------------------------------------------------------

_HEADER = '''"""Every message of the supervisor schemas {versions}, as classes.

Written by scripts/generate_messages.py from the schemas of Airflow's task-sdk; do not edit. {more}
"""

'''

_MODULE = """
from __future__ import annotations

from afbundle.wire._message import Field, Message, Schema  # noqa: F401 - shown here

SCHEMA_VERSIONS = {versions}
AIRFLOW_OF_SCHEMA = {airflows}

{directions}

_ENUMS = {enums}

_UNIONS = {{{unions}}}

# name: (first version, ((field, annotation, default if not required, first version if later), ...))
_STRUCTS = {{{structs}}}

_schema = Schema(
    __name__, versions=SCHEMA_VERSIONS, structs=_STRUCTS, enums=_ENUMS, unions=_UNIONS, aliases={aliases}
)
from_body = _schema.from_body


def __getattr__(name: str) -> object:
    value = globals()[name] = _schema(name)
    return value
"""

_STUB = """
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final, Literal, TypeAlias

from typing_extensions import dataclass_transform

from afbundle.wire._message import Field as Field

SCHEMA_VERSIONS: Final[tuple[str, ...]]
AIRFLOW_OF_SCHEMA: Final[Mapping[str, str]]

{directions}

@dataclass_transform(kw_only_default=True, frozen_default=True)
class Message:
    __fields__: ClassVar[Mapping[str, Field]]
    __since__: ClassVar[str]
    _body: dict[str, Any]
    def to_body(self) -> dict[str, Any]: ...

def from_body(body: object) -> Message: ...

JsonValue: TypeAlias = Mapping[str, JsonValue] | Sequence[JsonValue] | str | int | float | bool | None
{aliases}

{classes}

{unions}
"""


def header(more: str) -> str:
    """Return the docstring of a generated file."""
    return _HEADER.format(versions=" and ".join(AIRFLOW_OF_SCHEMA), more=more)


def constant_of(union: str) -> str:
    """Return the name of the tuple of names of a union: ToDagProcessor is TO_DAG_PROCESSOR."""
    return re.sub("(?<=[a-z])(?=[A-Z])", "_", union).upper()


def render_module(facts: dict[str, Any]) -> str:
    """Return the text of messages.py."""
    structs = []
    for name, fields in facts["structs"].items():
        since = facts["since"][name]
        rows = []
        for key, field in fields.items():
            later = facts["since"][f"{name}.{key}"]
            row = [key, field["annotation"]]
            row += [field["default"]] if "default" in field else []
            row += [later] if later != since else []
            rows.append(repr(tuple(row)).replace("Ellipsis", "..."))
        structs.append(f"{name!r}: ({since}, ({', '.join(rows)},)),")
    unions = [f"{name!r}: {constant_of(name)}," for name in UNIONS]
    unions += [
        f"{name!r}: {tuple(names)!r}," for name, names in facts["unions"].items() if name not in UNIONS
    ]
    return header(
        "Classes are made\nwhen they are first asked for; their types are in messages.pyi."
    ) + _MODULE.format(
        versions=tuple(AIRFLOW_OF_SCHEMA),
        airflows=AIRFLOW_OF_SCHEMA,
        directions="\n".join(f"{constant_of(name)} = {tuple(facts['unions'][name])!r}" for name in UNIONS),
        enums={name: tuple(values) for name, values in facts["enums"].items()},
        unions="\n".join(unions),
        structs="\n".join(structs),
        aliases=tuple(facts["aliases"]),
    )


def render_stub(facts: dict[str, Any]) -> str:
    """Return the text of messages.pyi."""
    aliases = [
        f"{name}: TypeAlias = {stub_annotation(annotation)}"
        for name, annotation in facts["aliases"].items()
        if name != "JsonValue"
    ]
    aliases += [f"{name}: TypeAlias = Literal{values!r}" for name, values in facts["enums"].items()]
    unions = [f"{name}: TypeAlias = {' | '.join(names)}" for name, names in facts["unions"].items()]
    classes = [stub_class(name, facts) for name in facts["structs"]]
    return header("What the\nclasses can do is in afbundle.wire._message.") + _STUB.format(
        directions="\n".join(f"{constant_of(name)}: Final[tuple[str, ...]]" for name in UNIONS),
        aliases="\n".join(aliases),
        classes="\n\n".join(classes),
        unions="\n".join(unions),
    )


def stub_class(name: str, facts: dict[str, Any]) -> str:
    """Return a struct as a class of the stub."""
    versions = tuple(AIRFLOW_OF_SCHEMA)
    since = facts["since"][name]
    lines = [f"class {name}(Message):" + (f"  # since {versions[since]}" if since else "")]
    for key, field in facts["structs"][name].items():
        annotation = stub_annotation(field["annotation"])
        default = ""
        if found := re.fullmatch(r"Literal\[('[^']*')\]", field["annotation"]):
            default = f" = {found[1]}"  # also where the schema requires it: a new message has it by itself
        elif "default" in field:
            value = field["default"]
            is_container = annotation.startswith(("Sequence[", "Mapping["))
            if value is ... and not is_container:
                annotation, value = f"{annotation} | None", None
            default = f" = {'...' if value is ... else repr(value)}"
        later = facts["since"][f"{name}.{key}"]
        lines.append(
            f"    {key}: {annotation}{default}" + (f"  # since {versions[later]}" if later > since else "")
        )
    return "\n".join(lines)


def stub_annotation(annotation: str) -> str:
    """Return an annotation of the table as a type checker wants it."""
    plain = re.sub(r" not empty| >=? \d+", "", annotation)
    return re.sub(
        r"\b(list|dict)\[", lambda found: {"list": "Sequence[", "dict": "Mapping["}[found[1]], plain
    ).replace("Uuid", "str")


if __name__ == "__main__":
    sys.exit(main())
