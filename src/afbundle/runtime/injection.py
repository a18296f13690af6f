"""What a task's function asks for: services by their type, data from the stub's TaskFlow call.

A parameter annotated with `Context`, `Client` (or one of its narrower forms), `Logger`, `logging.Logger` or a structlog logger is
injected. Every other parameter is data, filled from ``ti_context.arg_bindings`` (supervisor schema 2026-10-30).
"""

from __future__ import annotations

import sys

from afbundle.exceptions import ArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from afbundle.runtime.client import Client
    from afbundle.runtime.context import Context
    from afbundle.runtime.logs import LogChannel
    from afbundle.wire import messages

_CO_VARARGS = 0x04
_CO_VARKEYWORDS = 0x08

_SERVICES = {
    ("afbundle.runtime.context", "Context"): "context",
    ("afbundle.runtime.client", "Client"): "client",
    ("afbundle.runtime.client", "VariableClient"): "client",
    ("afbundle.runtime.client", "ConnectionClient"): "client",
    ("afbundle.runtime.client", "XComClient"): "client",
    ("afbundle.runtime.logs", "Logger"): "logger",
    ("logging", "Logger"): "logging",
}
# What an annotation may say when its import stands under ``if TYPE_CHECKING:``, so that it cannot be resolved at run time.
_SERVICE_NAMES = {
    "Context": "context",
    "Client": "client",
    "VariableClient": "client",
    "ConnectionClient": "client",
    "XComClient": "client",
    "Logger": "logger",
    "logging.Logger": "logging",
}


class Unresolved:
    """An annotation whose names do not exist at run time."""

    __slots__ = ("reason", "text")

    def __init__(self, text: str, reason: str) -> None:
        self.text = text
        self.reason = reason


class Parameter:
    """One parameter of a task's function.

    Attributes:
        service: ``context``, ``client``, ``logger``, ``logging`` or ``structlog``; None for data.
        keyword_only: whether it must be passed by name.
        positional_only: whether it must be passed by position.
        required: whether it has no default.
    """

    __slots__ = ("annotation", "keyword_only", "name", "positional_only", "required", "service")

    def __init__(
        self, name: str, annotation: object, *, keyword_only: bool, positional_only: bool, required: bool
    ) -> None:
        self.name = name
        self.annotation = annotation
        self.service = _service_of(annotation)
        self.keyword_only = keyword_only
        self.positional_only = positional_only
        self.required = required


class Signature:
    """The parameters of a task's function, read without the `inspect` module.

    Attributes:
        parameters: in the order of their declaration.
        var_positional: whether the function takes ``*args``.
        var_keyword: whether it takes ``**kwargs``.
    """

    __slots__ = ("parameters", "var_keyword", "var_positional")

    def __init__(self, parameters: list[Parameter], *, var_positional: bool, var_keyword: bool) -> None:
        self.parameters = parameters
        self.var_positional = var_positional
        self.var_keyword = var_keyword

    @property
    def data(self) -> list[Parameter]:
        """The parameters that are data."""
        return [each for each in self.parameters if each.service is None]


#: Marks an annotation that is not there.
MISSING: Any = object()


def signature_of(function: Callable[..., Any]) -> Signature:
    """Return what a task's function asks for.

    Raises:
        ArgumentError: an object without a readable signature.
    """
    skip = 0
    inner: Any = function
    while True:
        if hasattr(inner, "__wrapped__"):
            inner = inner.__wrapped__
        elif hasattr(inner, "__func__"):
            inner, skip = inner.__func__, 1
        else:
            break
    code = getattr(inner, "__code__", None)
    if code is None:
        return _signature_by_inspect(inner)
    annotations = _annotations_of(inner)
    names = code.co_varnames
    count = code.co_argcount
    optional = count - len(inner.__defaults__ or ())
    keyword_defaults = inner.__kwdefaults__ or {}
    parameters = [
        Parameter(
            name,
            annotations.get(name, MISSING),
            keyword_only=position >= count,
            positional_only=position < code.co_posonlyargcount,
            required=name not in keyword_defaults if position >= count else position < optional,
        )
        for position, name in enumerate(names[: count + code.co_kwonlyargcount])
        if position >= skip
    ]
    return Signature(
        parameters,
        var_positional=bool(code.co_flags & _CO_VARARGS),
        var_keyword=bool(code.co_flags & _CO_VARKEYWORDS),
    )


