"""Messages made up from the message table: every field of every message set once."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from afbundle.wire import messages
from afbundle.wire._kinds import split

MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=timezone.utc)
_SCALARS: dict[str, Any] = {
    "Any": {"nested": [1, None]},
    "JsonValue": {"nested": [1, 2.5, None, True, "é"]},
    "Uuid": "01234567-89ab-cdef-0123-456789abcdef",
    "bool": True,
    "datetime": MOMENT,
    "float": 1.5,
    "float > 0": 0.5,
    "int": 3,
    "int > 0": 1,
    "int >= 0": 0,
    "str": "text",
    "timedelta": timedelta(days=1, seconds=61.5),
}


def struct_names() -> list[str]:
    """Return the names of all structs, messages among them."""
    return sorted(messages._STRUCTS)  # type: ignore[attr-defined]


def message_names() -> list[str]:
    """Return the names of all messages."""
    unions = (messages.TO_TASK, messages.TO_SUPERVISOR, messages.TO_MANAGER, messages.TO_DAG_PROCESSOR)
    return sorted({name for union in unions for name in union})


def sample(name: str, version: str = messages.SCHEMA_VERSIONS[-1]) -> messages.Message:
    """Return a message or struct with every field set that the schema ``version`` has."""
    cls: type[messages.Message] = getattr(messages, name)
    made: messages.Message = cls(
        **{
            field.name: _value(field.annotation, version)
            for field in cls.__fields__.values()
            if field.since <= version
        }
    )
    return made


def _value(annotation: str, version: str) -> Any:
    annotation = split(annotation, " | ")[0]
    if annotation in _SCALARS:
        return _SCALARS[annotation]
    if annotation.startswith("list["):
        inside = annotation.removesuffix(" not empty")[len("list[") : -1]
        return [_value(each, version) for each in split(inside, " | ")]
    if annotation.startswith("dict[str, "):
        return {"key": _value(annotation[len("dict[str, ") : -1], version)}
    if annotation.startswith("tuple["):
        return tuple(_value(each, version) for each in annotation[len("tuple[") : -1].split(", "))
    if annotation.startswith("Literal["):
        return annotation[len("Literal['") :].partition("'")[0]
    found = getattr(messages, annotation)
    if not isinstance(found, type):  # an enum is a Literal
        return found.__args__[0]
    return sample(annotation, version)
