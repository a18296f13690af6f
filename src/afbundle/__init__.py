"""Pack Python tasks and Dags into one executable file that Apache Airflow runs.

The names below are the whole public API of this package's root. They are resolved on first use, because a task
process pays for every import before its task can start.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from afbundle import exceptions
    from afbundle._version import __version__
    from afbundle.runtime.client import Client, ConnectionClient, VariableClient, XComClient
    from afbundle.runtime.connection import Connection
    from afbundle.runtime.context import CancelledEvent, Context
    from afbundle.runtime.door import serve
    from afbundle.runtime.logs import Logger
    from afbundle.runtime.registry import Bundle, BundleInfo, BundleProvider, Dag, Registry

__all__ = [
    "Bundle",
    "BundleInfo",
    "BundleProvider",
    "CancelledEvent",
    "Client",
    "Connection",
    "ConnectionClient",
    "Context",
    "Dag",
    "Logger",
    "Registry",
    "VariableClient",
    "XComClient",
    "__version__",
    "exceptions",
    "serve",
]

_HOME_OF = {
    "Bundle": "afbundle.runtime.registry",
    "BundleInfo": "afbundle.runtime.registry",
    "BundleProvider": "afbundle.runtime.registry",
    "CancelledEvent": "afbundle.runtime.context",
    "Client": "afbundle.runtime.client",
    "Connection": "afbundle.runtime.connection",
    "ConnectionClient": "afbundle.runtime.client",
    "Context": "afbundle.runtime.context",
    "Dag": "afbundle.runtime.registry",
    "Logger": "afbundle.runtime.logs",
    "Registry": "afbundle.runtime.registry",
    "VariableClient": "afbundle.runtime.client",
    "XComClient": "afbundle.runtime.client",
    "__version__": "afbundle._version",
    "exceptions": "afbundle",
    "serve": "afbundle.runtime.door",
}


def __getattr__(name: str) -> object:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if home == __name__:
        # A submodule: importing it sets the attribute.
        return __import__(f"{home}.{name}", None, None, ("*",))
    value = getattr(__import__(home, None, None, (name,)), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
