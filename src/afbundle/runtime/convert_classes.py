"""JSON values as the classes that a task's parameters may name; the second half of `afbundle.runtime.convert`.

What a class is, is told by what it has, and by modules that whoever wrote the class or the annotation must have imported.
"""

from __future__ import annotations

import sys

from afbundle.runtime.convert import (
    LISTS,
    MAPPINGS,
    SETS,
    Mismatch,
    convert_at,
    convert_generic,
    describe,
    expected,
    listed,
    made,
    name_of,
    one_of,
    unsupported,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

__all__ = ["convert_class"]


def convert_class(value: Any, cls: type[Any]) -> Any:
    """Return a JSON value as an instance of a class; raises `Mismatch`."""
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
        raise unsupported(cls) from None
    if hasattr(cls, "__dataclass_fields__"):
        return _convert_dataclass(value, cls)
    if issubclass(cls, tuple) and hasattr(cls, "_fields"):
        return _convert_named_tuple(value, cls)
    for library, base, make in _BY_LIBRARY:
        found = getattr(sys.modules.get(library), base, None)
        if found is not None and issubclass(cls, found):
            return make(value, cls)
    if cls.__name__ in (*LISTS, *SETS, *MAPPINGS) or issubclass(cls, (tuple, set, frozenset, list, dict)):
        return convert_generic(value, cls, cls, ())
    if cls.__name__ in ("bytes", "bytearray"):
        raise Mismatch(f"JSON has no {cls.__name__}; annotate str, and decode it in the task")
    raise expected(cls, value)


def _hints(cls: type[Any]) -> dict[str, Any]:
    """Return the resolved annotations of a class and its bases.

    ``typing.get_type_hints`` would cost the import of `typing`, and on Python 3.10 it refuses ``InitVar``.
    """
    hints: dict[str, Any] = {}
    try:
        for base in reversed(cls.__mro__):
            for name, hint in getattr(base, "__annotations__", {}).items():
                hints[name] = _resolved(hint, base)
    except Exception as error:  # noqa: BLE001  (whatever evaluating foreign annotations raises)
        raise Mismatch(
            f"the annotations of {name_of(cls)} cannot be resolved: {type(error).__name__}: {error}"
        ) from None
    return hints


def _resolved(hint: Any, cls: type[Any]) -> Any:
    module = cls.__module__
    if type(hint).__name__ == "ForwardRef":  # what TypedDict and NamedTuple make of text
        module = getattr(hint, "__forward_module__", None) or module
        hint = hint.__forward_arg__
    if not isinstance(hint, str):
        return hint
    scope = vars(sys.modules[str(module)]) if str(module) in sys.modules else {}
    return eval(hint, dict(scope), dict(vars(cls)))  # noqa: S307  (the author's own annotation, as typing does)


def _convert_dataclass(value: Any, cls: type[Any]) -> Any:
    from dataclasses import MISSING

    if not isinstance(value, dict):
        raise expected(cls, value)
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
    return made(lambda given: cls(**given), _convert_fields(value, hints), cls)


def _convert_named_tuple(value: Any, cls: Any) -> Any:
    if isinstance(value, (list, tuple)) and len(value) <= len(cls._fields):
        value = dict(zip(cls._fields, value))  # noqa: B905  (the rest may have defaults)
    if not isinstance(value, dict):
        raise expected(cls, value)
    required = [name for name in cls._fields if name not in cls._field_defaults]
    _check_keys(value, cls, known=cls._fields, required=required)
    return cls(**_convert_fields(value, _hints(cls)))


def _convert_typed_dict(value: Any, cls: Any) -> Any:
    if not isinstance(value, dict):
        raise expected(cls, value)
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
        raise Mismatch(f"{name_of(cls)} has no {listed(unknown)}; it has {listed(known)}")
    missing = [name for name in required if name not in value]
    if missing:
        raise Mismatch(f"{name_of(cls)} needs {listed(missing)}")


def _convert_fields(value: dict[str, Any], hints: dict[str, Any]) -> dict[str, Any]:
    return {
        name: convert_at(f".{name}", item, hints[name]) if name in hints else item
        for name, item in value.items()
    }


# ---- classes that other modules define


def _convert_datetime(value: Any, cls: Any) -> Any:
    if isinstance(value, str):
        return made(cls.fromisoformat, _iso(value) if sys.version_info < (3, 11) else value, cls)
    raise expected(cls, value)


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
        return made(lambda seconds: cls(seconds=seconds), value, cls)
    if isinstance(value, str):
        from afbundle.wire._times import parse_duration

        return made(parse_duration, value, cls)
    raise expected(cls, value)


def _convert_from_text(value: Any, cls: Any) -> Any:
    if isinstance(value, str):
        return made(cls, value, cls)
    raise expected(cls, value)


def _convert_decimal(value: Any, cls: Any) -> Any:
    if isinstance(value, (str, int, float)) and not isinstance(value, bool):
        return made(cls, str(value), cls)
    raise expected(cls, value)


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
    raise Mismatch(f"expected {name_of(cls)}: {one_of(each.value for each in cls)}, got {describe(value)}")


def _convert_pydantic(value: Any, cls: Any) -> Any:
    from pydantic import ValidationError

    try:
        return cls.model_validate(value)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)
        first = found[0]
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        mismatch = Mismatch(f"expected {name_of(cls)}: {first['msg']}{more}")
        mismatch.path = "".join(f"[{each}]" if isinstance(each, int) else f".{each}" for each in first["loc"])
        raise mismatch from None


def _convert_msgspec(value: Any, cls: Any) -> Any:
    import msgspec

    try:
        return msgspec.convert(value, cls)
    except msgspec.ValidationError as error:
        raise Mismatch(f"expected {name_of(cls)}: {error}") from None


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
