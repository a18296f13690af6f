"""Messages are strict when made, lenient when read, immutable, and silent about secrets."""

from __future__ import annotations

import copy
import pickle
import re
from datetime import datetime, timedelta, timezone
from typing import Any, get_args

import pytest

from afbundle.wire import messages
from afbundle.wire.errors import InvalidMessage, LocalProtocolError
from tests.unit.wire.samples import MOMENT, message_names, sample, struct_names

TI_ID = "01234567-89ab-cdef-0123-456789abcdef"
DAG_RUN = {
    "dag_id": "etl",
    "run_id": "manual__1",
    "logical_date": MOMENT,
    "data_interval_start": MOMENT,
    "data_interval_end": MOMENT,
    "run_after": MOMENT,
    "start_date": MOMENT,
    "end_date": None,
    "run_type": "manual",
    "state": "running",
    "consumed_asset_events": [],
    "partition_key": None,
}
STARTUP = {
    "type": "StartupDetails",
    "ti": {
        "id": TI_ID,
        "task_id": "extract",
        "dag_id": "etl",
        "run_id": "manual__1",
        "try_number": 1,
        "dag_version_id": TI_ID,
    },
    "dag_rel_path": "etl.py",
    "bundle_info": {"name": "dags"},
    "start_date": MOMENT,
    "ti_context": {"dag_run": DAG_RUN, "max_tries": 1},
    "sentry_integration": "",
}


def startup(**ti_context: Any) -> Any:
    return messages.from_body({**STARTUP, "ti_context": {**STARTUP["ti_context"], **ti_context}})  # type: ignore[dict-item]


@pytest.mark.parametrize("name", struct_names())
def test_every_field_comes_back(name: str) -> None:
    made = sample(name)
    body = made.to_body()
    cls = getattr(messages, name)
    for field in cls.__fields__.values():
        value = getattr(made, field.name)
        assert value is not None
        # What an attribute shows may be given to a constructor again.
        assert cls(**{**body, field.name: value}) == made
    assert body.keys() == cls.__fields__.keys()


@pytest.mark.parametrize("name", message_names())
def test_every_message_has_its_type(name: str) -> None:
    body = sample(name).to_body()
    assert body["type"] == name
    assert messages.from_body(body) == sample(name)
    assert messages.from_body(body).__since__ in messages.SCHEMA_VERSIONS


def test_a_body_has_what_was_set() -> None:
    message = messages.GetXCom(key="k", dag_id="d", run_id="r", task_id="t", map_index=None)
    assert message.to_body() == {
        "type": "GetXCom",
        "key": "k",
        "dag_id": "d",
        "run_id": "r",
        "task_id": "t",
        "map_index": None,
    }
    assert message.include_prior_dates is False
    assert messages.SucceedTask(end_date=MOMENT).state == "success"
    assert "state" not in messages.SucceedTask(end_date=MOMENT).to_body()


def test_a_binding_gets_its_kind() -> None:
    assert messages.XComArgBinding(kind="xcom", name="rows", task_id="extract").to_body() == {
        "kind": "xcom",
        "name": "rows",
        "task_id": "extract",
    }
    assert messages.XComArgBinding(name="rows", task_id="extract").kind == "xcom"


def test_nested_structs_are_wrapped() -> None:
    details = startup()
    assert isinstance(details.ti, messages.TaskInstance)
    assert details.ti.task_id == "extract"
    assert isinstance(details.ti_context.dag_run, messages.DagRun)
    assert details.ti_context.dag_run.run_after == MOMENT
    assert details.bundle_info == messages.BundleInfo(name="dags")


def test_lists_and_maps_of_structs() -> None:
    outlet = messages.AssetProfile(name="a", type="Asset")
    message = messages.SucceedTask(
        end_date=MOMENT, task_outlets=[outlet], outlet_events=[{"extra": {"a": 1}}]
    )
    assert message.to_body()["task_outlets"] == [{"name": "a", "type": "Asset"}]
    assert message.task_outlets == [outlet]
    parsed = messages.DagFileParsingResult(
        fileloc="f",
        serialized_dags=[messages.LazyDeserializedDAG(data={"dag": {}})],
        dag_source_codes={"d": messages.DagSourceCode(source_code="x = 1", language="python")},
    )
    assert parsed.dag_source_codes["d"].language == "python"
    assert parsed.to_body()["dag_source_codes"] == {"d": {"source_code": "x = 1", "language": "python"}}


