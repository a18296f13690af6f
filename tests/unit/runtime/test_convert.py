"""JSON values become the types that a task's parameters are annotated with, or an error that says why not."""

from __future__ import annotations

import collections
import collections.abc
import dataclasses
import datetime as dt
import decimal
import enum
import pathlib
import subprocess
import sys
import types
import typing
import uuid
from typing import Any

import msgspec
import pydantic
import pytest
import typing_extensions
from hypothesis import given
from hypothesis import strategies as st

from afbundle.exceptions import ArgumentError
from afbundle.runtime.convert import convert

UTC = dt.timezone.utc


class Color(enum.Enum):
    RED = "r"
    BLUE = "b"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


Number = typing.TypeVar("Number")


@dataclasses.dataclass
class Point:
    x: int
    y: float = 0.5
    tags: list[str] = dataclasses.field(default_factory=list)
    shared: typing.ClassVar[int] = 7
    length: int = dataclasses.field(init=False, default=0)
    seed: dataclasses.InitVar[int] = 1

    def __post_init__(self, seed: int) -> None:
        if self.x < 0:
            raise ValueError("x must not be negative")
        self.length = seed


@dataclasses.dataclass(frozen=True)
class Line:
    start: Point
    end: Point | None = None
    colour: Color = Color.RED


class Row(typing.TypedDict):
    id: int
    when: typing_extensions.NotRequired[dt.date]


class Partial(typing.TypedDict, total=False):
    id: typing_extensions.Required[int]
    note: str


class Pair(typing.NamedTuple):
    key: str
    size: int = 1


class Model(pydantic.BaseModel):
    name: str
    sizes: list[int] = []


class Record(msgspec.Struct):
    name: str
    size: int = 0


@dataclasses.dataclass
class Box(typing.Generic[Number]):
    content: Number


UserId = typing.NewType("UserId", int)
Bound = typing.TypeVar("Bound", bound=int)
Aliased = typing_extensions.TypeAliasType("Aliased", list[int])

FITTING: list[tuple[Any, Any, Any]] = [
    (5, int, 5),
    (5, float, 5.0),
    (2.5, float, 2.5),
    ("a", str, "a"),
    (True, bool, True),
    (None, None, None),
    (None, type(None), None),
    ({"a": [1]}, Any, {"a": [1]}),
    (5, object, 5),
    (5, Number, 5),
    (5, Bound, 5),
    ([1, "a"], list, [1, "a"]),
    ((1,), list, [1]),
    ({"a": 1}, dict, {"a": 1}),
    # dates and times
    (
        "2024-05-06T07:08:09+02:00",
        dt.datetime,
        dt.datetime(2024, 5, 6, 7, 8, 9, tzinfo=dt.timezone(dt.timedelta(hours=2))),
    ),
    ("2024-05-06T07:08:09Z", dt.datetime, dt.datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)),
    ("2024-05-06T07:08:09.1234567Z", dt.datetime, dt.datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)),
    ("2024-05-06T07:08:09.1", dt.datetime, dt.datetime(2024, 5, 6, 7, 8, 9, 100000)),
    (dt.datetime(2024, 1, 1, tzinfo=UTC), dt.datetime, dt.datetime(2024, 1, 1, tzinfo=UTC)),
    ("2024-05-06", dt.date, dt.date(2024, 5, 6)),
    ("07:08:09", dt.time, dt.time(7, 8, 9)),
    ("P1DT2H", dt.timedelta, dt.timedelta(days=1, hours=2)),
    ("-PT1.5S", dt.timedelta, dt.timedelta(seconds=-1.5)),
    (90, dt.timedelta, dt.timedelta(seconds=90)),
    # other classes of the standard library
    ("12345678-1234-5678-1234-567812345678", uuid.UUID, uuid.UUID("12345678123456781234567812345678")),
    ("1.10", decimal.Decimal, decimal.Decimal("1.10")),
    (1.1, decimal.Decimal, decimal.Decimal("1.1")),
    (3, decimal.Decimal, decimal.Decimal(3)),
    ("/tmp/x", pathlib.Path, pathlib.Path("/tmp/x")),
    ("/tmp/x", pathlib.PurePosixPath, pathlib.PurePosixPath("/tmp/x")),
    ("r", Color, Color.RED),
    ("RED", Color, Color.RED),
    (2, Level, Level.HIGH),
    ("HIGH", Level, Level.HIGH),
    # unions
    (None, typing.Optional[int], None),  # noqa: UP045 - the older spelling is another class
    (5, int | None, 5),
    ("5", typing.Union[int, str], "5"),  # noqa: UP007
    (5, float | int, 5),
    (5, float | str, 5.0),
    ([1], list[float] | list[int], [1]),
    ("2024-05-06", dt.date | None, dt.date(2024, 5, 6)),
    ("2024-05-06", dt.date | str, "2024-05-06"),
    ({"x": 1}, Row | Point, Point(1)),
    # containers
    ([1, 2], list[int], [1, 2]),
    (["2024-05-06"], typing.List[dt.date], [dt.date(2024, 5, 6)]),  # noqa: UP006
    ([1, 1], set[int], {1}),
    ([1, 1], frozenset[int], frozenset({1})),
    ([1], typing.AbstractSet[int], {1}),
    ([1, "a"], tuple[int, str], (1, "a")),
    ([1, 2, 3], tuple[float, ...], (1.0, 2.0, 3.0)),
    ([], tuple[()], ()),
    ([1, "a"], tuple, (1, "a")),
    ([1], collections.abc.Sequence[float], [1.0]),
    ([1], typing.Iterable[int], [1]),
    ([1], collections.abc.Sequence, [1]),
    ([1], collections.deque[int], collections.deque([1])),
    ({"a": "b"}, dict[str, Color], {"a": Color.BLUE}),
    ({"1": "x"}, dict[int, str], {1: "x"}),
    ({"r": 1}, dict[Color, int], {Color.RED: 1}),
    ({"a": 1}, collections.abc.Mapping[str, float], {"a": 1.0}),
    ({"a": 1}, collections.OrderedDict[str, int], collections.OrderedDict(a=1)),
    # forms of typing
    ("a", typing.Literal["a", 1], "a"),
    (1, typing.Literal["a", 1], 1),
    (5, typing.Annotated[int, "unit: m"], 5),
    (5, UserId, 5),
    ([1], Aliased, [1]),
    # classes with fields
    ({"x": 1}, Point, Point(1)),
    ({"x": 1, "y": 2, "tags": ["a"], "seed": 9}, Point, Point(1, 2.0, ["a"], 9)),
    ({"start": {"x": 1}, "colour": "b"}, Line, Line(Point(1), None, Color.BLUE)),
    (Point(1), Point, Point(1)),
    ({"id": 1}, Row, {"id": 1}),
    ({"id": 1, "when": "2024-05-06", "more": 1}, Row, {"id": 1, "when": dt.date(2024, 5, 6), "more": 1}),
    ({"id": 1}, Partial, {"id": 1}),
    ({"key": "a"}, Pair, Pair("a")),
    (["a", 2], Pair, Pair("a", 2)),
    ({"name": "a", "sizes": ["1"]}, Model, Model(name="a", sizes=[1])),
    ({"name": "a"}, Record, Record("a")),
    ([{"x": 1}], list[Point], [Point(1)]),
    ({"content": "a"}, Box[str], Box("a")),
]


