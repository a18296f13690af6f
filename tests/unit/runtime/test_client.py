"""What a task's client sends, what it makes of the answers, and what it looks up elsewhere."""

from __future__ import annotations

import asyncio
import inspect
import json
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from typing_extensions import assert_type

from afbundle.exceptions import (
    ApiError,
    ConnectionNotFound,
    InvalidConnection,
    InvalidVariable,
    UnexpectedAnswer,
    ValueNotSerializable,
    VariableNotFound,
    XComNotFound,
)
from afbundle.runtime import client as client_module
from afbundle.runtime.client import Client, ConnectionClient, VariableClient, XComClient
from afbundle.runtime.connection import Connection
from afbundle.runtime.masking import Masker
from afbundle.wire import messages
from tests.unit.runtime.fake_supervisor import End, FakeSupervisor

TI = SimpleNamespace(dag_id="d", run_id="r", task_id="t", map_index=-1)
MAPPED = SimpleNamespace(dag_id="d", run_id="r", task_id="t", map_index=3)

METHODS = [
    "get_connection",
    "get_variable",
    "get_variable_json",
    "set_variable",
    "delete_variable",
    "get_xcom",
    "push_xcom",
    "delete_xcom",
]

Call = Callable[..., Any]


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> Masker:
    """A masker of the test's own in the place of the process's."""
    fresh = Masker()
    monkeypatch.setattr(client_module, "masker", fresh)
    return fresh


class Answering:
    """Stands for the channel: keeps what is asked, and gives or raises the prepared answers in order."""

    def __init__(self, *answers: Any) -> None:
        self.asked: list[dict[str, Any]] = []
        self._answers = list(answers)

    def request(self, message: messages.Message) -> messages.Message | None:
        self.asked.append(message.to_body())
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return messages.from_body(answer) if answer is not None else None

    async def arequest(self, message: messages.Message) -> messages.Message | None:
        await asyncio.sleep(0)
        return self.request(message)


@pytest.fixture(params=["blocking", "awaitable"])
def call(request: pytest.FixtureRequest) -> Call:
    """Call a method by its blocking name: in this form, or in its awaitable twin."""

    def blocking(client: Client, name: str, *args: Any, **kwargs: Any) -> Any:
        return getattr(client, name)(*args, **kwargs)

    def awaitable(client: Client, name: str, *args: Any, **kwargs: Any) -> Any:
        return asyncio.run(getattr(client, f"a{name}")(*args, **kwargs))

    return blocking if request.param == "blocking" else awaitable


def variable(value: str | None) -> dict[str, Any]:
    return {"type": "VariableResult", "key": "k", "value": value}


def xcom(value: Any) -> dict[str, Any]:
    return {"type": "XComResult", "key": "k", "value": value}


CONNECTION = {
    "type": "ConnectionResult",
    "conn_id": "wh",
    "conn_type": "postgres",
    "host": "db",
    "schema": "s",
    "login": "u",
    "password": "hunter-22",
    "port": 5432,
    "extra": '{"region": "eu-central", "api_key": "hunter-33", "nested": {"token": "hunter-44"}}',
}


def not_found(error: str) -> ApiError:
    return ApiError.of(error, {"key": "k"})


# ---- variables


def test_a_variable_is_its_text(call: Call) -> None:
    channel = Answering(variable("text"))
    assert call(Client(channel, TI), "get_variable", "k") == "text"
    assert channel.asked == [{"type": "GetVariable", "key": "k"}]


@pytest.mark.parametrize("answer", [not_found("VARIABLE_NOT_FOUND"), variable(None)], ids=["missing", "null"])
def test_a_variable_that_is_not_there_raises_or_gives_the_default(call: Call, answer: Any) -> None:
    client = Client(Answering(answer, answer, answer), TI)
    with pytest.raises(VariableNotFound):
        call(client, "get_variable", "k")
    assert call(client, "get_variable", "k", None) is None
    assert call(client, "get_variable", "k", default="d") == "d"


