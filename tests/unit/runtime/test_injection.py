"""What a task's function receives for each parameter."""

from __future__ import annotations

import dataclasses
import functools
import logging
import types
from typing import TYPE_CHECKING, Any, Optional

import pytest

from afbundle import Client, ConnectionClient, Context, Logger, VariableClient, XComClient
from afbundle.exceptions import ArgumentError
from afbundle.runtime.injection import bind, signature_of
from afbundle.runtime.logs import LogChannel
from afbundle.wire import messages

if TYPE_CHECKING:
    from collections.abc import Callable


class FakeClient:
    """Answers upstream XComs from a dict; the real client is tested against real supervisors."""

    def __init__(self, **xcoms: object) -> None:
        self.xcoms = xcoms

    def get_xcom(self, key: str, *, task_id: str, default: object) -> object:
        assert key == "return_value"
        return self.xcoms.get(task_id, default)


def startup(task_id: str = "t") -> messages.StartupDetails:
    message = messages.from_body(
        {
            "type": "StartupDetails",
            "ti": {
                "id": "018f0000-0000-7000-8000-000000000001",
                "task_id": task_id,
                "dag_id": "d",
                "run_id": "r",
                "try_number": 1,
                "dag_version_id": "018f0000-0000-7000-8000-000000000002",
                "map_index": -1,
            },
            "dag_rel_path": "d.py",
            "bundle_info": {"name": "b"},
            "start_date": None,
            "sentry_integration": "",
            "ti_context": {"dag_run": {}, "max_tries": 0},
        }
    )
    assert isinstance(message, messages.StartupDetails)
    return message


def literal(name: str, value: object) -> dict[str, object]:
    return {"name": name, "kind": "literal", "value": value}


def xcom(name: str, task_id: str) -> dict[str, object]:
    return {"name": name, "kind": "xcom", "task_id": task_id}


class Binding:
    """A binding as the generated message shows it."""

    def __init__(self, body: dict[str, object]) -> None:
        self.__dict__.update(body)


def called(
    function: Callable[..., Any], *bodies: dict[str, object], client: object = None
) -> tuple[list[Any], dict[str, Any]]:
    arguments = bind(
        function,
        context=Context(startup()),
        client=client or FakeClient(),  # type: ignore[arg-type]
        logs=LogChannel(),
        bindings=[Binding(body) for body in bodies] or None,  # type: ignore[misc]
    )
    return arguments.args, arguments.kwargs


def test_services_are_found_by_type_in_any_position() -> None:
    def task(
        log: Logger,
        n: int,
        ctx: Context,
        /,
        client: Client,
        variables: VariableClient,
        *,
        connections: ConnectionClient,
        xcoms: XComClient,
        std: logging.Logger,
    ) -> None: ...

    args, kwargs = called(task, literal("anything", 5))
    assert isinstance(args[0], Logger)
    assert args[1] == 5
    assert isinstance(args[2], Context)
    assert args[3] is args[4] is kwargs["connections"] is kwargs["xcoms"]
    assert kwargs["std"] is logging.getLogger("t")


def test_optional_services_are_services() -> None:
    def task(ctx: Context | None, client: Optional[Client] = None) -> None: ...  # noqa: UP045  (both spellings)

    args, _ = called(task)
    assert isinstance(args[0], Context)
    assert args[1] is not None


def test_annotations_that_exist_for_the_type_checker_only_still_inject() -> None:
    def task(client: Client) -> None: ...

    elsewhere = types.FunctionType(task.__code__, {}, "task")
    elsewhere.__annotations__ = {"client": "Client"}
    args, _ = called(elsewhere)
    assert len(args) == 1


def test_bindings_fill_by_name_when_the_names_fit() -> None:
    def task(rows: list[int], ctx: Context, factor: int = 2) -> None: ...

    args, kwargs = called(task, literal("factor", 3), literal("rows", [1]))
    assert args[0] == [1]
    assert args[2] == 3
    assert kwargs == {}


