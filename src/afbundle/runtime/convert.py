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

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

__all__ = ["convert"]

_SHOWN = 60  # characters of a value in an error
_LISTED = 8  # alternatives in an error

_UNIONS = ("UnionType", "Union", "_UnionGenericAlias")
_QUALIFIERS = ("Required", "NotRequired", "ReadOnly", "Final", "ClassVar")
LISTS = ("list", "Sequence", "MutableSequence", "Iterable", "Collection", "Container", "Reversible")
SETS = ("set", "Set", "MutableSet")
MAPPINGS = ("dict", "Mapping", "MutableMapping")


class Mismatch(Exception):
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
    except Mismatch as found:
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
            return made(float, value, annotation)
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
    raise expected(annotation, value)


def _convert_other(value: Any, annotation: Any) -> Any:
    if isinstance(annotation, type) and not hasattr(annotation, "__origin__"):
        from afbundle.runtime.convert_classes import convert_class

        return convert_class(value, annotation)
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
        raise Mismatch(
            f"the type {name_of(annotation)} is written as text inside another one; write it without quotes"
        )
    if special == "Literal":
        for each in annotation.__args__:
            if each == value and type(each) is type(value):
                return value
        raise Mismatch(f"expected {one_of(annotation.__args__)}, got {describe(value)}")
    if special in _QUALIFIERS:
        return _convert(value, annotation.__args__[0])
    if isinstance(origin, type):
        return convert_generic(value, annotation, origin, getattr(annotation, "__args__", ()))
    if getattr(annotation, "_name", None) == "Any":
        return value
    raise unsupported(annotation)


# ---- containers


def convert_generic(value: Any, annotation: Any, origin: type[Any], args: tuple[Any, ...]) -> Any:
    name = origin.__name__
    if name in MAPPINGS or issubclass(origin, dict):
        if not isinstance(value, dict):
            raise expected(annotation, value)
        items = _convert_dict(value, args)
        return items if name in MAPPINGS else made(origin, items, annotation)
    if issubclass(origin, tuple):
        return origin(_convert_tuple(value, annotation, args))
    if not (name in LISTS or name in SETS or issubclass(origin, (list, set, frozenset)) or name == "deque"):
        # A user's own generic class.
        from afbundle.runtime.convert_classes import convert_class

        return convert_class(value, origin)
    if not isinstance(value, (list, tuple)):
        raise expected(annotation, value)
    converted = _each(enumerate(value), args[0]) if args else list(value)
    if name in LISTS:
        return converted
    return made(set if name in SETS else origin, converted, annotation)


def _convert_tuple(value: Any, annotation: Any, args: tuple[Any, ...]) -> list[Any]:
    if not isinstance(value, (list, tuple)):
        raise expected(annotation, value)
    if not args and not hasattr(annotation, "__origin__"):
        return list(value)
    if len(args) == 2 and args[1] is ...:
        return _each(enumerate(value), args[0])
    if args == ((),):  # tuple[()] as Python 3.10 keeps it
        args = ()
    if len(value) != len(args):
        raise Mismatch(f"expected {name_of(annotation)}, got {describe(value)}")
    return [convert_at(f"[{index}]", item, each) for index, (item, each) in enumerate(zip(value, args))]  # noqa: B905 - one length


def _convert_dict(value: dict[Any, Any], args: tuple[Any, ...]) -> dict[Any, Any]:
    if not args:
        return value
    keys, values = args
    return {
        _convert_key(key, keys): convert_at(f"[{key!r:.60}]", item, values) for key, item in value.items()
    }


def _convert_key(key: Any, annotation: Any) -> Any:
    # JSON writes every key as text.
    if annotation in (int, float) and isinstance(key, str):
        return made(annotation, key, annotation)
    return convert_at(f"[{key!r:.60}]", key, annotation)


def _each(items: Iterable[tuple[Any, Any]], annotation: Any) -> list[Any]:
    return [convert_at(f"[{key}]", item, annotation) for key, item in items]


def convert_at(place: str, value: Any, annotation: Any) -> Any:
    try:
        return _convert(value, annotation)
    except Mismatch as found:
        found.path = place + found.path
        raise


# ---- unions


def _convert_union(value: Any, annotation: Any) -> Any:
    members = annotation.__args__
    converted: list[Any] = []
    mismatches: list[Mismatch] = []
    for member in members:
        try:
            result = _convert(value, member)
        except Mismatch as found:
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
    raise expected(annotation, value)


def _is_same(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_is_same, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_is_same(one[key], other[key]) for key in one)
    return bool(one == other)


# ---- errors


def made(make: Callable[[Any], Any], value: Any, annotation: Any) -> Any:
    try:
        return make(value)
    except (ValueError, TypeError, ArithmeticError) as error:
        # The reason may quote the value, so a value too long to be shown has none.
        is_long = isinstance(value, str) and len(value) > _SHOWN
        reason = f" ({error})" if str(error) and not is_long else ""
        raise Mismatch(f"expected {name_of(annotation)}, got {describe(value)}{reason}") from error


def expected(annotation: Any, value: Any) -> Mismatch:
    return Mismatch(f"expected {name_of(annotation)}, got {describe(value)}")


def unsupported(annotation: Any) -> Mismatch:
    return Mismatch(
        f"no JSON value can become {name_of(annotation)}; annotate what the stub Dag passes, or leave the annotation out"
    )


def name_of(annotation: Any) -> str:
    if annotation is None or annotation is type(None):
        return "None"
    if type(annotation).__name__ in _UNIONS:
        return " | ".join(map(name_of, annotation.__args__))
    if isinstance(annotation, type) and not hasattr(annotation, "__origin__"):
        return annotation.__qualname__
    return repr(annotation).replace("typing.", "")


def describe(value: Any) -> str:
    kind = type(value).__name__
    if value is None:
        return "None"
    if isinstance(value, (list, tuple)):
        return f"{kind} of {len(value)}"
    if isinstance(value, dict):
        return kind
    shown = repr(value) if not isinstance(value, (str, bytes)) or len(value) <= _SHOWN else ""
    return f"{kind} {shown}" if 0 < len(shown) <= _SHOWN + 2 else kind


def one_of(values: Iterable[Any]) -> str:
    return f"one of {listed(map(repr, values))}"


def listed(names: Iterable[Any]) -> str:
    found = [str(name) for name in names]
    more = [f"… ({len(found)} in all)"] if len(found) > _LISTED else []
    return ", ".join(found[:_LISTED] + more) or "no fields"