def test_another_error_is_not_answered_with_the_default(call: Call) -> None:
    client = Client(Answering(not_found("PERMISSION_DENIED")), TI)
    with pytest.raises(ApiError, match="PERMISSION_DENIED"):
        call(client, "get_variable", "k", "default")


def test_a_json_variable_is_parsed(call: Call) -> None:
    client = Client(Answering(variable('{"a": [1, null]}')), TI)
    assert call(client, "get_variable_json", "k") == {"a": [1, None]}


def test_a_json_variable_that_is_not_there_raises_or_gives_the_default_as_it_is(call: Call) -> None:
    missing = not_found("VARIABLE_NOT_FOUND")
    client = Client(Answering(missing, missing), TI)
    with pytest.raises(VariableNotFound):
        call(client, "get_variable_json", "k")
    assert call(client, "get_variable_json", "k", "{not json") == "{not json"


def test_a_json_variable_with_other_text_is_named_and_not_quoted(call: Call) -> None:
    client = Client(Answering(variable("hunter-22")), TI)
    with pytest.raises(InvalidVariable, match="variable 'k' is no JSON") as caught:
        call(client, "get_variable_json", "k")
    assert "hunter" not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        ("text", "text"),
        ({"a": 1}, '{\n  "a": 1\n}'),
        ([1, (2,)], json.dumps([1, [2]], indent=2)),
        (None, "null"),
        (5, "5"),
    ],
)
def test_a_variable_is_stored_as_text_or_json(call: Call, value: Any, stored: str) -> None:
    channel = Answering(None)
    call(Client(channel, TI), "set_variable", "k", value, description="why")
    assert channel.asked == [{"type": "PutVariable", "key": "k", "value": stored, "description": "why"}]


def test_a_variable_is_deleted(call: Call) -> None:
    channel = Answering({"type": "OKResponse", "ok": True})
    assert call(Client(channel, TI), "delete_variable", "k") is None
    assert channel.asked == [{"type": "DeleteVariable", "key": "k"}]


