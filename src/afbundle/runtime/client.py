"""`Client`: what a task can ask of Airflow, and the narrower forms of it.

Each feature is written once, as a generator that yields the message to send and receives the answer; `twins` makes the blocking
and the awaitable method of it. Everything that is secret in an answer is reported to `afbundle.runtime.masking` before the task
sees it.

Variables and connections are looked up in this process's environment first (``AIRFLOW_VAR_<KEY>``, ``AIRFLOW_CONN_<ID>``, upper
case), as the Python Task SDK does (1.3.2 and 1.4.0b2).
"""

from __future__ import annotations

import sys

from afbundle.exceptions import UnexpectedAnswer, VariableNotFound, XComNotFound
from afbundle.runtime.jsonvalue import check_json, loads
from afbundle.runtime.masking import masker
from afbundle.runtime.twins import twins
from afbundle.wire import messages

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final, Protocol, TypeVar

    from afbundle.runtime.connection import Connection
    from afbundle.runtime.jsonvalue import JsonValue
    from afbundle.runtime.twins import Dialogue, Requester

    Default = TypeVar("Default")

    class TaskIdentity(Protocol):
        """The task instance that asks; ``messages.TaskInstance`` is one.

        ``map_index`` is -1 (or None) when the task is not mapped.
        """

        @property
        def dag_id(self) -> str: ...
        @property
        def run_id(self) -> str: ...
        @property
        def task_id(self) -> str: ...
        @property
        def map_index(self) -> int | None: ...


__all__ = ["Client", "ConnectionClient", "VariableClient", "XComClient"]


class _Raise:
    """Stands for a default that was not given."""

    def __repr__(self) -> str:
        return "<raise>"


_RAISE: Final = _Raise()


class _Asking:
    """What all clients have.

    Arguments:
        channel: answers messages.
        ti: the task instance that asks.
    """

    __slots__ = ("_channel", "_ti")

    def __init__(self, channel: Requester, ti: TaskIdentity) -> None:
        self._channel = channel
        self._ti = ti


class ConnectionClient(_Asking):
    """Fetches connections."""

    __slots__ = ()

    def _get_connection(self, conn_id: str) -> Dialogue[Connection]:
        """Return a connection; its password and what is sensitive in its extra are masked from now on.

        Arguments:
            conn_id: the connection's id. ``AIRFLOW_CONN_<CONN_ID>`` of the environment (a URI or a JSON object) goes first.

        Raises:
            ConnectionNotFound: there is none of that id.
            InvalidConnection: the environment's definition cannot be read.
            ApiError: Airflow could not answer, for example ``PERMISSION_DENIED``.
            ChannelClosed: the supervisor is gone.
        """
        from afbundle.runtime.connection import Connection

        text = (_from_environment(f"AIRFLOW_CONN_{conn_id.upper()}") or "").strip()
        if text:
            masker.add(text)
            parse = Connection.from_json if text.startswith("{") else Connection.from_uri
            connection = parse(text, conn_id)
        else:
            answer = yield messages.GetConnection(conn_id=conn_id)
            if not isinstance(answer, messages.ConnectionResult):
                raise _unexpected(answer, f"connection {conn_id!r}")
            connection = Connection(
                answer.conn_id,
                answer.conn_type,
                host=answer.host,
                schema=answer.schema,
                login=answer.login,
                password=answer.password,
                port=answer.port,
                extra=answer.extra,
            )
        masker.add(connection.password)
        masker.add(connection.extra or connection._extra_json)
        return connection

    get_connection, aget_connection = twins(_get_connection)


