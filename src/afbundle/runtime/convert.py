"""JSON values as the types that a task's parameters are annotated with.

The plain types are told apart by identity, so that a task that uses only those imports nothing for it. Everything else is
recognised by what its class or annotation has, and by modules that the task must have imported to write the annotation.

A value keeps what it is where that fits; nothing is guessed. What converts beyond JSON's own types:

=================== =====================================================================================================
float               from int
date, datetime      from ISO 8601 text; a time zone is kept, and none is added
time, timedelta     from ISO 8601 text; timedelta also from a number of seconds
UUID, Path          from text
Decimal             from text, int or float
Enum                from a member's value, else from a member's name
tuple, set, …       from a list, item by item; a dict's values (and keys) likewise
dataclass           from a dict; missing keys take the defaults, unknown ones are an error
NamedTuple          from a dict or a list
TypedDict           from a dict; required keys must be there, further keys stay
union, Optional     the first member that takes the value unchanged, else the first one that can convert it
pydantic, msgspec   by the library's own rules
=================== =====================================================================================================
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

__all__ = ["convert"]

_SHOWN = 60  # characters of a value in an error
_LISTED = 8  # alternatives in an error

_UNIONS = ("UnionType", "Union", "_UnionGenericAlias")
_QUALIFIERS = ("Required", "NotRequired", "ReadOnly", "Final", "ClassVar")
_LISTS = ("list", "Sequence", "MutableSequence", "Iterable", "Collection", "Container", "Reversible")
_SETS = ("set", "Set", "MutableSet")
_MAPPINGS = ("dict", "Mapping", "MutableMapping")


class _Mismatch(Exception):
    """A value does not fit; the path grows to the left on the way out."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.path = ""


def convert(value: Any, annotation: Any, *, parameter: str) -> Any:
    """Return a JSON value as the annotated type, see the table above.

    Arguments:
        value: what Airflow sent.
        annotation: the type, resolved: no text with the name of a type.
        parameter: the parameter's name, for the error.

    Raises:
        ArgumentError: the value does not fit, or no JSON value can fit such an annotation; names the parameter, the place in
            the value, the expected and the given type. A long value is not shown.
    """
    try:
        return _convert(value, annotation)
    except _Mismatch as found:
        place = f"{parameter}{found.path}" if found.path else ""
        problem = found.problem
    from afbundle.exceptions import ArgumentError

    raise ArgumentError(f"parameter {parameter!r}{f', at {place}' if place else ''}: {problem}")


def _convert(value: Any, annotation: Any) -> Any:
    if annotation is int:
        if isinstance(value, int) and not isinstance(value, bool):
            return value
    elif annotation is str:
        if isinstance(value, str):
            return value
    elif annotation is float:
        if isinstance(value, float):
            return value
        if isinstance(value, int) and not isinstance(value, bool):
            return _made(float, value, annotation)
    elif annotation is bool:
        if isinstance(value, bool):
            return value
    elif annotation is None or annotation is type(None):
        if value is None:
            return None
    elif annotation is list:
        if isinstance(value, (list, tuple)):
            return value if isinstance(value, list) else list(value)
    elif annotation is dict:
        if isinstance(value, dict):
            return value
    elif annotation is object:
        return value
    else:
        return _convert_other(value, annotation)
    raise _expected(annotation, value)


def _convert_other(value: Any, annotation: Any) -> Any:
    if isinstance(annotation, type) and not hasattr(annotation, "__origin__"):
        return _convert_class(value, annotation)
    kind = type(annotation).__name__
    origin = getattr(annotation, "__origin__", None)
    special = getattr(origin, "_name", None) or getattr(origin, "__name__", None)
    if kind in _UNIONS:
        return _convert_union(value, annotation)
    if hasattr(annotation, "__metadata__"):  # Annotated
        return _convert(value, origin)
    if hasattr(annotation, "__supertype__"):  # NewType
        return _convert(value, annotation.__supertype__)
    if kind == "TypeAliasType":
        return _convert(value, annotation.__value__)
    if kind == "InitVar":
        return _convert(value, annotation.type)
    if kind == "TypeVar":
        bound = annotation.__bound__
        return value if bound is None else _convert(value, bound)
    if kind == "ForwardRef" or isinstance(annotation, str):
        raise _Mismatch(
            f"the type {_name(annotation)} is written as text inside another one; write it without quotes"
        )
    if special == "Literal":
        for each in annotation.__args__:
            if each == value and type(each) is type(value):
                return value
        raise _Mismatch(f"expected {_one_of(annotation.__args__)}, got {_given(value)}")
    if special in _QUALIFIERS:
        return _convert(value, annotation.__args__[0])
    if isinstance(origin, type):
        return _convert_generic(value, annotation, origin, getattr(annotation, "__args__", ()))
    if getattr(annotation, "_name", None) == "Any":
        return value
    raise _unsupported(annotation)