def test_a_binding_resolves_by_kind() -> None:
    bindings = startup(
        arg_bindings=[
            {"kind": "xcom", "name": "a", "task_id": "t"},
            {"kind": "literal", "name": "b", "value": 3},
        ]
    ).ti_context.arg_bindings
    assert bindings == [
        messages.XComArgBinding(kind="xcom", name="a", task_id="t"),
        messages.LiteralArgBinding(kind="literal", name="b", value=3),
    ]
    assert isinstance(bindings[0], messages.TaskArgBinding)
    unknown = startup(arg_bindings=[{"kind": "asset", "name": "a"}]).ti_context
    with pytest.raises(
        InvalidMessage, match=r"TIRunContext\.arg_bindings\[0\] must be XComArgBinding \| Literal"
    ):
        unknown.arg_bindings  # noqa: B018


def test_callbacks_resolve_by_type() -> None:
    request = messages.from_body(
        {
            "type": "DagFileParseRequest",
            "file": "f",
            "bundle_path": "/b",
            "bundle_name": "n",
            "callback_requests": [sample(name).to_body() for name in ("EmailRequest", "DagCallbackRequest")],
        }
    )
    assert isinstance(request, messages.DagFileParseRequest)
    assert [type(each).__name__ for each in request.callback_requests] == [
        "EmailRequest",
        "DagCallbackRequest",
    ]


def test_absent_and_null_fields_read_as_their_default() -> None:
    # Airflow's supervisor sends null for what it has not got, also where the schema does not allow it.
    for details in (startup(), startup(variables=None, should_retry=None, xcom_keys_to_clear=None)):
        assert details.ti_context.variables == []
        assert details.ti_context.should_retry is False
        assert details.ti_context.xcom_keys_to_clear == []
        assert details.ti_context.arg_bindings is None
    ti = {**STARTUP["ti"], "map_index": None}  # type: ignore[dict-item]
    details = messages.from_body({**STARTUP, "ti": ti})
    assert details.ti.map_index == -1  # type: ignore[attr-defined]
    assert details.ti.region_id is None  # type: ignore[attr-defined]


def test_defaults_are_not_shared() -> None:
    details = startup()
    details.ti_context.variables.append(1)
    assert details.ti_context.variables == []


def test_a_required_field_that_may_be_null() -> None:
    body = {"type": "VariableResult", "key": "k", "value": None}
    assert messages.from_body(body).value is None  # type: ignore[attr-defined]
    body = {"type": "XComResult", "key": "k", "value": None}
    assert messages.from_body(body).value is None  # type: ignore[attr-defined]


def test_unknown_fields_are_kept_and_ignored() -> None:
    body = {"type": "VariableResult", "key": "k", "value": "v", "later": 1}
    message = messages.from_body(body)
    assert message.to_body() == body
    with pytest.raises(AttributeError, match="VariableResult has no field 'later'"):
        message.later  # type: ignore[attr-defined]  # noqa: B018
    assert "later" not in repr(message)


def test_unknown_enum_values_are_passed_on() -> None:
    assert startup(dag_run={**DAG_RUN, "run_type": "later"}).ti_context.dag_run.run_type == "later"


