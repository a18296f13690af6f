"""What a bundle offers: its Dags, their tasks, and the function that runs each.

Two spellings of the same thing: `Bundle` for Python authors, and `BundleProvider` with `Registry` for those who know the
Go SDK.
"""

from __future__ import annotations

from sys import _getframe

from afbundle.exceptions import RegistrationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, NoReturn, TypeVar, overload

    Function = TypeVar("Function", bound=Callable[..., Any])

# Airflow's own limit on Dag and task ids (airflow.sdk, `validate_key`): 250 characters of [\w.-].
_MAX_ID_LENGTH = 250


def _check_id(kind: str, value: object) -> str:
    if not isinstance(value, str):
        raise RegistrationError(
            f"a {kind} must be a str, got {type(value).__name__} ({value!r}); write it as a string"
        )
    if not value:
        raise RegistrationError(f"a {kind} must not be empty; give the name that the Dag in Airflow uses")
    if len(value) > _MAX_ID_LENGTH:
        raise RegistrationError(
            f"the {kind} {value[:40]!r}… has {len(value)} characters; at most {_MAX_ID_LENGTH}"
        )
    for character in value:
        if not (character.isalnum() or character in "_.-"):
            raise RegistrationError(
                f"the {kind} {value!r} holds {character!r}; use letters, digits, dots, dashes and underscores only"
            )
    return value


def _task_id_of(function: object) -> str:
    """Return the task id that a function's own name gives, or explain why it gives none."""
    if not callable(function):
        raise RegistrationError(
            f"a task must be a function, got {type(function).__name__} ({function!r}); "
            "pass the function itself, not its result"
        )
    name = getattr(function, "__name__", None)
    if name is None:
        raise RegistrationError(
            f"{function!r} has no name to take the task id from; pass task_id='…' explicitly"
        )
    if name == "<lambda>":
        raise RegistrationError(
            "a lambda has no name to take the task id from; pass task_id='…' explicitly, or use a def"
        )
    if "<locals>" in getattr(function, "__qualname__", ""):
        raise RegistrationError(
            f"{name!r} is defined inside another function, where its name need not be unique; "
            f"pass task_id={name!r} explicitly, or move it to the top of its module"
        )
    return str(name)


class Task:
    """One task of a Dag: its id and the function that runs it."""

    __slots__ = ("dag_id", "function", "task_id")

    def __init__(self, dag_id: str, task_id: str, function: Callable[..., Any]) -> None:
        self.dag_id = dag_id
        self.task_id = task_id
        self.function = function

    def __repr__(self) -> str:
        return f"Task({self.dag_id!r}, {self.task_id!r})"


class Dag:
    """The tasks that this bundle runs for one Dag.

    The Dag itself (schedule, dependencies, retries) is defined in Airflow, by a stub Dag whose ``@task.stub`` tasks have
    the same ids.
    """

    __slots__ = ("dag_id", "module", "tasks")

    def __init__(self, dag_id: str, *, module: str) -> None:
        self.dag_id = dag_id
        self.module = module
        self.tasks: dict[str, Task] = {}

    def add_task(self, function: Callable[..., Any], *, task_id: str | None = None) -> Task:
        """Register a function as a task.

        Arguments:
            function: sync or async; its parameters say what it needs (see the guide on task handlers).
            task_id: the id in Airflow; the function's name when left out.

        Raises:
            RegistrationError: the id is empty, not a string, malformed or taken, or the function has no usable name.
        """
        if task_id is None:
            task_id = _task_id_of(function)
        elif not callable(function):
            _task_id_of(function)
        _check_id("task_id", task_id)
        if task_id in self.tasks:
            raise RegistrationError(
                f"task_id {task_id!r} is registered twice in Dag {self.dag_id!r}; "
                "give one of the two functions another task_id"
            )
        task = self.tasks[task_id] = Task(self.dag_id, task_id, function)
        return task

    def add_task_with_name(self, name: str, function: Callable[..., Any]) -> Task:
        """Register a function under an explicit id (the Go SDK's ``AddTaskWithName``).

        Raises:
            RegistrationError: as `add_task`.
        """
        return self.add_task(function, task_id=_check_id("task_id", name))

    if TYPE_CHECKING:

        @overload
        def task(self, function: Function, /) -> Function: ...
        @overload
        def task(self, /, *, task_id: str) -> Callable[[Function], Function]: ...

    def task(self, function: Any = None, /, *, task_id: str | None = None) -> Any:
        """Register the decorated function as a task; the function itself stays callable as before.

        ``@dag.task`` takes the id from the function's name, ``@dag.task(task_id="…")`` sets it.

        Raises:
            RegistrationError: as `add_task`.
        """
        if function is not None:
            self.add_task(function, task_id=task_id)
            return function

        def decorate(decorated: Function) -> Function:
            self.add_task(decorated, task_id=task_id)
            return decorated

        return decorate

    def __repr__(self) -> str:
        return f"Dag({self.dag_id!r}, tasks={list(self.tasks)!r})"