def _convert_class(value: Any, cls: type[Any]) -> Any:
    module = cls.__module__
    if cls.__name__ == "Any" and module in ("typing", "typing_extensions"):  # a class from Python 3.11 on
        return value
    if hasattr(cls, "__required_keys__") and hasattr(cls, "__total__"):
        return _convert_typed_dict(value, cls)
    try:
        # To Python a bool is an int and a datetime is a date, but neither is what such an annotation asks for.
        if (
            isinstance(value, cls)
            and type(value) is not bool
            and hasattr(value, "hour") == hasattr(cls, "hour")
        ):
            return value
    except TypeError:  # a protocol
        raise _unsupported(cls) from None
    if hasattr(cls, "__dataclass_fields__"):
        return _convert_dataclass(value, cls)
    if issubclass(cls, tuple) and hasattr(cls, "_fields"):
        return _convert_named_tuple(value, cls)
    for library, base, make in _BY_LIBRARY:
        found = getattr(sys.modules.get(library), base, None)
        if found is not None and issubclass(cls, found):
            return make(value, cls)
    if cls.__name__ in (*_LISTS, *_SETS, *_MAPPINGS) or issubclass(cls, (tuple, set, frozenset, list, dict)):
        return _convert_generic(value, cls, cls, ())
    if cls.__name__ in ("bytes", "bytearray"):
        raise _Mismatch(f"JSON has no {cls.__name__}; annotate str, and decode it in the task")
    raise _expected(cls, value)


# ---- containers


def _convert_generic(value: Any, annotation: Any, origin: type[Any], args: tuple[Any, ...]) -> Any:
    name = origin.__name__
    if name in _MAPPINGS or issubclass(origin, dict):
        if not isinstance(value, dict):
            raise _expected(annotation, value)
        items = _convert_dict(value, args)
        return items if name in _MAPPINGS else _made(origin, items, annotation)
    if issubclass(origin, tuple):
        return origin(_convert_tuple(value, annotation, args))
    if not (name in _LISTS or name in _SETS or issubclass(origin, (list, set, frozenset)) or name == "deque"):
        # A user's own generic class.
        return _convert_class(value, origin)
    if not isinstance(value, (list, tuple)):
        raise _expected(annotation, value)
    converted = _each(enumerate(value), args[0]) if args else list(value)
    if name in _LISTS:
        return converted
    return _made(set if name in _SETS else origin, converted, annotation)


def _convert_tuple(value: Any, annotation: Any, args: tuple[Any, ...]) -> list[Any]:
    if not isinstance(value, (list, tuple)):
        raise _expected(annotation, value)
    if not args and not hasattr(annotation, "__origin__"):
        return list(value)
    if len(args) == 2 and args[1] is ...:
        return _each(enumerate(value), args[0])
    if args == ((),):  # tuple[()] as Python 3.10 keeps it
        args = ()
    if len(value) != len(args):
        raise _Mismatch(f"expected {_name(annotation)}, got {_given(value)}")
    return [_at(f"[{index}]", item, each) for index, (item, each) in enumerate(zip(value, args))]  # noqa: B905 - one length


def _convert_dict(value: dict[Any, Any], args: tuple[Any, ...]) -> dict[Any, Any]:
    if not args:
        return value
    keys, values = args
    return {_convert_key(key, keys): _at(f"[{key!r:.60}]", item, values) for key, item in value.items()}


def _convert_key(key: Any, annotation: Any) -> Any:
    # JSON writes every key as text.
    if annotation in (int, float) and isinstance(key, str):
        return _made(annotation, key, annotation)
    return _at(f"[{key!r:.60}]", key, annotation)


def _each(items: Iterable[tuple[Any, Any]], annotation: Any) -> list[Any]:
    return [_at(f"[{key}]", item, annotation) for key, item in items]


def _at(place: str, value: Any, annotation: Any) -> Any:
    try:
        return _convert(value, annotation)
    except _Mismatch as found:
        found.path = place + found.path
        raise