def test_bindings_fill_by_position_when_the_names_differ() -> None:
    def task(rows: list[int], factor: int) -> None: ...

    args, _ = called(task, literal("arg0", [1]), literal("arg1", 3))
    assert args == [[1], 3]


def test_names_that_fit_crosswise_are_refused() -> None:
    def task(rows: list[int], multiplier: int) -> None: ...

    with pytest.raises(ArgumentError, match="neither by name nor by position"):
        called(task, literal("factor", 3), literal("rows", [1]))


def test_a_default_stays_when_nothing_is_bound() -> None:
    def task(a: int = 1, b: int = 2, *, c: int = 3) -> None: ...

    assert called(task) == ([], {})
    assert called(task, literal("b", 5)) == ([], {"b": 5})


def test_upstream_results_come_from_xcom() -> None:
    def task(rows: list[int], missing: Any) -> None: ...

    args, _ = called(
        task, xcom("rows", "extract"), xcom("missing", "gone"), client=FakeClient(extract=[1, 2])
    )
    assert args == [[1, 2], None]


def test_variadic_parameters_take_the_rest() -> None:
    def positional(first: int, *rest: int) -> None: ...

    def named(first: int, **rest: int) -> None: ...

    assert called(positional, literal("x", 1), literal("y", 2), literal("z", 3)) == ([1, 2, 3], {})
    assert called(named, literal("first", 1), literal("other", 2)) == ([1], {"other": 2})


def test_too_many_bindings_name_both_sides() -> None:
    def task(rows: list[int]) -> None: ...

    with pytest.raises(ArgumentError, match=r"task\(\) takes 1 data argument.*passes 2 \(x, y\)"):
        called(task, literal("x", 1), literal("y", 2))


def test_too_few_bindings_name_the_parameter() -> None:
    def task(rows: list[int], factor: int) -> None: ...

    with pytest.raises(ArgumentError, match=r"nothing fills parameter 'factor'.*passes only rows"):
        called(task, literal("rows", [1]))


def test_no_bindings_at_all_names_the_remedy() -> None:
    def task(rows: list[int]) -> None: ...

    with pytest.raises(ArgumentError, match=r"Airflow 3\.4 .* --supervisor-schema-version 2026-10-30"):
        called(task)


def test_a_wrong_type_is_refused_before_the_call() -> None:
    def task(n: int) -> None: ...

    with pytest.raises(ArgumentError, match=r"'n'.*int.*str"):
        called(task, literal("n", "many"))


def test_values_become_the_annotated_type() -> None:
    @dataclasses.dataclass
    class Row:
        n: int

    def task(row: Any) -> None: ...

    task.__annotations__["row"] = Row
    assert called(task, literal("row", {"n": 1}))[0] == [Row(1)]


def test_an_unresolvable_data_type_says_where_to_import_it() -> None:
    def task(n: Any) -> None: ...

    task.__annotations__["n"] = "Nowhere"
    with pytest.raises(ArgumentError, match=r"'Nowhere'.*TYPE_CHECKING"):
        called(task, literal("n", 1))


class Handler:
    """An object used as a task."""

    def __call__(self, n: int, ctx: Context) -> None: ...

    def method(self, n: int, ctx: Context) -> None: ...


def test_methods_partials_and_callable_objects_work() -> None:
    def wrapped(n: int, ctx: Context) -> None: ...

    @functools.wraps(wrapped)
    def wrapper(*args: Any, **kwargs: Any) -> None: ...

    for function in (Handler().method, Handler(), functools.partial(wrapped), wrapper):
        args, _ = called(function, literal("n", 4))
        assert args[0] == 4
        assert isinstance(args[1], Context)


def test_signatures_name_the_data_parameters() -> None:
    def task(a: int, ctx: Context, b: Any, *, c: str = "") -> None: ...

    assert [each.name for each in signature_of(task).data] == ["a", "b", "c"]
