"""Connections written as text: Airflow's URI form ``type://login:password@host:port/schema?extra=…``, or JSON."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from afbundle.wire import messages

__all__ = ["parse_connection"]

# A URI's query parameter that holds the whole extra as JSON.
_WHOLE_EXTRA = "__extra__"
_FORM = "conn_type://login:password@host:port/schema?key=value"
_FIELDS = ("conn_type", "host", "schema", "login", "password", "port", "extra")


def parse_connection(conn_id: str, text: str) -> messages.ConnectionResult:
    """Return a connection from the text that ``AIRFLOW_CONN_<ID>`` would hold.

    Raises:
        ValueError: the text has neither form; it is not quoted, since it may hold a password.
    """
    fields = _from_json(text) if text.lstrip().startswith("{") else _from_uri(text)
    fields["conn_type"] = _plain_type(fields["conn_type"])
    return messages.ConnectionResult(conn_id=conn_id, **fields)


def _from_uri(uri: str) -> dict[str, Any]:
    scheme, separator, rest = uri.partition("://")
    if not separator or not scheme:
        raise ValueError(f"a connection is written as {_FORM}")
    # The host may have a protocol of its own: http://https://example.com
    protocol, inner, behind = rest.partition("://")
    if inner and ("@" in protocol or ":" in protocol):
        raise ValueError(
            "where the host of a connection has a protocol, the login comes behind it: http://https://me@host"
        )
    try:
        parts = urlsplit(f"//{behind if inner else rest}")
        port = parts.port
    except ValueError:
        raise ValueError(f"the port of a connection is a number: {_FORM}") from None
    host = unquote(parts.hostname or "")
    if "/" in host:
        # A path, such as a Unix socket's: unlike names of hosts it keeps its case.
        host = unquote(parts.netloc.rpartition("@")[2].partition(":")[0])
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    return {
        "conn_type": scheme,
        "host": (f"{protocol}://{host}" if inner and host else host) or None,
        "schema": unquote(parts.path[1:]) or None,
        "login": unquote(parts.username) if parts.username else None,
        "password": unquote(parts.password) if parts.password else None,
        "port": port,
        "extra": query.get(_WHOLE_EXTRA, json.dumps(query)) if query else None,
    }


def _from_json(text: str) -> dict[str, Any]:
    try:
        given = json.loads(text)
    except ValueError:
        raise ValueError("a connection that begins with { is a JSON object") from None
    if unknown := sorted(set(given) - set(_FIELDS)):
        raise ValueError(f"a connection has no field {unknown[0]!r}; its fields are {', '.join(_FIELDS)}")
    fields = {name: given.get(name) for name in _FIELDS}
    if not isinstance(fields["conn_type"], str) or not fields["conn_type"]:
        raise ValueError("a connection needs a conn_type")
    if fields["port"] is not None:
        try:
            fields["port"] = int(fields["port"])
        except (TypeError, ValueError):
            raise ValueError("the port of a connection is a number") from None
    if fields["extra"] is not None and not isinstance(fields["extra"], str):
        fields["extra"] = json.dumps(fields["extra"])
    return fields


def _plain_type(conn_type: str) -> str:
    return "postgres" if conn_type == "postgresql" else conn_type.replace("-", "_")