# ---- unions


def _convert_union(value: Any, annotation: Any) -> Any:
    members = annotation.__args__
    converted: list[Any] = []
    mismatches: list[_Mismatch] = []
    for member in members:
        try:
            result = _convert(value, member)
        except _Mismatch as found:
            if member is not type(None):
                mismatches.append(found)
            continue
        if _is_same(result, value):
            return result
        converted.append(result)
    if converted:
        return converted[0]
    if len(mismatches) == 1 and mismatches[0].path:
        # Only one member was meant; what is wrong inside says more.
        raise mismatches[0]
    raise _expected(annotation, value)


def _is_same(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_is_same, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_is_same(one[key], other[key]) for key in one)
    return bool(one == other)


# ---- classes with fields


def _hints(cls: type[Any]) -> dict[str, Any]:
    from typing import get_type_hints

    try:
        return get_type_hints(cls, include_extras=True)
    except Exception as error:  # noqa: BLE001  (whatever evaluating foreign annotations raises)
        raise _Mismatch(
            f"the annotations of {_name(cls)} cannot be resolved: {type(error).__name__}: {error}"
        ) from None


def _convert_dataclass(value: Any, cls: type[Any]) -> Any:
    from dataclasses import MISSING

    if not isinstance(value, dict):
        raise _expected(cls, value)
    # InitVars are parameters of __init__ and stand among the fields; ClassVars do, too, but are none.
    fields = {
        name: field
        for name, field in cls.__dataclass_fields__.items()
        if field.init and field._field_type.name != "_FIELD_CLASSVAR"
    }
    required = [
        name
        for name, field in fields.items()
        if field.default is MISSING and field.default_factory is MISSING
    ]
    _check_keys(value, cls, known=fields, required=required)
    hints = _hints(cls)
    return _made(lambda given: cls(**given), _convert_fields(value, hints), cls)


def _convert_named_tuple(value: Any, cls: Any) -> Any:
    if isinstance(value, (list, tuple)) and len(value) <= len(cls._fields):
        value = dict(zip(cls._fields, value))  # noqa: B905  (the rest may have defaults)
    if not isinstance(value, dict):
        raise _expected(cls, value)
    required = [name for name in cls._fields if name not in cls._field_defaults]
    _check_keys(value, cls, known=cls._fields, required=required)
    return cls(**_convert_fields(value, _hints(cls)))


def _convert_typed_dict(value: Any, cls: Any) -> Any:
    if not isinstance(value, dict):
        raise _expected(cls, value)
    hints = _hints(cls)
    required = set(cls.__required_keys__)
    for name, hint in hints.items():
        # Under ``from __future__ import annotations`` the class itself could not know these on Python 3.10.
        form = getattr(getattr(hint, "__origin__", None), "_name", None)
        if form == "NotRequired":
            required.discard(name)
        elif form == "Required":
            required.add(name)
    _check_keys(value, cls, known=value, required=[name for name in hints if name in required])
    return _convert_fields(value, hints)


def _check_keys(value: dict[str, Any], cls: type[Any], *, known: Iterable[str], required: list[str]) -> None:
    unknown = sorted(set(value).difference(known))
    if unknown:
        raise _Mismatch(f"{_name(cls)} has no {_listed(unknown)}; it has {_listed(known)}")
    missing = [name for name in required if name not in value]
    if missing:
        raise _Mismatch(f"{_name(cls)} needs {_listed(missing)}")


def _convert_fields(value: dict[str, Any], hints: dict[str, Any]) -> dict[str, Any]:
    return {
        name: _at(f".{name}", item, hints[name]) if name in hints else item for name, item in value.items()
    }


# ---- classes that other modules define


def _convert_datetime(value: Any, cls: Any) -> Any:
    if isinstance(value, str):
        return _made(cls.fromisoformat, _iso(value) if sys.version_info < (3, 11) else value, cls)
    raise _expected(cls, value)


def _iso(text: str) -> str:
    """Return ISO 8601 text in the form that Python 3.10 reads: no Z, three or six digits of a second."""
    if text[-1:] in ("Z", "z"):
        text = f"{text[:-1]}+00:00"
    head, dot, rest = text.partition(".")
    if not dot:
        return text
    digits = len(rest) - len(rest.lstrip("0123456789"))
    return f"{head}.{rest[:digits][:6]:0<6}{rest[digits:]}"