def _signature_by_inspect(function: Callable[..., Any]) -> Signature:
    # Partials, classes and objects with __call__: rare enough to pay for the import.
    import inspect

    try:
        found = inspect.signature(function)
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"the parameters of {function!r} cannot be read: {error}") from error
    call = function if isinstance(function, type) else getattr(function, "func", type(function).__call__)
    annotations = _annotations_of(call)
    kinds = inspect.Parameter
    return Signature(
        [
            Parameter(
                each.name,
                annotations.get(each.name, MISSING if each.annotation is kinds.empty else each.annotation),
                keyword_only=each.kind is kinds.KEYWORD_ONLY,
                positional_only=each.kind is kinds.POSITIONAL_ONLY,
                required=each.default is kinds.empty,
            )
            for each in found.parameters.values()
            if each.kind not in (kinds.VAR_POSITIONAL, kinds.VAR_KEYWORD)
        ],
        var_positional=any(each.kind is kinds.VAR_POSITIONAL for each in found.parameters.values()),
        var_keyword=any(each.kind is kinds.VAR_KEYWORD for each in found.parameters.values()),
    )


def _annotations_of(function: Any) -> dict[str, object]:
    try:
        raw = function.__annotations__
    except AttributeError:
        return {}
    except NameError:
        # Python 3.14 evaluates annotations on access; names under ``if TYPE_CHECKING:`` do not exist then.
        import annotationlib  # type: ignore[import-not-found]

        raw = annotationlib.get_annotations(function, format=annotationlib.Format.STRING)
    scope = getattr(function, "__globals__", None)
    return {name: _resolve(value, scope) if isinstance(value, str) else value for name, value in raw.items()}


def _resolve(text: str, scope: dict[str, Any] | None) -> object:
    try:
        return eval(text, scope if scope is not None else {})  # noqa: S307  (the author's own annotation, as typing does)
    except Exception as error:  # noqa: BLE001  (whatever evaluating foreign text raises)
        return Unresolved(text, f"{type(error).__name__}: {error}")


def _service_of(annotation: object) -> str | None:
    if isinstance(annotation, Unresolved):
        for part in annotation.text.split("|"):
            name = part.strip().removeprefix("afbundle.")
            if name in _SERVICE_NAMES:
                return _SERVICE_NAMES[name]
            if name.startswith("structlog."):
                return "structlog"
        return None
    if isinstance(annotation, type):
        module = annotation.__module__
        service = _SERVICES.get((module, annotation.__name__))
        if service is None and module.startswith("structlog."):
            return "structlog"
        return service
    for member in getattr(annotation, "__args__", ()):
        if isinstance(member, type) and (service := _service_of(member)) is not None:
            return service
    return None


class Arguments:
    """What a task's function is called with."""

    __slots__ = ("args", "kwargs")

    def __init__(self, args: list[Any], kwargs: dict[str, Any]) -> None:
        self.args = args
        self.kwargs = kwargs


def bind(
    function: Callable[..., Any],
    *,
    context: Context,
    client: Client,
    logs: LogChannel,
    bindings: Sequence[messages.TaskArgBinding] | None,
) -> Arguments:
    """Return the arguments to call a task's function with.

    Arguments:
        function: the task's function.
        context: what `Context` parameters receive.
        client: what client parameters receive, and what fetches upstream XComs.
        logs: where the loggers write.
        bindings: ``ti_context.arg_bindings``; None when the supervisor sent none.

    Raises:
        ArgumentError: a data parameter has no value, a value has no parameter, or a value does not fit the parameter's type.
        ApiError: Airflow could not give an upstream XCom.
    """
    signature = signature_of(function)
    given: dict[str, Any] = {}
    rest: list[Any] = []
    if bindings:
        given, rest = _assign(function, signature, bindings, client)
    arguments = Arguments([], {})
    by_position = True
    for parameter in signature.parameters:
        if parameter.service is not None:
            value = _service(parameter.service, context, client, logs)
        elif parameter.name in given:
            value = given.pop(parameter.name)
            if parameter.annotation is not MISSING:
                value = _converted(value, parameter)
        elif parameter.required:
            raise ArgumentError(_nothing_bound(function, parameter, bindings, context))
        else:
            # The default stays; what follows must go by name.
            by_position = False
            continue
        if parameter.keyword_only or (not by_position and not parameter.positional_only):
            arguments.kwargs[parameter.name] = value
        elif by_position:
            arguments.args.append(value)
        else:
            raise ArgumentError(
                f"parameter {parameter.name!r} of {_name(function)} is positional-only and follows one that keeps its default; "
                "drop the '/' from the signature"
            )
    arguments.args.extend(rest)
    arguments.kwargs.update(given)
    return arguments


