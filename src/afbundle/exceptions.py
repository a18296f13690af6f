"""Every exception that afbundle raises to its users.

A failure that Airflow reported has the base `ApiError`; what a bundle's author got wrong has the base
`AuthoringError`; a supervisor that went away is `ChannelClosed`.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

__all__ = [
    "AfbundleError",
    "ApiError",
    "ArgumentError",
    "AssetNotFound",
    "AuthoringError",
    "ChannelClosed",
    "ConnectionNotFound",
    "InvalidConnection",
    "InvalidVariable",
    "NotFoundError",
    "RegistrationError",
    "StoreKeyNotFound",
    "TaskTerminated",
    "UnexpectedAnswer",
    "ValueNotSerializable",
    "VariableNotFound",
    "XComNotFound",
]


class AfbundleError(Exception):
    """Base of every error that afbundle raises on purpose."""


class AuthoringError(AfbundleError):
    """The bundle's own code asks for something impossible; the message names the fix."""


class RegistrationError(AuthoringError, ValueError):
    """A Dag or task cannot be registered: duplicate, empty or non-string id, or a function without a name."""


class ArgumentError(AuthoringError, TypeError):
    """A task's parameter cannot be filled; names the parameter, the expected and the given type."""


class ValueNotSerializable(AuthoringError, TypeError):
    """A value that should travel through Airflow (XCom, return value) is not JSON."""


class InvalidConnection(AfbundleError, ValueError):
    """A connection's definition (in ``AIRFLOW_CONN_<ID>``) is neither a connection URI nor a JSON object of one."""


class InvalidVariable(AfbundleError, ValueError):
    """A variable that was asked for as JSON holds something else."""


class ChannelClosed(AfbundleError):
    """The supervisor closed the connection, so nothing more can be asked of Airflow."""


class UnexpectedAnswer(AfbundleError):
    """The supervisor sent a message that this afbundle does not know, or not the one that was asked for."""


class TaskTerminated(BaseException):
    """The supervisor told this task to stop and its grace period is over.

    Like `KeyboardInterrupt` it is not an `Exception`, so that ``except Exception`` in a task does not swallow it.
    """


class ApiError(AfbundleError):
    """Airflow answered a request with an error.

    Arguments:
        error: the error's name, one of ``ErrorType`` of the supervisor schema (for example ``API_SERVER_ERROR``).
        detail: what Airflow added: a mapping, or None.
    """

    def __init__(self, error: str, detail: Mapping[str, Any] | None = None) -> None:
        super().__init__(error, detail)
        self.error = error
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.error}: {self.detail}" if self.detail else self.error

    @staticmethod
    def of(error: str, detail: Mapping[str, Any] | None = None) -> ApiError:
        """Return the most exact error type for an ``ErrorResponse`` (supervisor schema 2026-06-16)."""
        return _BY_NAME.get(error, ApiError)(error, detail)


class NotFoundError(ApiError):
    """Airflow has nothing of that name."""


class ConnectionNotFound(NotFoundError):
    """No connection has that id."""


class VariableNotFound(NotFoundError):
    """No variable has that key."""


class XComNotFound(NotFoundError):
    """No XCom was pushed under that key by that task instance."""


class AssetNotFound(NotFoundError):
    """No asset has that name or URI."""


class StoreKeyNotFound(NotFoundError):
    """The task or asset state store has no such key."""


_BY_NAME: dict[str, type[ApiError]] = {
    "CONNECTION_NOT_FOUND": ConnectionNotFound,
    "VARIABLE_NOT_FOUND": VariableNotFound,
    "XCOM_NOT_FOUND": XComNotFound,
    "ASSET_NOT_FOUND": AssetNotFound,
    "TASK_STORE_NOT_FOUND": StoreKeyNotFound,
    "ASSET_STORE_NOT_FOUND": StoreKeyNotFound,
}