def _convert_timedelta(value: Any, cls: Any) -> Any:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _made(lambda seconds: cls(seconds=seconds), value, cls)
    if isinstance(value, str):
        from afbundle.wire._times import parse_duration

        return _made(parse_duration, value, cls)
    raise _expected(cls, value)


def _convert_from_text(value: Any, cls: Any) -> Any:
    if isinstance(value, str):
        return _made(cls, value, cls)
    raise _expected(cls, value)


def _convert_decimal(value: Any, cls: Any) -> Any:
    if isinstance(value, (str, int, float)) and not isinstance(value, bool):
        return _made(cls, str(value), cls)
    raise _expected(cls, value)


def _convert_enum(value: Any, cls: Any) -> Any:
    try:
        member = cls(value)
        # True equals 1, but nobody who writes true means the member of value 1.
        if isinstance(value, bool) == isinstance(member.value, bool):
            return member
    except (ValueError, TypeError):
        pass
    if isinstance(value, str) and value in cls.__members__:
        return cls[value]
    raise _Mismatch(f"expected {_name(cls)}: {_one_of(each.value for each in cls)}, got {_given(value)}")


def _convert_pydantic(value: Any, cls: Any) -> Any:
    from pydantic import ValidationError

    try:
        return cls.model_validate(value)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)
        first = found[0]
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        mismatch = _Mismatch(f"expected {_name(cls)}: {first['msg']}{more}")
        mismatch.path = "".join(f"[{each}]" if isinstance(each, int) else f".{each}" for each in first["loc"])
        raise mismatch from None


def _convert_msgspec(value: Any, cls: Any) -> Any:
    import msgspec

    try:
        return msgspec.convert(value, cls)
    except msgspec.ValidationError as error:
        raise _Mismatch(f"expected {_name(cls)}: {error}") from None


# A class of such a base can only have been written with its module imported, so nothing is imported to find out.
_BY_LIBRARY: tuple[tuple[str, str, Callable[[Any, Any], Any]], ...] = (
    ("enum", "Enum", _convert_enum),
    ("datetime", "date", _convert_datetime),
    ("datetime", "time", _convert_datetime),
    ("datetime", "timedelta", _convert_timedelta),
    ("uuid", "UUID", _convert_from_text),
    ("decimal", "Decimal", _convert_decimal),
    ("pathlib", "PurePath", _convert_from_text),
    ("pydantic", "BaseModel", _convert_pydantic),
    ("msgspec", "Struct", _convert_msgspec),
)


# ---- errors


def _made(make: Callable[[Any], Any], value: Any, annotation: Any) -> Any:
    try:
        return make(value)
    except (ValueError, TypeError, ArithmeticError) as error:
        # The reason may quote the value, so a value too long to be shown has none.
        is_long = isinstance(value, str) and len(value) > _SHOWN
        reason = f" ({error})" if str(error) and not is_long else ""
        raise _Mismatch(f"expected {_name(annotation)}, got {_given(value)}{reason}") from error


def _expected(annotation: Any, value: Any) -> _Mismatch:
    return _Mismatch(f"expected {_name(annotation)}, got {_given(value)}")


def _unsupported(annotation: Any) -> _Mismatch:
    return _Mismatch(
        f"no JSON value can become {_name(annotation)}; annotate what the stub Dag passes, or leave the annotation out"
    )


def _name(annotation: Any) -> str:
    if annotation is None or annotation is type(None):
        return "None"
    if type(annotation).__name__ in _UNIONS:
        return " | ".join(map(_name, annotation.__args__))
    if isinstance(annotation, type) and not hasattr(annotation, "__origin__"):
        return annotation.__qualname__
    return repr(annotation).replace("typing.", "")


def _given(value: Any) -> str:
    kind = type(value).__name__
    if value is None:
        return "None"
    if isinstance(value, (list, tuple)):
        return f"{kind} of {len(value)}"
    if isinstance(value, dict):
        return kind
    shown = repr(value) if not isinstance(value, (str, bytes)) or len(value) <= _SHOWN else ""
    return f"{kind} {shown}" if 0 < len(shown) <= _SHOWN + 2 else kind


def _one_of(values: Iterable[Any]) -> str:
    return f"one of {_listed(map(repr, values))}"


def _listed(names: Iterable[Any]) -> str:
    found = [str(name) for name in names]
    more = [f"… ({len(found)} in all)"] if len(found) > _LISTED else []
    return ", ".join(found[:_LISTED] + more) or "no fields"
