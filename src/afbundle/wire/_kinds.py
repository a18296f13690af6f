"""What the fields of messages may hold: how a value is read from a body and how it is written into one.

A kind is made from an annotation of the message table, for example ``list[AssetProfile] | None``. Reading is lenient
where a newer supervisor may differ (an unknown enum value is passed on); writing is strict, because Airflow's
supervisor drops a request that it cannot validate and never answers it.
"""

from __future__ import annotations

from afbundle.wire.errors import LocalProtocolError
from afbundle.wire.msgpack import Timestamp, datetime_module, settle

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from afbundle.wire._message import Message

__all__ = ["MAX_JSON_DEPTH", "Kind", "Kinds", "Mismatch", "split"]

MAX_JSON_DEPTH = 254
"""How deep lists and dicts of a JSON value may be nested: what pydantic, which validates them in the supervisor, allows
(observed in task-sdk 1.3.2 and 1.4.0b2)."""


class Mismatch(Exception):
    """A value is not of a kind.

    Arguments:
        expected: what it should have been.
        given: what it was, without quoting a secret.
        path: where in the field, for example ``[3].name``; containers extend it to the left.
    """

    def __init__(self, expected: str, given: str, path: str = "") -> None:
        super().__init__(expected, given)
        self.expected = expected
        self.given = given
        self.path = path


class Kind:
    """Base of all kinds, and the kind ``Any``.

    Attributes:
        empty: makes the value that stands for an absent or null one, where the field's schema names no default.
    """

    empty: Callable[[], Any] | None = None

    def load(self, value: Any) -> Any:
        """Return a body's value as an attribute shows it; raises `Mismatch`."""
        return settle(value)

    def dump(self, value: Any) -> Any:
        """Return a value as a body holds it; raises `Mismatch`."""
        return value


class _Scalar(Kind):
    def __init__(self, expected: str, types: tuple[type, ...]) -> None:
        self._expected = expected
        self._types = types

    def load(self, value: Any) -> Any:
        # bool is an int to Python, not to the schema.
        if isinstance(value, self._types) and (not isinstance(value, bool) or bool in self._types):
            return value
        raise _mismatch(self._expected, value)

    dump = load


class _Number(_Scalar):
    def __init__(self, expected: str, types: tuple[type, ...], limit: int, *, inclusive: bool) -> None:
        super().__init__(expected, types)
        self._limit = limit
        self._inclusive = inclusive

    def dump(self, value: Any) -> Any:
        number = super().dump(value)
        if number > self._limit or (self._inclusive and number == self._limit):
            return number
        raise Mismatch(self._expected, repr(number))


class _Uuid(_Scalar):
    def dump(self, value: Any) -> Any:
        text = super().dump(value)
        digits = text.replace("-", "")
        if len(digits) != 32 or not digits.isascii() or not digits.isalnum():
            raise Mismatch("a UUID", "another text")
        return text


class _OneOf(_Scalar):
    def __init__(self, values: tuple[str, ...]) -> None:
        super().__init__(" or ".join(map(repr, values)), (str,))
        self._values = values

    def dump(self, value: Any) -> Any:
        text = super().dump(value)
        if text not in self._values:
            raise Mismatch(self._expected, f"{text!r:.100}")
        return text


class _Datetime(Kind):
    def load(self, value: Any) -> Any:
        if type(value) is Timestamp:
            return value.to_datetime()
        if isinstance(value, str):
            from afbundle.wire._times import parse_datetime

            try:
                return parse_datetime(value)
            except ValueError:
                raise Mismatch("a date with a time zone", "another text") from None
        return self.dump(value)

    def dump(self, value: Any) -> Any:
        if type(value) is Timestamp:
            return value
        if not isinstance(value, datetime_module().datetime):
            raise _mismatch("datetime", value)
        if value.utcoffset() is None:
            raise Mismatch("a datetime with a time zone", "one without")
        return value


