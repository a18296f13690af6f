"""`Connection` reads and writes URIs and JSON as the real Airflow does."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

import pytest

from afbundle.exceptions import InvalidConnection
from afbundle.runtime.connection import Connection
from tests.peers import peer_python

pytestmark = pytest.mark.integration

URIS = [
    "postgres://user:pass@host:5432/db",
    "postgresql://user:pass@host:5432/db",
    "POSTGRESQL://host",
    "google-cloud-platform://",
    "google_cloud_platform://host/schema",
    "my-conn-type://host",
    "http://host",
    "http://https://host/path",
    "http://https%3A%2F%2Fhost%2Fpath",
    "http://http://host",
    "https://http://user:pw@host:8080/base?x=1",
    "a://b://c://d",
    "http://user@https://host",
    "spark://yarn",
    "spark://k8s%3A%2F%2F100.68.0.1:443?deploy-mode=cluster",
    "sqlite:///relative.db",
    "sqlite:////absolute/path.db",
    "mysql://%2Fvar%2Frun%2FMySQL.sock",
    "mysql://user:pw@%2FVar%2Frun/Schema",
    "fs://",
    "fs:///",
    "fs:///?path=%2Ftmp",
    "//user:pass@host",
    "host-only",
    "",
    "s3://key:secret%2Fwith%2Bslash%3D@",
    "s3://:only-password@",
    "s3://user:@host",
    "s3://user@host",
    "s3://@host",
    "ftp://us%40er:p%3Aa%2Fs%3Fs@host/sch%2Fema",
    "ftp://HOST.Example.COM/Schema",
    "redis://:p%40ss@host:6379/0?ssl=true&empty=&twice=1&twice=2",
    "generic://host?a=b&__extra__=%7B%22nested%22%3A+%7B%22x%22%3A+1%7D%7D",
    "generic://host/?__extra__=not-json",
    "generic://host/?__extra__=%5B1%2C2%5D",
    "generic://h/s/t/u?x=%C3%A4&y=a+b",
    "ipv6://[::1]:5432/db",
    "ipv6://[2001:DB8::1]",
    "ipv6://user:pw@[fe80::1%25eth0]:22",
    "port://host:notaport",
    "port://host:99999",
    "port://host:0",
    "port://:8080",
    "port://@:8080",
    "bad://[::1",
    "spaces://a b:c d@h o s t/s c",
    "unicode://ü:ß@höst/schéma",
    "fragment://host/db#part?x=1",
    "semi://host;param/db;x?y",
]

CONNECTIONS: list[dict[str, Any]] = [
    {"conn_type": "postgres", "host": "h", "login": "u", "password": "p", "port": 5432, "schema": "db"},
    {"conn_type": "Google_Cloud_Platform"},
    {"conn_type": ""},
    {},
    {"conn_type": "http", "host": "https://h/path", "port": 80},
    {"conn_type": "http", "host": "http://h/path"},
    {"conn_type": "http", "host": "://h"},
    {"conn_type": "http", "host": "a://b://c"},
    {"conn_type": "s3", "login": "", "password": ""},
    {"conn_type": "s3", "login": "", "port": 1},
    {"conn_type": "s3", "password": "p@:/?#[]"},
    {"conn_type": "s3", "port": 9000},
    {"conn_type": "s3", "port": 0, "schema": "x/y"},
    {"conn_type": "fs", "extra": '{"path": "/tmp"}'},
    {"conn_type": "fs", "extra": '{"path": "/tmp"}', "schema": "s"},
    {"conn_type": "fs", "extra": '{"n": 1}'},
    {"conn_type": "fs", "extra": '{"a": {"b": [1, null]}}'},
    {"conn_type": "fs", "extra": "{}"},
    {"conn_type": "fs", "extra": '{"empty": ""}'},
    {"conn_type": "fs", "extra": "broken {"},
    {"conn_type": "fs", "extra": "[1, 2]"},
    {"conn_type": "fs", "extra": '"text"'},
    {"conn_type": "fs", "extra": '{"ü": "ß & = ?"}'},
    {"conn_type": "db", "host": "::1", "port": 1},
    {"conn_type": "db", "host": "h ü/x", "login": "ü", "schema": "ß"},
]

JSONS = [
    '{"conn_type": "postgresql", "host": "h", "port": "5432", "extra": {"a": 1}}',
    '{"conn_type": "my-type", "extra": "{\\"a\\": \\"b\\"}", "description": "d"}',
    '{"host": "h"}',
    '{"uri": "mysql://u:p@h/s"}',
    '{"uri": "mysql://u:p@h/s", "host": "x"}',
    '{"conn_type": "a", "port": "x"}',
    '{"conn_type": "a", "port": 0, "extra": {}}',
    '{"conn_type": "a", "colour": "red"}',
    "{not json",
    '{"conn_id": "other"}',
]

FIELDS = ("conn_type", "host", "schema", "login", "password", "port")

# Runs in the peer's interpreter: what the real Airflow makes of the same input.
PEER = """
import json, logging, sys
logging.disable()
from airflow.sdk import Connection

def of(make):
    try:
        conn = make()
    except Exception:
        return "refused"
    fields = {name: getattr(conn, name) for name in names}
    extra = conn.extra_dejson
    return {**fields, "extra": extra if isinstance(extra, dict) else {}, "uri": conn.get_uri()}

names, uris, conns, jsons = json.load(sys.stdin)
json.dump([
    [of(lambda: Connection.from_uri(each, conn_id="c")) for each in uris],
    [of(lambda: Connection(conn_id="c", **each)) for each in conns],
    [of(lambda: Connection.from_json(each, conn_id="c")) for each in jsons],
], sys.stdout)
"""


@pytest.fixture(scope="module")
def theirs(airflow_version: str, tmp_path_factory: pytest.TempPathFactory) -> list[list[Any]]:
    done = subprocess.run(
        [peer_python(airflow_version), "-c", PEER],
        input=json.dumps([FIELDS, URIS, CONNECTIONS, JSONS]),
        env={**os.environ, "AIRFLOW_HOME": str(tmp_path_factory.mktemp("airflow"))},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    answers: list[list[Any]] = json.loads(done.stdout[done.stdout.index("[[") :])
    return answers


def described(connection: Connection) -> dict[str, Any]:
    fields = {name: getattr(connection, name) for name in FIELDS}
    return {**fields, "extra": connection.extra, "uri": connection.get_uri()}


def ours(make: Any) -> Any:
    try:
        return described(make())
    except InvalidConnection:
        return "refused"


def test_uris_are_read_and_written_alike(theirs: list[list[Any]]) -> None:
    for uri, expected in zip(URIS, theirs[0], strict=True):
        assert ours(lambda uri=uri: Connection.from_uri(uri, "c")) == expected, uri


def test_connections_give_the_same_uri(theirs: list[list[Any]]) -> None:
    for fields, expected in zip(CONNECTIONS, theirs[1], strict=True):
        assert described(Connection("c", **fields)) == expected, fields


def test_json_definitions_are_read_alike(theirs: list[list[Any]]) -> None:
    for text, expected in zip(JSONS, theirs[2], strict=True):
        assert ours(lambda text=text: Connection.from_json(text, "c")) == expected, text