class VariableClient(_Asking):
    """Reads and writes variables."""

    __slots__ = ()

    def _get_variable(self, key: str, default: Default | _Raise = _RAISE) -> Dialogue[str | Default]:
        """Return a variable's text; it is masked from now on when the key is sensitive.

        Arguments:
            key: the variable's key. ``AIRFLOW_VAR_<KEY>`` of the environment goes first.
            default: what to return when there is no such variable, or it is null.

        Raises:
            VariableNotFound: there is none of that key, and no default.
            ApiError: Airflow could not answer, for example ``PERMISSION_DENIED``.
            ChannelClosed: the supervisor is gone.
        """
        value = _from_environment(f"AIRFLOW_VAR_{key.upper()}")
        if value is None:
            try:
                answer = yield messages.GetVariable(key=key)
                if not isinstance(answer, messages.VariableResult):
                    raise _unexpected(answer, f"variable {key!r}")
                value = answer.value
                if value is None:
                    raise VariableNotFound("VARIABLE_NOT_FOUND", {"key": key})
            except VariableNotFound:
                if isinstance(default, _Raise):
                    raise
                masker.add(default, key)
                return default
        masker.add(value, key)
        return value

    get_variable, aget_variable = twins(_get_variable)

    def _get_variable_json(self, key: str, default: JsonValue | _Raise = _RAISE) -> Dialogue[JsonValue]:
        """Return the JSON value that a variable holds; what is sensitive in it is masked from now on.

        Arguments:
            key: as for `get_variable`.
            default: what to return when there is no such variable; not parsed.

        Raises:
            InvalidVariable: its text is no JSON.
            VariableNotFound, ApiError, ChannelClosed: as `get_variable`.
        """
        try:
            text = yield from self._get_variable(key)
        except VariableNotFound:
            if isinstance(default, _Raise):
                raise
            value = default
        else:
            try:
                value = loads(text)
            except ValueError as error:
                from afbundle.exceptions import InvalidVariable

                raise InvalidVariable(
                    f"variable {key!r} is no JSON ({error}); read it with get_variable(), or mend its value"
                ) from None
        masker.add(value, key)
        return value

    get_variable_json, aget_variable_json = twins(_get_variable_json)

    def _set_variable(
        self, key: str, value: str | JsonValue, description: str | None = None
    ) -> Dialogue[None]:
        """Store a variable.

        Arguments:
            key: the variable's key.
            value: a str is stored as it is, anything else as JSON, for `get_variable_json`.
            description: shown in Airflow's UI.

        Raises:
            ValueNotSerializable: the value is neither a str nor JSON.
            ApiError, ChannelClosed: as `get_variable`.
        """
        check_json(value, "value")
        masker.add(value, key)
        if not isinstance(value, str):
            import json

            value = json.dumps(
                value, indent=2
            )  # as Airflow's own serialize_json does; people edit it in the UI
        yield messages.PutVariable(key=key, value=value, description=description)

    set_variable, aset_variable = twins(_set_variable)

    def _delete_variable(self, key: str) -> Dialogue[None]:
        """Delete a variable; none of that key is no error.

        Raises:
            ApiError, ChannelClosed: as `get_variable`.
        """
        yield messages.DeleteVariable(key=key)

    delete_variable, adelete_variable = twins(_delete_variable)