class _Duration(Kind):
    def load(self, value: Any) -> Any:
        timedelta = datetime_module().timedelta
        if isinstance(value, (int, float)):
            return timedelta(seconds=value)
        if isinstance(value, str):
            from afbundle.wire._times import parse_duration

            try:
                return parse_duration(value)
            except (ValueError, OverflowError):
                raise Mismatch("an ISO 8601 duration", "another text") from None
        raise _mismatch("an ISO 8601 duration", value)

    def dump(self, value: Any) -> Any:
        from afbundle.wire._times import format_duration

        if isinstance(value, str):  # out of another message's body
            value = self.load(value)
        if not isinstance(value, datetime_module().timedelta):
            raise _mismatch("timedelta", value)
        return format_duration(value)


class _Json(Kind):
    def dump(self, value: Any) -> Any:
        try:
            _check_json(value, MAX_JSON_DEPTH)
        except RecursionError:
            raise Mismatch("a JSON value", "one nested too deeply") from None
        return value


class _List(Kind):
    empty = list

    def __init__(self, item: Kind, *, may_be_empty: bool) -> None:
        self._item = item
        self._may_be_empty = may_be_empty

    def load(self, value: Any) -> Any:
        if not isinstance(value, list):
            raise _mismatch("list", value)
        return _each(self._item.load, enumerate(value))

    def dump(self, value: Any) -> Any:
        # Any sequence but text: a str is a sequence of str, and never what was meant.
        if isinstance(value, (str, bytes, bytearray, dict)) or not hasattr(value, "__getitem__"):
            raise _mismatch("list", value)
        if not self._may_be_empty and not len(value):
            raise Mismatch("a list that is not empty", "an empty one")
        return _each(self._item.dump, enumerate(value))


class _Pair(Kind):
    def __init__(self, items: list[Kind]) -> None:
        self._items = items

    def load(self, value: Any) -> Any:
        return tuple(self.dump(value))

    def dump(self, value: Any) -> Any:
        if not isinstance(value, (list, tuple)) or len(value) != len(self._items):
            raise _mismatch(f"a tuple of {len(self._items)}", value)
        return [kind.load(item) for kind, item in zip(self._items, value)]  # noqa: B905 - of one length


class _Map(Kind):
    empty = dict

    def __init__(self, item: Kind) -> None:
        self._item = item

    def load(self, value: Any) -> Any:
        if not isinstance(value, dict):
            raise _mismatch("dict", value)
        if type(self._item) in (Kind, _Json):
            return settle(value)
        return dict(zip(value, _each(self._item.load, value.items())))  # noqa: B905 - of one length

    def dump(self, value: Any) -> Any:
        if not hasattr(value, "keys"):
            raise _mismatch("dict", value)
        whole = dict(value)
        for key in whole:
            if not isinstance(key, str):
                raise Mismatch("a text as key", _named(key))
        return dict(zip(whole, _each(self._item.dump, whole.items())))  # noqa: B905 - of one length


class _Struct(Kind):
    def __init__(self, name: str, get_class: Callable[[str], type[Message]]) -> None:
        self._name = name
        self._get_class = get_class

    def load(self, value: Any) -> Any:
        if not isinstance(value, dict):
            raise _mismatch(self._name, value)
        cls = self._get_class(self._name)
        for name, constant in cls._constants.items():
            if name in value and value[name] != constant:
                raise Mismatch(f"{self._name} with {name} {constant!r}", f"one with {value[name]!r:.100}")
        return cls._wrap(value)

    def dump(self, value: Any) -> Any:
        cls = self._get_class(self._name)
        if isinstance(value, dict):  # out of another message's body
            try:
                value = cls(**value)
            except (TypeError, LocalProtocolError) as error:
                raise Mismatch(self._name, f"a dict, for {error}") from None
        if isinstance(value, cls):
            return value._body
        raise _mismatch(self._name, value)