def test_dates_may_come_as_text() -> None:
    for text in ("2026-01-02T03:04:05.678901Z", "2026-01-02T04:04:05.678901+01:00"):
        assert startup(start_date=text).ti_context.start_date == MOMENT
    for bad in ("soon", "2026-01-02T03:04:05", 5):
        with pytest.raises(InvalidMessage, match=r"TIRunContext\.start_date must be"):
            startup(start_date=bad).ti_context.start_date  # noqa: B018


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (timedelta(seconds=5), "PT5S"),
        (timedelta(days=1, seconds=61.5), "P1DT61.5S"),
        (timedelta(0), "PT0S"),
        (timedelta(days=2), "P2D"),
        (-timedelta(days=1, seconds=1), "-P1DT1S"),
        (timedelta(microseconds=1), "PT0.000001S"),
        (timedelta(seconds=100), "PT100S"),
    ],
)
def test_durations_travel_as_text(duration: timedelta, text: str) -> None:
    message = messages.AwaitInputTask(next_method="m", timeout=duration)
    assert message.to_body()["timeout"] == text
    assert message.timeout == duration


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("P1W", timedelta(weeks=1)),
        ("P1DT1H1M1.5S", timedelta(days=1, hours=1, minutes=1, seconds=1.5)),
        (2.5, timedelta(seconds=2.5)),
        ("+PT1M", timedelta(minutes=1)),
    ],
)
def test_durations_of_other_producers(given: Any, expected: timedelta) -> None:
    body = {"type": "AwaitInputTask", "next_method": "m", "timeout": given}
    assert messages.from_body(body).timeout == expected  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "text", ["", "P", "PT", "5S", "P1S", "PT1D", "PT1S1M", "P1Y", "PT5", "PT1.1.1S", "P1D T1S", []]
)
def test_what_is_no_duration(text: Any) -> None:
    message: Any = messages.from_body({"type": "AwaitInputTask", "next_method": "m", "timeout": text})
    with pytest.raises(InvalidMessage, match=r"AwaitInputTask\.timeout must be an ISO 8601 duration"):
        message.timeout  # noqa: B018


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda m: m.GetVariable(), TypeError, "GetVariable needs key"),
        (
            lambda m: m.GetVariable(key="a", kee="b"),
            TypeError,
            "GetVariable has no field 'kee'; it has key, type",
        ),
        (lambda m: m.GetVariable(key=1), LocalProtocolError, "GetVariable.key must be str, not int"),
        (lambda m: m.GetVariable(key=None), LocalProtocolError, "GetVariable.key must be str, not None"),
        (
            lambda m: m.GetVariable(key="a", type="GetConnection"),
            LocalProtocolError,
            "GetVariable.type must be 'GetVariable', not 'GetConnection'",
        ),
        (
            lambda m: m.TaskState(state="success"),
            LocalProtocolError,
            "TaskState.state must be 'failed' or 'skipped' or 'removed', not 'success'",
        ),
        (lambda m: m.OKResponse(ok=1), LocalProtocolError, "OKResponse.ok must be bool, not int"),
        (lambda m: m.DRCount(count=True), LocalProtocolError, "DRCount.count must be int, not bool"),
        (
            lambda m: m.RescheduleTask(end_date="x", reschedule_date=MOMENT),
            LocalProtocolError,
            "datetime, not str",
        ),
        (
            lambda m: m.SucceedTask(end_date=datetime(2026, 1, 1)),
            LocalProtocolError,
            "with a time zone, not one without",
        ),
        (
            lambda m: m.AwaitInputTask(next_method="m", timeout=5),
            LocalProtocolError,
            "timeout must be timedelta, not int",
        ),
        (
            lambda m: m.GetDRCount(dag_id="d", run_ids="abc"),
            LocalProtocolError,
            "run_ids must be list, not str",
        ),
        (
            lambda m: m.GetDRCount(dag_id="d", run_ids=["a", 1]),
            LocalProtocolError,
            "run_ids[1] must be str, not int",
        ),
        (
            lambda m: m.GetDRCount(dag_id="d", run_ids={"a"}),
            LocalProtocolError,
            "run_ids must be list, not set",
        ),
        (
            lambda m: m.UpdateHITLDetail(ti_id=TI_ID, chosen_options=[]),
            LocalProtocolError,
            "UpdateHITLDetail.chosen_options must be a list that is not empty, not an empty one",
        ),
        (
            lambda m: m.SetExecutionTimeout(timeout_seconds=0),
            LocalProtocolError,
            "must be a number above 0, not 0",
        ),
        (
            lambda m: m.ClearTaskStateStore(ti_id="x"),
            LocalProtocolError,
            "ti_id must be a UUID, not another text",
        ),
        (
            lambda m: m.SkipDownstreamTasks(tasks=[("a", "b")]),
            LocalProtocolError,
            "tasks[0] must be str | tuple[str, int]",
        ),
        (
            lambda m: m.SkipDownstreamTasks(tasks=[("a",)]),
            LocalProtocolError,
            "tasks[0] must be str | tuple[str, int]",
        ),
        (
            lambda m: m.BundleInfo(name="n", version_data={1: 2}),
            LocalProtocolError,
            "must be a text as key, not int",
        ),
        (
            lambda m: m.BundleInfo(name="n", version_data=[1]),
            LocalProtocolError,
            "version_data must be dict, not list",
        ),
        (
            lambda m: m.SucceedTask(end_date=MOMENT, task_outlets=["a"]),
            LocalProtocolError,
            "[0] must be AssetProfile, not str",
        ),
        (
            lambda m: m.SucceedTask(end_date=MOMENT, task_outlets=[{"name": 1}]),
            LocalProtocolError,
            "must be AssetProfile, not a",
        ),
        (
            lambda m: m.SetRenderedFields(rendered_fields={"a": {1}}),
            LocalProtocolError,
            "['a'] must be a JSON value, not set",
        ),
    ],
)
def test_a_message_that_airflow_would_drop_is_not_made(make: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=re.escape(text)):
        make(messages)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": [1, {2}]}, r"SetXCom\.value\.a\[1\] must be a JSON value, not set"),
        ({1: 2}, r"SetXCom\.value must be a text as key, not int"),
        ([MOMENT], r"SetXCom\.value\[0\] must be a JSON value, not datetime"),
        (b"x", r"SetXCom\.value must be a JSON value, not bytes"),
    ],
)
def test_a_value_that_is_not_json(value: Any, text: str) -> None:
    with pytest.raises(LocalProtocolError, match=text):
        messages.SetXCom(key="k", value=value, dag_id="d", run_id="r", task_id="t")