class XComClient(_Asking):
    """Reads and writes XComs.

    Dag, run and task default to those of the task that asks. So does the map index, as long as it is this very task; another
    task's XCom is that of its unmapped instance unless ``map_index`` says which.
    """

    __slots__ = ()

    def _get_xcom(
        self,
        key: str = "return_value",
        *,
        task_id: str | None = None,
        dag_id: str | None = None,
        run_id: str | None = None,
        map_index: int | None = None,
        default: Any = _RAISE,
        include_prior_dates: bool = False,
    ) -> Dialogue[Any]:
        """Return the value that a task instance pushed.

        Arguments:
            key: the XCom's key; a task's result is ``return_value``.
            task_id: whose; this task when left out. Likewise ``dag_id`` and ``run_id``.
            map_index: which instance of a mapped task, from 0; -1 for an unmapped one.
            default: what to return when there is no such XCom. Airflow answers alike for one that holds null.
            include_prior_dates: look in earlier runs, too, newest first.

        Raises:
            XComNotFound: there is none, or it is null, and no default.
            ApiError: Airflow could not answer.
            ChannelClosed: the supervisor is gone.
        """
        place = self._place(dag_id, run_id, task_id, map_index)
        if include_prior_dates:
            place["include_prior_dates"] = True
        try:
            answer = yield messages.GetXCom(key=key, **place)
            if not isinstance(answer, messages.XComResult):
                raise _unexpected(answer, f"XCom {key!r}")
            value: Any = answer.value
            if value is None:
                raise XComNotFound("XCOM_NOT_FOUND", {"key": key, **place})
        except XComNotFound:
            if default is _RAISE:
                raise
            return default
        return value

    get_xcom, aget_xcom = twins(_get_xcom)

    def _push_xcom(
        self,
        key: str,
        value: JsonValue,
        *,
        task_id: str | None = None,
        dag_id: str | None = None,
        run_id: str | None = None,
        map_index: int | None = None,
        mapped_length: int | None = None,
    ) -> Dialogue[None]:
        """Store a value for other tasks.

        Arguments:
            key: the XCom's key.
            value: None, bool, int, float, str, and lists and str-keyed dicts of those. Tuples arrive as lists.
            task_id: whose XCom; as for `get_xcom`, likewise ``dag_id``, ``run_id`` and ``map_index``.
            mapped_length: how many instances a downstream task that is mapped over this value gets.

        Raises:
            ValueNotSerializable: the value is no JSON; names the place and the remedy.
            ApiError, ChannelClosed: as `get_xcom`.
        """
        check_json(value, "value")
        place = self._place(dag_id, run_id, task_id, map_index)
        if mapped_length is not None:
            place["mapped_length"] = mapped_length
        yield messages.SetXCom(key=key, value=value, **place)

    push_xcom, apush_xcom = twins(_push_xcom)

    def _delete_xcom(
        self,
        key: str,
        *,
        task_id: str | None = None,
        dag_id: str | None = None,
        run_id: str | None = None,
        map_index: int | None = None,
    ) -> Dialogue[None]:
        """Delete an XCom; none of that key is no error. The arguments are those of `get_xcom`.

        Raises:
            ApiError, ChannelClosed: as `get_xcom`.
        """
        yield messages.DeleteXCom(key=key, **self._place(dag_id, run_id, task_id, map_index))

    delete_xcom, adelete_xcom = twins(_delete_xcom)

    def _place(
        self, dag_id: str | None, run_id: str | None, task_id: str | None, map_index: int | None
    ) -> dict[str, Any]:
        """Return the fields that say whose XCom. For an unmapped task instance the map index stays out."""
        ti = self._ti
        place: dict[str, Any] = {
            "dag_id": ti.dag_id if dag_id is None else dag_id,
            "run_id": ti.run_id if run_id is None else run_id,
            "task_id": ti.task_id if task_id is None else task_id,
        }
        if map_index is None and list(place.values()) == [ti.dag_id, ti.run_id, ti.task_id]:
            map_index = ti.map_index
        if map_index is not None and map_index >= 0:
            place["map_index"] = map_index
        return place


class Client(ConnectionClient, VariableClient, XComClient):
    """Everything that a task can ask of Airflow.

    A task gets one by annotating a parameter with `Client`, or with one of its narrower forms to say what it needs. All methods
    may be called from any thread; those with an ``a`` in front are their forms for ``async`` tasks.
    """

    __slots__ = ()


def _from_environment(name: str) -> str | None:
    os = sys.modules.get("os")
    if os is not None:
        value: str | None = os.environ.get(name)
        return value
    # Nobody imported os, so nobody changed its environ; the original costs no import.
    from posix import environ

    raw = environ.get(name.encode("utf-8", "surrogateescape"))
    return None if raw is None else raw.decode("utf-8", "surrogateescape")


def _unexpected(answer: object, what: str) -> UnexpectedAnswer:
    given = "nothing" if answer is None else type(answer).__name__
    return UnexpectedAnswer(f"the supervisor answered the request for {what} with {given}")
