"""Airflow's own classes read what afbundle writes, and afbundle reads what they write."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from afbundle.wire import messages
from afbundle.wire.errors import LocalProtocolError
from afbundle.wire.frames import Frame, FrameReader, encode_request
from scripts.generate_messages import AIRFLOW_OF_SCHEMA
from tests.peers import peer_python
from tests.unit.wire.samples import sample

pytestmark = pytest.mark.integration

# As in peer_codec.py.
UNIONS = (messages.TO_SUPERVISOR, messages.TO_TASK, messages.TO_MANAGER, messages.TO_DAG_PROCESSOR)


def ask(version: str, bodies: list[dict[str, Any]], tmp_path: Path) -> list[Frame]:
    """Return Airflow's answers to a list of bodies."""
    script = Path(__file__).with_name("peer_codec.py")
    asked = subprocess.run(
        [str(peer_python(version)), "-W", "ignore", str(script)],
        input=b"".join(encode_request(number, body) for number, body in enumerate(bodies)),
        stdout=subprocess.PIPE,
        env={"AIRFLOW_HOME": str(tmp_path), "PATH": ""},
        check=True,
    )
    reader = FrameReader()
    reader.feed(asked.stdout)
    answers = []
    while (frame := reader.next_frame()) is not None:
        answers.append(frame)
    reader.eof()
    assert [frame.id for frame in answers] == list(range(len(bodies)))
    return answers


def test_every_message_there_and_back(airflow_version: str, tmp_path: Path) -> None:
    (schema,) = (key for key, airflow in AIRFLOW_OF_SCHEMA.items() if airflow_version.startswith(airflow))
    sent = [
        (number, sample(name, schema))
        for number, union in enumerate(UNIONS)
        for name in union
        if getattr(messages, name).__since__ <= schema
    ]
    answers = ask(
        airflow_version, [{"__union__": number, **each.to_body()} for number, each in sent], tmp_path
    )
    for (_, message), answer in zip(sent, answers, strict=True):
        assert answer.error is None, f"{message}: {answer.error}"
        # All values come back, and the same whichever end wrote them.
        assert answer.body == message.to_body()
        back = messages.from_body(answer.body)
        for name in message.to_body():
            assert getattr(back, name) == getattr(message, name)


def test_what_is_left_out_gets_airflows_default(airflow_version: str, tmp_path: Path) -> None:
    (schema,) = (key for key, airflow in AIRFLOW_OF_SCHEMA.items() if airflow_version.startswith(airflow))
    sent = []
    for number, union in enumerate(UNIONS):
        for name in union:
            cls = getattr(messages, name)
            if cls.__since__ > schema:
                continue
            full = sample(name, schema).to_body()
            required = {
                key: full[key] for key, field in cls.__fields__.items() if field.required or key == "type"
            }
            sent.append((number, cls(**required)))
    answers = ask(
        airflow_version, [{"__union__": number, **each.to_body()} for number, each in sent], tmp_path
    )
    for (_, message), answer in zip(sent, answers, strict=True):
        assert answer.error is None, f"{message}: {answer.error}"
        back = messages.from_body(answer.body)
        for name, field in message.__fields__.items():
            if field.since <= schema:
                assert getattr(back, name) == getattr(message, name), f"{type(message).__name__}.{name}"


REFUSED: list[dict[str, Any]] = [
    {"type": "GetVariable"},
    {"type": "GetVariable", "key": 5},
    {"type": "SucceedTask", "end_date": "soon"},
    {"type": "TaskState", "state": "success"},
    {"type": "ClearTaskStateStore", "ti_id": "x"},
    {"type": "SetXCom", "key": "k", "value": {1: 2}, "dag_id": "d", "run_id": "r", "task_id": "t"},
    {"type": "SkipDownstreamTasks", "tasks": [["a", "b"]]},
    {"type": "UpdateHITLDetail", "ti_id": "01234567-89ab-cdef-0123-456789abcdef", "chosen_options": []},
]


def test_what_airflow_refuses_is_never_made(airflow_version: str, tmp_path: Path) -> None:
    # Airflow's supervisor leaves such a request without an answer, so it must be found before it is sent.
    for body, answer in zip(
        REFUSED, ask(airflow_version, [{"__union__": 0, **body} for body in REFUSED], tmp_path), strict=True
    ):
        assert answer.error is not None, body
        with pytest.raises((TypeError, LocalProtocolError)):
            getattr(messages, body["type"])(**body)