def test_json_nested_as_deep_as_the_supervisor_accepts() -> None:
    value: Any = 1
    for _ in range(254):
        value = [value]
    assert messages.MaskSecret(value=value)
    with pytest.raises(LocalProtocolError, match="nested deeper than 254 levels") as caught:
        messages.MaskSecret(value=[value])
    assert len(str(caught.value)) < 400
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(LocalProtocolError, match="containing itself"):
        messages.MaskSecret(value=loop)


def test_tuples_and_mappings_are_taken() -> None:
    class Mapping(dict[str, Any]):
        pass

    message = messages.SetXCom(key="k", value=(1, (2, 3)), dag_id="d", run_id="r", task_id="t")
    assert message.value == (1, (2, 3))
    assert messages.GetDRCount(dag_id="d", run_ids=("a", "b")).to_body()["run_ids"] == ["a", "b"]
    made = messages.BundleInfo(name="n", version_data=Mapping(a=1))
    assert type(made.to_body()["version_data"]) is dict
    assert messages.SkipDownstreamTasks(tasks=["a", ("b", 1)]).tasks == ["a", ("b", 1)]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (None, "a message is a map, not NoneType"),
        ([], "a message is a map, not list"),
        ({}, "no message has the type None"),
        ({"type": "Nothing"}, "no message has the type 'Nothing'"),
        ({"type": ["GetVariable"]}, "no message has the type ['GetVariable']"),
        ({"type": "TaskInstance"}, "TaskInstance is part of messages, but no message itself"),
        ({"type": "TaskArgBinding"}, "no message has the type 'TaskArgBinding'"),
        ({"type": "VariableResult", "key": "k"}, "VariableResult lacks value"),
        ({"type": "x" * 500}, "no message has the type 'xxx"),
    ],
)
def test_what_is_no_message(body: Any, text: str) -> None:
    with pytest.raises(InvalidMessage) as caught:
        messages.from_body(body)
    assert text in str(caught.value)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("changes", "read", "text"),
    [
        ({"ti": 5}, lambda m: m.ti, "StartupDetails.ti must be TaskInstance, not int"),
        ({"ti": None}, lambda m: m.ti, "StartupDetails.ti is null, but required"),
        ({"ti": {}}, lambda m: m.ti.task_id, "TaskInstance.task_id is missing, but required"),
        ({"dag_rel_path": 5}, lambda m: m.dag_rel_path, "StartupDetails.dag_rel_path must be str, not int"),
        ({"ti": {"context_carrier": []}}, lambda m: m.ti.context_carrier, "must be dict, not list"),
        ({"ti_context": {"variables": {}}}, lambda m: m.ti_context.variables, "must be list, not dict"),
        (
            {"ti_context": {"variables": [1]}},
            lambda m: m.ti_context.variables,
            "[0] must be VariableResponse, not int",
        ),
    ],
)
def test_a_wrong_value_is_found_when_it_is_read(changes: Any, read: Any, text: str) -> None:
    message = messages.from_body({**STARTUP, **changes})
    with pytest.raises(InvalidMessage, match=re.escape(text)):
        read(message)


def test_messages_are_immutable() -> None:
    message = messages.GetVariable(key="a")
    with pytest.raises(AttributeError, match="GetVariable is immutable"):
        message.key = "b"  # type: ignore[misc]
    with pytest.raises(AttributeError, match="GetVariable is immutable"):
        del message.key
    message.to_body()["key"] = "b"
    assert message.key == "a"
    with pytest.raises(TypeError):
        messages.GetVariable("a")  # type: ignore[call-arg]