@pytest.mark.parametrize(("value", "annotation", "expected"), FITTING, ids=lambda each: f"{each!r:.40}")
def test_a_fitting_value_becomes_the_annotated_type(value: Any, annotation: Any, expected: Any) -> None:
    converted = convert(value, annotation, parameter="p")
    assert converted == expected
    assert type(converted) is type(expected)


UNFIT: list[tuple[Any, Any, str]] = [
    ("5", int, "parameter 'p': expected int, got str '5'"),
    (True, int, "parameter 'p': expected int, got bool True"),
    (5.0, int, "parameter 'p': expected int, got float 5.0"),
    (True, float, "parameter 'p': expected float, got bool True"),
    (10**400, float, "parameter 'p': expected float, got int (int too large to convert to float)"),
    (1, bool, "parameter 'p': expected bool, got int 1"),
    (1, str, "parameter 'p': expected str, got int 1"),
    (None, str, "parameter 'p': expected str, got None"),
    (0, None, "parameter 'p': expected None, got int 0"),
    ("x" * 100, int, "parameter 'p': expected int, got str"),
    ({"a": 1}, list, "parameter 'p': expected list, got dict"),
    ([1, 2], dict, "parameter 'p': expected dict, got list of 2"),
    ("yesterday", dt.datetime, "parameter 'p': expected datetime, got str 'yesterday' (…"),
    ("x" * 100, dt.datetime, "parameter 'p': expected datetime, got str"),
    (1700000000, dt.datetime, "parameter 'p': expected datetime, got int 1700000000"),
    (
        dt.datetime(2024, 1, 1),
        dt.date,
        "parameter 'p': expected date, got datetime datetime.datetime(2024, 1, 1, 0, 0)",
    ),
    ("1 hour", dt.timedelta, "parameter 'p': expected timedelta, got str '1 hour' (…"),
    (True, dt.timedelta, "parameter 'p': expected timedelta, got bool True"),
    ("nope", uuid.UUID, "parameter 'p': expected UUID, got str 'nope' (…"),
    ("1,1", decimal.Decimal, "parameter 'p': expected Decimal, got str '1,1' (…"),
    (5, pathlib.Path, "parameter 'p': expected Path, got int 5"),
    ("green", Color, "parameter 'p': expected Color: one of 'r', 'b', got str 'green'"),
    (True, Level, "parameter 'p': expected Level: one of 1, 2, got bool True"),
    ([], Color, "parameter 'p': expected Color: one of 'r', 'b', got list of 0"),
    ("x", int | None, "parameter 'p': expected int | None, got str 'x'"),
    ("x", typing.Optional[int], "parameter 'p': expected int | None, got str 'x'"),  # noqa: UP045
    ([1, "x"], list[int] | None, "parameter 'p', at p[1]: expected int, got str 'x'"),
    ([1, "x"], list[int], "parameter 'p', at p[1]: expected int, got str 'x'"),
    ("abc", list[str], "parameter 'p': expected list[str], got str 'abc'"),
    (
        {"rows": [{"age": "x"}]},
        dict[str, list[dict[str, int]]],
        "parameter 'p', at p['rows'][0]['age']: expected int, got str 'x'",
    ),
    ({"x": 1}, dict[int, int], "parameter 'p': expected int, got str 'x' (…"),
    ([1], tuple[int, int], "parameter 'p': expected tuple[int, int], got list of 1"),
    ([1], tuple[()], "parameter 'p': expected tuple[()], got list of 1"),
    ([[1]], set[list[int]], "parameter 'p': expected set[list[int]], got list of 1 (unhashable…"),
    ("c", typing.Literal["a", "b"], "parameter 'p': expected one of 'a', 'b', got str 'c'"),
    (True, typing.Literal[1], "parameter 'p': expected one of 1, got bool True"),
    (5, Point, "parameter 'p': expected Point, got int 5"),
    ({}, Point, "parameter 'p': Point needs x"),
    ({"x": 1, "z": 2, "a": 3}, Point, "parameter 'p': Point has no a, z; it has x, y, tags, seed"),
    ({"x": -1}, Point, "parameter 'p': expected Point, got dict (x must not be negative)"),
    ({"start": {"x": "1"}}, Line, "parameter 'p', at p.start.x: expected int, got str '1'"),
    ({}, Row, "parameter 'p': Row needs id"),
    ({"note": "a"}, Partial, "parameter 'p': Partial needs id"),
    ({"id": 1, "when": 5}, Row, "parameter 'p', at p.when: expected date, got int 5"),
    ([], Pair, "parameter 'p': Pair needs key"),
    (["a", 1, 2], Pair, "parameter 'p': expected Pair, got list of 3"),
    (
        {"name": 1, "sizes": "x"},
        Model,
        "parameter 'p', at p.name: expected Model: Input should be a valid string (and 1 more)",
    ),
    (
        {"name": "a", "size": "x"},
        Record,
        "parameter 'p': expected Record: Expected `int`, got `str` - at `$.size`",
    ),
    ("x", bytes, "parameter 'p': JSON has no bytes; annotate str…"),
    ("x", collections.abc.Callable[[], int], "parameter 'p': …"),
    ("x", typing.SupportsInt, "parameter 'p': …"),
    (
        [1],
        types.GenericAlias(list, ("Missing",)),
        "parameter 'p', at p[0]: the type 'Missing' is written as text inside another one…",
    ),
]