@pytest.mark.parametrize("value", ["from the environment", ""])
def test_the_environment_goes_first_for_variables(
    call: Call, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_MY.KEY-1", value)
    assert call(Client(Answering(), TI), "get_variable", "my.Key-1") == value


def test_the_environment_goes_first_for_json_variables(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_K", "[1]")
    assert call(Client(Answering(), TI), "get_variable_json", "k") == [1]


# ---- connections


def test_a_connection_has_all_fields(call: Call) -> None:
    channel = Answering(CONNECTION)
    conn = call(Client(channel, TI), "get_connection", "wh")
    assert channel.asked == [{"type": "GetConnection", "conn_id": "wh"}]
    assert conn == Connection(
        "wh",
        "postgres",
        host="db",
        schema="s",
        login="u",
        password="hunter-22",
        port=5432,
        extra=str(CONNECTION["extra"]),
    )


def test_a_connection_that_is_not_there_raises(call: Call) -> None:
    with pytest.raises(ConnectionNotFound):
        call(Client(Answering(not_found("CONNECTION_NOT_FOUND")), TI), "get_connection", "wh")


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://u:hunter-22@db:5432/s",
        ' {"conn_type": "postgres", "host": "db", "schema": "s", "login": "u", "password": "hunter-22", "port": "5432"} ',
    ],
    ids=["uri", "json"],
)
def test_the_environment_goes_first_for_connections(
    call: Call, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_WH_1", text)
    conn = call(Client(Answering(), TI), "get_connection", "wh_1")
    assert conn == Connection(
        "wh_1", "postgres", host="db", schema="s", login="u", password="hunter-22", port=5432
    )


def test_an_empty_connection_in_the_environment_is_none(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_WH", " ")
    assert call(Client(Answering(CONNECTION), TI), "get_connection", "wh").host == "db"


def test_a_broken_connection_in_the_environment_is_an_error(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_WH", "{broken hunter-22")
    with pytest.raises(InvalidConnection, match="'wh'") as caught:
        call(Client(Answering(), TI), "get_connection", "wh")
    assert "hunter" not in str(caught.value)


def test_the_environment_is_read_when_nobody_imported_os() -> None:
    code = """
from afbundle.runtime.client import Client
assert "os" not in sys.modules
print(Client(None, None).get_variable("x"))
"""
    source = next(path for path in sys.path if path.endswith("src"))
    shown = subprocess.run(
        [sys.executable, "-ISc", f"import sys; sys.path.append({source!r})\n{code}"],
        env={"AIRFLOW_VAR_X": "ü"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert shown.stdout == "ü\n", shown.stderr


# ---- XComs

OWN = {"dag_id": "d", "run_id": "r", "task_id": "t"}


@pytest.mark.parametrize(
    ("ti", "given", "sent"),
    [
        (TI, {}, OWN),
        (SimpleNamespace(dag_id="d", run_id="r", task_id="t", map_index=None), {}, OWN),
        (MAPPED, {}, {**OWN, "map_index": 3}),
        (MAPPED, {"task_id": "t"}, {**OWN, "map_index": 3}),
        (MAPPED, {"map_index": -1}, OWN),
        (MAPPED, {"map_index": 0}, {**OWN, "map_index": 0}),
        # Another task's XCom: its unmapped instance, unless said otherwise.
        (MAPPED, {"task_id": "up"}, {**OWN, "task_id": "up"}),
        (MAPPED, {"run_id": "earlier"}, {**OWN, "run_id": "earlier"}),
        (MAPPED, {"dag_id": "other", "map_index": 2}, {**OWN, "dag_id": "other", "map_index": 2}),
        (TI, {"task_id": "up", "map_index": 1}, {**OWN, "task_id": "up", "map_index": 1}),
    ],
)
def test_an_xcom_is_this_tasks_unless_said_otherwise(
    call: Call, ti: Any, given: dict[str, Any], sent: dict[str, Any]
) -> None:
    channel = Answering(xcom(1), None, None)
    client = Client(channel, ti)
    assert call(client, "get_xcom", "k", **given) == 1
    call(client, "push_xcom", "k", 2, **given)
    call(client, "delete_xcom", "k", **given)
    assert channel.asked == [
        {"type": "GetXCom", "key": "k", **sent},
        {"type": "SetXCom", "key": "k", "value": 2, **sent},
        {"type": "DeleteXCom", "key": "k", **sent},
    ]


def test_a_tasks_result_is_the_default_key_and_options_are_passed_on(call: Call) -> None:
    channel = Answering(xcom({"rows": []}), None)
    client = Client(channel, TI)
    assert call(client, "get_xcom", task_id="up", include_prior_dates=True) == {"rows": []}
    call(client, "push_xcom", "k", [1, 2], mapped_length=2)
    assert channel.asked == [
        {"type": "GetXCom", "key": "return_value", **OWN, "task_id": "up", "include_prior_dates": True},
        {"type": "SetXCom", "key": "k", "value": [1, 2], **OWN, "mapped_length": 2},
    ]


@pytest.mark.parametrize("answer", [not_found("XCOM_NOT_FOUND"), xcom(None)], ids=["missing", "null"])
def test_an_xcom_that_is_not_there_raises_or_gives_the_default(call: Call, answer: Any) -> None:
    client = Client(Answering(answer, answer, answer), TI)
    with pytest.raises(XComNotFound):
        call(client, "get_xcom", "k")
    assert call(client, "get_xcom", "k", default=None) is None
    assert call(client, "get_xcom", "k", default=[]) == []


@pytest.mark.parametrize("value", [0, "", [], {}, False])
def test_empty_values_are_values(call: Call, value: Any) -> None:
    assert call(Client(Answering(xcom(value)), TI), "get_xcom", "k", default="d") == value


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            {"rows": [1, 2, 3, {4}]},
            "value['rows'][3]: a set is not JSON; convert it with sorted(…) or list(…)",
        ),
        ([float("nan")], "value[0]: the float is nan"),
        (float("-inf"), "value: the float is -inf"),
        ({"a": {1: 2}}, "value['a']: the dict has the key 1 of type int; JSON knows only str keys"),
        (pytest, "value: a module is not JSON; "),
        (b"x", "value: a bytes is not JSON; decode it"),
        (2**64, "value: the int needs more than 64 bits"),
        ("\ud800", "value: the str holds half of a surrogate pair"),
        ({"\ud800": 1}, "half of a surrogate pair"),
    ],
)
def test_a_value_that_is_not_json_is_refused_before_anything_is_sent(
    call: Call, value: Any, message: str
) -> None:
    client = Client(Answering(), TI)
    for method in ("push_xcom", "set_variable"):
        with pytest.raises(ValueNotSerializable) as caught:
            call(client, method, "k", value)
        assert message in str(caught.value)


def iter_nothing() -> Iterator[int]:
    yield from ()


def test_remedies_are_named_for_common_types() -> None:
    import dataclasses
    import datetime
    import decimal
    import enum
    import pathlib
    import uuid

    import msgspec
    import pydantic

    @dataclasses.dataclass
    class Data:
        pass

    class Struct(msgspec.Struct):
        pass

    class Model(pydantic.BaseModel):
        size: int = 1

    class Plain(enum.Enum):
        A = object()

    values = {
        ".isoformat()": datetime.datetime(2024, 1, 1),
        ".total_seconds()": datetime.timedelta(1),
        "str(…)": pathlib.Path("x"),
        "float(…)": decimal.Decimal(1),
        "convert it with str(…)": uuid.UUID(int=1),
        ".value": Plain.A,
        "asdict": Data(),
        "to_builtins": Struct(),
        "model_dump": Model(),
        "list(…)": iter_nothing(),
    }
    for remedy, value in values.items():
        with pytest.raises(ValueNotSerializable) as caught:
            Client(Answering(), TI).push_xcom("k", [value])
        assert remedy in str(caught.value)
        assert str(caught.value).startswith("value[0]: ")


def test_values_nested_deeper_than_airflow_takes_and_endless_ones_are_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    deep: Any = 1
    for _ in range(201):
        deep = [deep]
    for value in (endless, deep):
        with pytest.raises(ValueNotSerializable, match="deeper than 200"):
            Client(Answering(), TI).push_xcom("k", value)
    channel = Answering(None)
    Client(channel, TI).push_xcom("k", deep[0])
    assert len(channel.asked) == 1


# ---- whatever is asked


@pytest.mark.parametrize("name", ["get_connection", "get_variable", "get_variable_json", "get_xcom"])
@pytest.mark.parametrize(
    "answer", [None, {"type": "OKResponse", "ok": True}], ids=["nothing", "another message"]
)
def test_an_answer_of_another_kind_is_named(call: Call, name: str, answer: Any) -> None:
    with pytest.raises(UnexpectedAnswer, match="nothing" if answer is None else "OKResponse"):
        call(Client(Answering(answer), TI), name, "k")


@pytest.mark.parametrize("name", METHODS)
def test_every_method_has_a_twin_of_the_same_signature(name: str) -> None:
    blocking, awaitable = getattr(Client, name), getattr(Client, f"a{name}")
    assert not inspect.iscoroutinefunction(blocking)
    assert inspect.iscoroutinefunction(awaitable)
    assert (blocking.__name__, awaitable.__name__) == (name, f"a{name}")
    assert blocking.__qualname__.endswith(f"Client.{name}")
    assert blocking.__doc__ == awaitable.__doc__
    assert blocking.__doc__
    assert inspect.signature(blocking).parameters == inspect.signature(awaitable).parameters
    assert "conn_id" in str(inspect.signature(Client.get_connection))


def test_a_client_is_all_of_its_narrower_forms() -> None:
    client = Client(Answering(), TI)
    assert isinstance(client, ConnectionClient)
    assert isinstance(client, VariableClient)
    assert isinstance(client, XComClient)
    methods = {name for name in dir(Client) if not name.startswith("_")}
    assert methods == {*METHODS, *(f"a{name}" for name in METHODS)}


def types_of_twins(client: Client) -> None:
    """Checked by mypy, never called."""
    assert_type(client.get_variable("k"), str)
    assert_type(client.get_variable("k", None), str | None)
    assert_type(client.get_variable("k", default=5), str | int)
    variable: Coroutine[Any, Any, str | None] = assert_type(
        client.aget_variable("k", None), Coroutine[Any, Any, str | None]
    )
    assert_type(client.get_connection("c"), Connection)
    connection: Coroutine[Any, Any, Connection] = client.aget_connection("c")
    del variable, connection
    client.push_xcom("k", 1, task_id=5)  # type: ignore[arg-type]
    client.apush_xcom("k", 1, colour=5)  # type: ignore[call-arg, unused-coroutine]


# ---- secrets


def test_a_connections_secrets_are_masked_from_then_on(call: Call, secrets: Masker) -> None:
    call(Client(Answering(CONNECTION), TI), "get_connection", "wh")
    assert secrets.mask("db eu-central hunter-22 hunter-33 hunter-44") == "db eu-central *** *** ***"


def test_an_extra_that_is_no_json_is_secret_as_a_whole(call: Call, secrets: Masker) -> None:
    call(Client(Answering({**CONNECTION, "extra": "token=hunter-55"}), TI), "get_connection", "wh")
    assert secrets.mask("extra: token=hunter-55") == "extra: ***"


def test_secrets_of_the_environment_are_masked(
    call: Call, secrets: Masker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_WH", "db://u:hunter%3F22@h")
    monkeypatch.setenv("AIRFLOW_VAR_MY_TOKEN", "hunter-66")
    client = Client(Answering(), TI)
    call(client, "get_connection", "wh")
    call(client, "get_variable", "my_token")
    assert secrets.mask("hunter?22 hunter-66 db://u:hunter%3F22@h") == "*** *** ***"


def test_variables_are_masked_when_their_key_or_a_key_inside_is_sensitive(
    call: Call, secrets: Masker
) -> None:
    client = Client(
        Answering(
            variable("plain-value"),
            variable("hunter-22"),
            variable('{"password": "hunter-33", "host": "harmless"}'),
            variable('["hunter-44"]'),
            None,
            not_found("VARIABLE_NOT_FOUND"),
        ),
        TI,
    )
    call(client, "get_variable", "region")
    call(client, "get_variable", "db_password")
    call(client, "get_variable_json", "settings")
    call(client, "get_variable_json", "api_keys")
    call(client, "set_variable", "new_secret", "hunter-55")
    call(client, "get_variable", "missing_token", "hunter-66")
    shown = "plain-value hunter-22 hunter-33 harmless hunter-44 hunter-55 hunter-66"
    assert secrets.mask(shown) == "plain-value *** *** harmless *** *** ***"


def test_everything_together_over_a_channel() -> None:
    def script(end: End) -> None:
        while (request := end.receive()) is not None:
            assert request.body is not None
            if request.body["type"] == "GetConnection":
                end.reply(request.id, CONNECTION)
            elif request.body["type"] == "GetXCom":
                end.reply(
                    request.id, None, {"type": "ErrorResponse", "error": "XCOM_NOT_FOUND", "detail": None}
                )
            else:
                end.reply(request.id)

    with FakeSupervisor(script) as channel:
        client = Client(channel, TI)
        assert client.get_connection("wh").port == 5432
        assert client.get_xcom("k", default=7) == 7
        client.push_xcom("k", ({"a": ()},))

        async def main() -> None:
            results = await asyncio.gather(*(client.aget_connection("wh") for _ in range(10)))
            assert {each.port for each in results} == {5432}

        asyncio.run(main())
