"""Registering Dags and tasks: what is accepted, and what is refused with which advice."""

from __future__ import annotations

import functools

import pytest

from afbundle import Bundle, BundleInfo, BundleProvider, Registry
from afbundle.exceptions import RegistrationError
from afbundle.runtime.registry import registry_of


def handler() -> None:
    """A task."""


async def async_handler() -> None:
    """An async task."""


def test_a_decorated_function_stays_itself_and_is_registered_under_its_name() -> None:
    dag = Bundle("b").dag("d")
    assert dag.task(handler) is handler
    assert dag.tasks["handler"].function is handler


def test_the_decorator_takes_an_explicit_id() -> None:
    dag = Bundle("b").dag("d")
    dag.task(task_id="group.step")(async_handler)
    assert list(dag.tasks) == ["group.step"]


def test_tasks_and_dags_keep_the_order_of_registration() -> None:
    bundle = Bundle("b")
    for dag_id in ("z", "a", "m"):
        bundle.dag(dag_id)
    dag = bundle.dags["z"]
    for task_id in ("t3", "t1", "t2"):
        dag.add_task(handler, task_id=task_id)
    assert list(bundle.dags) == ["z", "a", "m"]
    assert list(dag.tasks) == ["t3", "t1", "t2"]


def test_the_go_sdk_spelling_registers_the_same() -> None:
    class Provider(BundleProvider):
        def get_bundle_version(self) -> BundleInfo:
            return BundleInfo("go-like", "2.0")

        def register_dags(self, registry: Registry) -> None:
            dag = registry.add_dag("d")
            dag.add_task(handler)
            dag.add_task_with_name("again", handler)

    info, registry = registry_of(Provider())
    assert (info.name, info.version) == ("go-like", "2.0")
    assert list(registry.dags["d"].tasks) == ["handler", "again"]
    assert registry.find_task("d", "again") is not None
    assert registry.find_task("d", "other") is None
    assert registry.find_task("other", "again") is None


@pytest.mark.parametrize("bad", ["", "a b", "a/b", "x" * 251, 7, None])
def test_a_bad_dag_id_is_refused(bad: object) -> None:
    with pytest.raises(RegistrationError, match="dag_id"):
        Bundle("b").dag(bad)  # type: ignore[arg-type]


@pytest.mark.parametrize("bad", ["", "a b", 7])
def test_a_bad_task_id_is_refused(bad: object) -> None:
    dag = Bundle("b").dag("d")
    with pytest.raises(RegistrationError, match="task_id"):
        dag.add_task(handler, task_id=bad)  # type: ignore[arg-type]
    assert dag.tasks == {}


def test_duplicates_are_refused_and_the_first_stays() -> None:
    bundle = Bundle("b")
    dag = bundle.dag("d")
    dag.add_task(handler, task_id="t")
    with pytest.raises(RegistrationError, match="'t' is registered twice in Dag 'd'"):
        dag.add_task(async_handler, task_id="t")
    assert dag.tasks["t"].function is handler
    with pytest.raises(RegistrationError, match="'d' is registered twice"):
        bundle.dag("d")
    assert bundle.dags["d"] is dag


def test_functions_without_a_usable_name_need_an_explicit_id() -> None:
    def nested() -> None: ...

    dag = Bundle("b").dag("d")
    with pytest.raises(RegistrationError, match="lambda"):
        dag.add_task(lambda: None)
    with pytest.raises(RegistrationError, match="defined inside another function"):
        dag.add_task(nested)
    with pytest.raises(RegistrationError, match="has no name"):
        dag.add_task(functools.partial(handler))
    dag.add_task(lambda: None, task_id="a")
    dag.add_task(nested, task_id="b")
    dag.add_task(functools.partial(handler), task_id="c")
    assert list(dag.tasks) == ["a", "b", "c"]


@pytest.mark.parametrize("task_id", [None, "t"])
def test_what_is_not_a_function_is_refused(task_id: str | None) -> None:
    with pytest.raises(RegistrationError, match="must be a function"):
        Bundle("b").dag("d").add_task("handler", task_id=task_id)  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "version"), [("", None), (3, None), ("b", ""), ("b", 1)])
def test_a_bundle_needs_a_proper_name_and_version(name: object, version: object) -> None:
    with pytest.raises(RegistrationError, match="non-empty str"):
        Bundle(name, version=version)  # type: ignore[arg-type]


def test_serve_refuses_what_is_no_bundle() -> None:
    with pytest.raises(RegistrationError, match="takes a Bundle"):
        registry_of(object())  # type: ignore[arg-type]