@pytest.mark.parametrize(("value", "annotation", "message"), UNFIT, ids=lambda each: f"{each!r:.40}")
def test_an_unfit_value_is_named_with_its_place_and_both_types(
    value: Any, annotation: Any, message: str
) -> None:
    with pytest.raises(ArgumentError) as caught:
        convert(value, annotation, parameter="p")
    shown = str(caught.value)
    assert shown.startswith(message[:-1]) if message.endswith("…") else shown == message


def test_a_long_value_is_never_shown() -> None:
    secret = "hunter-22 " * 10
    for annotation in (int, dt.datetime, Color, uuid.UUID, list[int], Point, int | None, Model, Record):
        for value in (secret, [secret], {"x": secret, "name": [secret]}):
            with pytest.raises(ArgumentError) as caught:
                convert(value, annotation, parameter="p")
            assert "hunter" not in str(caught.value)


def test_annotations_that_cannot_be_resolved_are_named() -> None:
    @dataclasses.dataclass
    class Local:
        other: Nowhere  # type: ignore[name-defined]  # noqa: F821

    with pytest.raises(ArgumentError, match=r"annotations of .*Local cannot be resolved: NameError"):
        convert({"other": 1}, Local, parameter="p")


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(json_values, st.sampled_from([annotation for _, annotation, _ in (*FITTING, *UNFIT)]))
def test_any_value_converts_or_raises_argument_error(value: Any, annotation: Any) -> None:
    try:
        converted = convert(value, annotation, parameter="p")
    except ArgumentError:
        return
    if annotation in (int, str, float, bool, list, dict):
        assert type(converted) is annotation


def test_plain_types_import_nothing() -> None:
    code = """
from afbundle.runtime.convert import convert
before = set(sys.modules)
assert convert([1, None], list[int | None], parameter="p") == [1, None]
assert convert({"a": "b"}, dict[str, str], parameter="p") == {"a": "b"}
print(sorted(set(sys.modules) - before), [m for m in ("typing", "dataclasses", "inspect", "enum") if m in sys.modules])
"""
    source = next(path for path in sys.path if path.endswith("src"))
    shown = subprocess.run(
        [sys.executable, "-ISc", f"import sys; sys.path.append({source!r})\n{code}"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert shown == "[] []\n"