class _Union(Kind):
    def __init__(self, expected: str, kinds: list[Kind]) -> None:
        self._expected = expected
        self._kinds = kinds

    def load(self, value: Any) -> Any:
        return self._first("load", value)

    def dump(self, value: Any) -> Any:
        return self._first("dump", value)

    def _first(self, direction: str, value: Any) -> Any:
        for kind in self._kinds:
            try:
                return getattr(kind, direction)(value)
            except Mismatch:
                continue
        raise _mismatch(self._expected, value)


def _check_json(value: Any, depth: int) -> None:
    if value is None or isinstance(value, (str, int, float)):
        return
    if not depth:
        raise Mismatch(
            "a JSON value", f"one nested deeper than {MAX_JSON_DEPTH} levels, or containing itself"
        )
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise Mismatch("a text as key", _named(key))
            try:
                _check_json(item, depth - 1)
            except Mismatch as mismatch:
                mismatch.path = f".{key}{mismatch.path}"
                raise
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            try:
                _check_json(item, depth - 1)
            except Mismatch as mismatch:
                mismatch.path = f"[{index}]{mismatch.path}"
                raise
    else:
        raise _mismatch("a JSON value", value)


def _each(convert: Callable[[Any], Any], items: Iterable[tuple[Any, Any]]) -> list[Any]:
    converted = []
    for key, item in items:
        try:
            converted.append(convert(item))
        except Mismatch as mismatch:
            mismatch.path = f"[{key!r}]{mismatch.path}"
            raise
    return converted


def _mismatch(expected: str, given: object) -> Mismatch:
    return Mismatch(expected, _named(given))


def _named(value: object) -> str:
    return "null" if value is None else type(value).__qualname__


_BASIC: dict[str, Kind] = {
    "Any": Kind(),
    "JsonValue": _Json(),
    "Uuid": _Uuid("a UUID as text", (str,)),
    "bool": _Scalar("bool", (bool,)),
    "datetime": _Datetime(),
    "float": _Scalar("float", (float, int)),
    "float > 0": _Number("a number above 0", (float, int), 0, inclusive=False),
    "int": _Scalar("int", (int,)),
    "int > 0": _Number("an integer above 0", (int,), 0, inclusive=False),
    "int >= 0": _Number("an integer, 0 or more", (int,), 0, inclusive=True),
    "str": _Scalar("str", (str,)),
    "timedelta": _Duration(),
}


class Kinds:
    """Finds the kind that an annotation of the message table (without ``| None``) describes.

    Annotations are written by ``scripts/generate_messages.py``.

    Arguments:
        enums: the schema's enums, by name.
        get_class: finds a struct's class by name; called when a value is first read or written.
    """

    def __init__(self, enums: dict[str, tuple[str, ...]], get_class: Callable[[str], type[Message]]) -> None:
        self._enums = enums
        self._get_class = get_class
        self._made = dict(_BASIC)

    def __call__(self, annotation: str) -> Kind:
        kind = self._made.get(annotation)
        if kind is None:
            kind = self._made[annotation] = self._make(annotation)
        return kind

    def _make(self, annotation: str) -> Kind:
        alternatives = split(annotation, " | ")
        if len(alternatives) > 1:
            return _Union(annotation, [self(each) for each in alternatives])
        name, _, inside = annotation.partition("[")
        inside, _, limit = inside.rpartition("]")
        if name == "list":
            return _List(self(inside), may_be_empty=not limit)
        if name == "dict":
            return _Map(self(inside.removeprefix("str, ")))
        if name == "tuple":
            return _Pair([self(each) for each in split(inside, ", ")])
        if name == "Literal":
            return _OneOf(tuple(each[1:-1] for each in inside.split(", ")))
        if name in self._enums:
            return _OneOf(self._enums[name])
        return _Struct(name, self._get_class)


def split(text: str, separator: str) -> list[str]:
    """Return the parts of an annotation between separators that lie in no brackets."""
    parts = [""]
    for piece in text.split(separator):
        if parts[-1].count("[") > parts[-1].count("]"):
            parts[-1] += separator + piece
        else:
            parts.append(piece)
    return parts[1:]
