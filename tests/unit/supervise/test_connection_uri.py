"""Connections written as text; the expectations are what Airflow 3.4.0b2 makes of the same texts."""

from __future__ import annotations

import json

import pytest

from afbundle.supervise import parse_connection


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        (
            "postgresql://U%40:p%3A@Host.X:5432/db?a=1",
            ("postgres", "host.x", "db", "U@", "p:", 5432, '{"a": "1"}'),
        ),
        ("aws://AKID:se%2Fcret@/?region=x", ("aws", None, None, "AKID", "se/cret", None, '{"region": "x"}')),
        ("my-type://h?__extra__=%7B%22z%22%3A1%7D", ("my_type", "h", None, None, None, None, '{"z":1}')),
        ("http://https://example.com:80/x", ("http", "https://example.com", "x", None, None, 80, None)),
        ("x://%2Ftmp%2FSock/db", ("x", "/tmp/Sock", "db", None, None, None, None)),
        ("h://[::1]:80/s", ("h", "::1", "s", None, None, 80, None)),
        ("sqlite:///tmp/a.db", ("sqlite", None, "tmp/a.db", None, None, None, None)),
        ("fs://", ("fs", None, None, None, None, None, None)),
    ],
)
def test_uris(uri: str, expected: tuple[object, ...]) -> None:
    c = parse_connection("id", uri)
    assert c.conn_id == "id"
    assert (c.conn_type, c.host, c.schema, c.login, c.password, c.port, c.extra) == expected


def test_json() -> None:
    text = json.dumps(
        {"conn_type": "postgresql", "host": "H", "port": "5432", "extra": {"a": 1}, "password": "p"}
    )
    c = parse_connection("id", text)
    assert (c.conn_type, c.host, c.port, c.extra, c.password) == ("postgres", "H", 5432, '{"a": 1}', "p")


@pytest.mark.parametrize(
    "text",
    [
        "pw-1234",
        "://pw-1234",
        "http://u:pw-1234@host:port/",
        "http://u:pw-1234@https://host",
        '{"conn_type": "x", "passwd": "pw-1234"}',
        '{"password": "pw-1234"}',
        '{"conn_type": "x", "port": "pw-1234"}',
        '{"conn_type": pw-1234',
    ],
)
def test_what_is_wrong_is_said_without_the_password(text: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        parse_connection("id", text)
    assert "pw-1234" not in str(caught.value)
    assert "connection" in str(caught.value)