def test_equality_is_by_value() -> None:
    assert messages.GetVariable(key="a") == messages.GetVariable(key="a")
    assert messages.GetVariable(key="a") != messages.GetVariable(key="b")
    other: messages.Message = messages.DeleteVariable(key="a")
    assert messages.GetVariable(key="a") != other
    with pytest.raises(TypeError, match="unhashable"):
        hash(messages.GetVariable(key="a"))


def test_messages_can_be_copied_and_pickled() -> None:
    message = startup()
    assert copy.deepcopy(message) == message
    assert pickle.loads(pickle.dumps(message)) == message  # noqa: S301 - made here


def test_names_are_listed() -> None:
    assert {"key", "to_body"} <= set(dir(messages.GetVariable(key="a")))


SECRETS = [
    messages.ConnectionResult(
        conn_id="c",
        conn_type="t",
        host="h",
        schema="s",
        login="l",
        password="hunter2",
        port=1,
        extra='{"k": "hunter2"}',
    ),
    messages.VariableResult(key="k", value="hunter2"),
    messages.PutVariable(key="k", value="hunter2", description=None),
    messages.MaskSecret(value="hunter2", name="n"),
    messages.SetXCom(key="k", value="hunter2", dag_id="d", run_id="r", task_id="t"),
    startup(
        variables=[{"key": "k", "value": "hunter2"}],
        connections=[{"conn_id": "c", "conn_type": "t", "password": "hunter2", "extra": "hunter2"}],
        next_kwargs={"k": "hunter2"},
        dag_run={**DAG_RUN, "conf": {"k": "hunter2"}},
    ),
]


@pytest.mark.parametrize("message", SECRETS, ids=lambda message: type(message).__name__)
def test_secrets_are_not_shown(message: Any) -> None:
    assert "hunter2" not in repr(message)
    assert "hunter2" not in str(message)
    assert "…" in repr(message)


def test_errors_do_not_quote_values() -> None:
    with pytest.raises(LocalProtocolError) as caught:
        messages.PutVariable(key="k", value={"hunter2": 1}, description=None)  # type: ignore[arg-type]
    assert "hunter2" not in str(caught.value)


def test_repr_shows_fields_and_survives_invalid_ones() -> None:
    assert repr(messages.GetVariable(key="a")) == "GetVariable(key='a')"
    assert repr(messages.VariableResult(key="k", value=None)) == "VariableResult(key='k', value=None)"
    broken = messages.from_body({"type": "GetVariable", "key": 5})
    assert repr(broken) == "GetVariable(key=<invalid>)"


def test_fields_say_what_they_are() -> None:
    fields = messages.TIRunContext.__fields__
    assert fields["dag_run"].required
    assert (fields["should_retry"].default, fields["should_retry"].required) == (False, False)
    assert fields["arg_bindings"].since == "2026-10-30"
    assert fields["max_tries"].since == "2026-06-16"
    assert messages.SetExecutionTimeout.__since__ == "2026-10-30"
    assert messages.SetExecutionTimeout.__fields__["timeout_seconds"].since == "2026-10-30"
    assert messages.GetVariable.__since__ == "2026-06-16"
    assert "arg_bindings" in repr(fields["arg_bindings"])


def test_names_of_the_schema_are_attributes() -> None:
    assert get_args(messages.DagRunState) == ("queued", "running", "success", "failed")
    assert isinstance(messages.GetVariable(key="a"), messages.ToSupervisor)
    assert messages.JsonValue is Any  # type: ignore[comparison-overlap]
    assert messages.GetVariable is messages.GetVariable
    assert messages.GetVariable.__module__ == "afbundle.wire.messages"
    with pytest.raises(AttributeError, match=r"module 'afbundle\.wire\.messages' has no attribute 'Nothing'"):
        messages.Nothing  # type: ignore[attr-defined]  # noqa: B018


def test_directions() -> None:
    assert "StartupDetails" in messages.TO_TASK
    assert "SucceedTask" in messages.TO_SUPERVISOR
    assert "DagFileParsingResult" in messages.TO_MANAGER
    assert "DagFileParseRequest" in messages.TO_DAG_PROCESSOR
    assert list(messages.AIRFLOW_OF_SCHEMA) == list(messages.SCHEMA_VERSIONS)


def test_a_moment_in_another_zone_is_the_same() -> None:
    moment = MOMENT.astimezone(timezone(timedelta(hours=2)))
    assert messages.SucceedTask(end_date=moment) == messages.SucceedTask(end_date=MOMENT)
