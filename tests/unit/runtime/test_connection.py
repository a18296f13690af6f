"""`Connection` as a value. That its URI and JSON forms equal Airflow's: tests/integration/test_connection_uri.py."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afbundle.exceptions import InvalidConnection
from afbundle.runtime.connection import Connection

texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)


def test_fields_are_attributes_and_extra_is_a_dict() -> None:
    conn = Connection(
        "warehouse",
        "postgres",
        host="db",
        login="u",
        password="p",
        port=5432,
        schema="s",
        extra='{"ssl": {"on": true}}',
    )
    assert (conn.conn_id, conn.conn_type, conn.host) == ("warehouse", "postgres", "db")
    assert (conn.login, conn.password, conn.port, conn.schema) == ("u", "p", 5432, "s")
    assert conn.extra == conn.extra_dejson == {"ssl": {"on": True}}


@pytest.mark.parametrize("extra", [None, "", "{}", "broken {", "[1]", "7", {}])
def test_an_extra_that_is_no_object_reads_as_empty(extra: Any) -> None:
    assert Connection("c", extra=extra).extra == {}


def test_repr_shows_neither_password_nor_extra() -> None:
    conn = Connection("c", "http", host="h", password="hunter-22", extra={"token": "hunter-33"})
    assert repr(conn) == "Connection(conn_id='c', conn_type='http', host='h')"


def test_equality_is_by_value() -> None:
    assert Connection("c", extra='{"a": 1}') == Connection("c", extra={"a": 1})
    assert Connection("c", password="x") != Connection("c", password="y")
    assert Connection("c", host="x") != Connection("c", host="y")
    assert Connection("c") != "c"


@given(host=texts, login=texts, password=texts, schema=texts, extra=st.dictionaries(texts, texts, min_size=1))
def test_a_uri_leads_back_to_the_same_connection(
    host: str, login: str, password: str, schema: str, extra: dict[str, str]
) -> None:
    # Airflow's host is lower-cased by reading a URI, and one with a path or a scheme in it has rules of its own.
    host = host.lower().replace("/", "").replace(":", "") or "h"
    if host != host.lower():  # a few letters have no lower case that stays
        return
    conn = Connection(
        "c", "my_type", host=host, login=login, password=password, port=80, schema=schema, extra=extra
    )
    assert Connection.from_uri(conn.get_uri(), "c") == conn


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: Connection.from_uri("db://u:hunter-22@h:hunter-22/x", "wh"), "host or port"),
        (lambda: Connection.from_uri("db://u:hunter-22@[h", "wh"), "host or port"),
        (lambda: Connection.from_uri("db://u:hunter-22@x://h", "wh"), "percent-encode"),
        (lambda: Connection.from_json('{"password": "hunter-22"', "wh"), "not JSON"),
        (lambda: Connection.from_json('["hunter-22"]', "wh"), "not an object"),
        (lambda: Connection.from_json('{"password": "hunter-22", "hots": "x"}', "wh"), "unknown keys: hots"),
        (lambda: Connection.from_json('{"uri": "a://hunter-22", "host": "x"}', "wh"), "next to other keys"),
        (
            lambda: Connection.from_json('{"port": "ssh", "password": "hunter-22"}', "wh"),
            "integer, got 'ssh'",
        ),
    ],
)
def test_a_definition_that_cannot_be_read_is_named_but_not_quoted(make: Any, reason: str) -> None:
    with pytest.raises(InvalidConnection) as caught:
        make()
    assert "'wh'" in str(caught.value)
    assert reason in str(caught.value)
    assert "hunter" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_reading_a_connection_from_the_supervisor_imports_nothing_heavy() -> None:
    code = (
        "import sys; from afbundle.runtime.connection import Connection\n"
        """assert Connection("c", extra='{"a": 1}').extra == {"a": 1}\n"""
        "print([m for m in ('re', 'json', 'urllib.parse', 'collections', 'functools') if m in sys.modules])"
    )
    source = next(path for path in sys.path if path.endswith("src"))
    shown = subprocess.run(
        [sys.executable, "-ISc", f"import sys; sys.path.append({source!r})\n{code}"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert shown == "[]\n"
