"""JSON values: the check that a value may travel through Airflow, and a reader that costs no import.

Importing the `json` package takes as long as starting the interpreter, because it imports `re`. Its C half does not.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

    JsonValue: TypeAlias = Any
    """None, bool, int, float, str, and lists and str-keyed dicts of those; Any, so that users need no casts."""

__all__ = ["MAX_DEPTH", "check_json", "loads"]

MAX_DEPTH = 200
"""How deep lists and dicts may be nested. The supervisor drops a deeper request without an answer (its limit is 254 in
task-sdk 1.3.2 and 1.4.0b2, where JSON values are validated by pydantic)."""

_SMALLEST, _LARGEST = -(2**63), 2**64 - 1

# What to write instead, by the name of a class that the value has among its bases.
_REMEDIES = {
    "set": "convert it with sorted(…) or list(…)",
    "frozenset": "convert it with sorted(…) or list(…)",
    "bytes": "decode it, or convert it with base64.b64encode(…).decode()",
    "bytearray": "decode it, or convert it with base64.b64encode(…).decode()",
    "date": "convert it with .isoformat()",  # datetime is a date
    "time": "convert it with .isoformat()",
    "timedelta": "convert it with .total_seconds()",
    "Decimal": "convert it with str(…) or float(…)",
    "UUID": "convert it with str(…)",
    "PurePath": "convert it with str(…)",
    "Enum": "take its .value",
    "generator": "convert it with list(…)",
    "range": "convert it with list(…)",
    "dict_keys": "convert it with list(…)",
    "dict_values": "convert it with list(…)",
    "coroutine": "await it first",
    "BaseModel": 'convert it with .model_dump(mode="json")',
    "Struct": "convert it with msgspec.to_builtins(…)",
    "generic": "convert it with .item()",  # the base of numpy's scalars
    "ndarray": "convert it with .tolist()",
    "DataFrame": 'convert it with .to_dict("records"), or store it elsewhere and pass on where it is',
    "Series": "convert it with .to_list()",
}


class _NotJson(Exception):
    """What is wrong; the path grows to the left on the way out."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.path = ""


def check_json(value: object, name: str) -> None:
    """Make sure that Airflow can store a value as JSON. Nothing is copied; tuples arrive as lists.

    Arguments:
        value: the value.
        name: what to call it in the error.

    Raises:
        ValueNotSerializable: something in it is no JSON; names the place (``value['rows'][3]``), the type and the remedy.
    """
    try:
        _check(value, MAX_DEPTH)
    except _NotJson as found:
        path, reason = found.path, found.reason
    except RecursionError:
        path, reason = "", "it is nested too deep"
    else:
        return
    from afbundle.exceptions import ValueNotSerializable

    raise ValueNotSerializable(f"{name}{path}: {reason}")


def _check(value: Any, depth: int) -> None:
    kind = type(value)
    if value is None or kind is bool:
        return
    if kind is str or isinstance(value, str):
        if not value.isascii():
            _check_text(value)
    elif kind is int or isinstance(value, int):
        if not _SMALLEST <= value <= _LARGEST:
            raise _NotJson(
                "the int needs more than 64 bits, which Airflow's protocol cannot carry; pass it on as str"
            )
    elif kind is float or isinstance(value, float):
        if value - value != 0:
            raise _NotJson(f"the float is {value!r}, which JSON does not know; use None or a str")
    elif isinstance(value, dict):
        if not depth:
            raise _NotJson(f"nested deeper than {MAX_DEPTH} levels, or containing itself")
        for key, item in value.items():
            if not isinstance(key, str):
                raise _NotJson(
                    f"the dict has the key {key!r:.60} of type {_name(key)}; JSON knows only str keys"
                )
            try:
                if not key.isascii():
                    _check_text(key)
                _check(item, depth - 1)
            except _NotJson as found:
                found.path = f"[{key!r:.60}]{found.path}"
                raise
    elif isinstance(value, (list, tuple)):
        if not depth:
            raise _NotJson(f"nested deeper than {MAX_DEPTH} levels, or containing itself")
        for index, item in enumerate(value):
            try:
                _check(item, depth - 1)
            except _NotJson as found:
                found.path = f"[{index}]{found.path}"
                raise
    else:
        raise _NotJson(f"a {_name(value)} is not JSON; {_remedy(value)}")


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise _NotJson("the str holds half of a surrogate pair, which UTF-8 cannot express") from None


def _name(value: object) -> str:
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _remedy(value: object) -> str:
    kind = type(value)
    if hasattr(kind, "__dataclass_fields__"):
        return "convert it with dataclasses.asdict(…)"
    for base in kind.__mro__:
        if base.__name__ in _REMEDIES:
            return _REMEDIES[base.__name__]
    return "return or pass only None, bool, int, float, str, lists and dicts with str keys"


def loads(text: str) -> JsonValue:
    """Return the value that a JSON text holds, as ``json.loads`` does.

    Raises:
        json.JSONDecodeError: the text is no JSON.
    """
    from _json import make_scanner

    stripped = text.strip(" \t\n\r")
    try:
        value, end = make_scanner(_Scanning)(stripped, 0)  # type: ignore[arg-type]  # typeshed wants a JSONDecoder
    except StopIteration:
        end = -1
    if end != len(stripped):
        # The package itself says best what is wrong and where.
        import json

        return json.loads(text)
    return value


class _Scanning:
    """The settings of ``json.loads``, in the form that its scanner reads."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}.__getitem__
    array_hook = None  # Python 3.15