def _assign(
    function: Callable[..., Any],
    signature: Signature,
    bindings: Sequence[messages.TaskArgBinding],
    client: Client,
) -> tuple[dict[str, Any], list[Any]]:
    """Say which binding fills which parameter: by name when all names fit, else by position."""
    data = signature.data
    names = {each.name for each in data if not each.positional_only}
    if all(binding.name in names for binding in bindings) or (
        signature.var_keyword and any(binding.name in names for binding in bindings)
    ):
        return {binding.name: _value(binding, client) for binding in bindings}, []
    positional = [each for each in data if not each.keyword_only]
    for position, binding in enumerate(bindings):
        if binding.name in names and (
            position >= len(positional) or positional[position].name != binding.name
        ):
            raise ArgumentError(
                f"the stub's arguments ({', '.join(each.name for each in bindings)}) fit the parameters of {_name(function)} "
                f"({', '.join(each.name for each in data)}) neither by name nor by position; give both the same names"
            )
    if len(bindings) > len(positional) and not signature.var_positional:
        raise ArgumentError(
            f"{_name(function)} takes {len(positional)} data argument(s) by position "
            f"({', '.join(each.name for each in positional) or 'none'}), but the stub passes {len(bindings)} "
            f"({', '.join(each.name for each in bindings)}); change one of the two"
        )
    values = [_value(binding, client) for binding in bindings]
    given = {parameter.name: value for parameter, value in zip(positional, values)}  # noqa: B905  (the rest goes to *args)
    return given, values[len(positional) :]


def _value(binding: messages.TaskArgBinding, client: Client) -> Any:
    if binding.kind == "literal":
        return binding.value
    # An upstream that returned None pushed nothing, and TaskFlow hands on None then.
    return client.get_xcom("return_value", task_id=binding.task_id, default=None)


def _converted(value: Any, parameter: Parameter) -> Any:
    annotation = parameter.annotation
    if annotation is type(value) and annotation in (int, str, float, bool):
        return value
    if isinstance(annotation, Unresolved):
        raise ArgumentError(
            f"the type {annotation.text!r} of parameter {parameter.name!r} does not exist at run time ({annotation.reason}); "
            "import it outside of `if TYPE_CHECKING:`"
        )
    from afbundle.runtime.convert import convert

    return convert(value, annotation, parameter=parameter.name)


def _service(service: str, context: Context, client: Client, logs: LogChannel) -> Any:
    if service == "context":
        return context
    if service == "client":
        return client
    if service == "logger":
        from afbundle.runtime.logs import Logger

        return Logger(logs, context.task_id)
    if service == "logging":
        return sys.modules["logging"].getLogger(context.task_id)
    from afbundle.runtime.log_bridges import structlog_logger

    return structlog_logger(logs, context.task_id)


def _nothing_bound(
    function: Callable[..., Any],
    parameter: Parameter,
    bindings: Sequence[messages.TaskArgBinding] | None,
    context: Context,
) -> str:
    if bindings:
        return (
            f"nothing fills parameter {parameter.name!r} of {_name(function)}: the stub passes only "
            f"{', '.join(each.name for each in bindings)}; pass it in the stub Dag, or give the parameter a default"
        )
    return (
        f"nothing fills parameter {parameter.name!r} of {_name(function)}: Airflow sent no arguments for task "
        f"{context.task_id!r}. Arguments of a stub's TaskFlow call need Airflow 3.4 and a bundle packed with "
        "--supervisor-schema-version 2026-10-30, and the stub must be called with them. On Airflow 3.3, take the value from "
        "client.get_xcom(…) or context.conf, or give the parameter a default"
    )


def _name(function: Callable[..., Any]) -> str:
    return f"{getattr(function, '__name__', repr(function))}()"