class Registry:
    """The Dags of a bundle, in the order of their registration."""

    def __init__(self) -> None:
        self.dags: dict[str, Dag] = {}

    def add_dag(self, dag_id: str) -> Dag:
        """Register a Dag and return it, to add its tasks to.

        Raises:
            RegistrationError: the id is empty, not a string, malformed or taken.
        """
        return self._add_dag(dag_id, module=_getframe(1).f_globals.get("__name__", "__main__"))

    def _add_dag(self, dag_id: str, *, module: str) -> Dag:
        _check_id("dag_id", dag_id)
        if dag_id in self.dags:
            raise RegistrationError(
                f"dag_id {dag_id!r} is registered twice in this bundle; "
                "keep the Dag that the first call returned and add the tasks to it"
            )
        dag = self.dags[dag_id] = Dag(dag_id, module=module)
        return dag

    def find_task(self, dag_id: str, task_id: str) -> Task | None:
        """Return the task, or None when this bundle has no such Dag or task."""
        dag = self.dags.get(dag_id)
        return None if dag is None else dag.tasks.get(task_id)


class BundleInfo:
    """The name and version under which a bundle shows itself."""

    __slots__ = ("name", "version")

    def __init__(self, name: str, version: str | None = None) -> None:
        self.name = name
        self.version = version

    def __repr__(self) -> str:
        return f"BundleInfo(name={self.name!r}, version={self.version!r})"


class BundleProvider:
    """The protocol form of the Go SDK: say who you are, then register the Dags when asked."""

    def get_bundle_version(self) -> BundleInfo:
        """Return the bundle's name and version."""
        raise NotImplementedError(f"{type(self).__name__} must define get_bundle_version()")

    def register_dags(self, registry: Registry) -> None:
        """Add every Dag and task of the bundle to the registry."""
        raise NotImplementedError(f"{type(self).__name__} must define register_dags(registry)")


class Bundle(Registry):
    """A named set of Dags whose tasks live in one executable file.

    Arguments:
        name: how the bundle shows itself, for example in ``afbundle inspect``.
        version: free text; a release number or a commit.

    Raises:
        RegistrationError: name or version is empty or not a string.
    """

    def __init__(self, name: str, *, version: str | None = None) -> None:
        super().__init__()
        for what, value in (("name", name), ("version", version)):
            if value is None and what == "version":
                continue
            if not isinstance(value, str) or not value:
                raise RegistrationError(f"a bundle's {what} must be a non-empty str, got {value!r}")
        self.name = name
        self.version = version

    def dag(self, dag_id: str) -> Dag:
        """Register a Dag and return it, to add its tasks to.

        Raises:
            RegistrationError: the id is empty, not a string, malformed or taken.
        """
        return self._add_dag(dag_id, module=_getframe(1).f_globals.get("__name__", "__main__"))

    def serve(self, argv: Sequence[str] | None = None) -> NoReturn:
        """Do what the command line asks: run a task for Airflow, or print the metadata. Never returns.

        Arguments:
            argv: the arguments after the program's name; those of this process when left out.
        """
        from afbundle.runtime.door import serve

        serve(self, argv)

    def __repr__(self) -> str:
        return f"Bundle({self.name!r}, version={self.version!r}, dags={list(self.dags)!r})"


def registry_of(provider: Bundle | BundleProvider) -> tuple[BundleInfo, Registry]:
    """Return who a bundle is and what it offers, whichever of the two spellings its author chose.

    Raises:
        RegistrationError: the object is neither a Bundle nor has a BundleProvider's two methods.
    """
    if isinstance(provider, Bundle):
        return BundleInfo(provider.name, provider.version), provider
    if not hasattr(provider, "get_bundle_version") or not hasattr(provider, "register_dags"):
        raise RegistrationError(
            f"serve() takes a Bundle or an object with get_bundle_version() and register_dags(registry), "
            f"got {type(provider).__name__}"
        )
    registry = Registry()
    provider.register_dags(registry)
    return provider.get_bundle_version(), registry
