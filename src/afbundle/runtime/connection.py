"""`Connection`: how to reach an external system, as Airflow keeps it.

The URI form follows Airflow's rules, with their corners (airflow.sdk 1.3.2 and 1.4.0b2): dashes in the scheme stand for the
underscores of a connection type, ``postgresql`` means ``postgres``, a second ``scheme://`` belongs to the host, and an extra that
a query cannot express goes under ``__extra__`` as JSON.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from afbundle.exceptions import InvalidConnection

__all__ = ["Connection"]

_EXTRA_KEY = "__extra__"
_SHOWN = ("conn_id", "conn_type", "description", "host", "schema", "login", "port")
_JSON_KEYS = frozenset((*_SHOWN[1:], "password", "extra"))


class Connection:
    """A connection of Airflow.

    Arguments:
        conn_id: its id.
        conn_type: what kind of system it leads to, for example ``postgres``.
        host: host name, address, or the base of a URL.
        schema: name of a database, or whatever the type makes of it.
        login: user name.
        password: not shown by ``repr()``.
        port: TCP port.
        extra: all further settings: a dict, or a JSON object as text. Not shown by ``repr()``.
        description: what it is for.
    """

    __slots__ = (*_SHOWN, "_extra", "_extra_json", "password")

    def __init__(
        self,
        conn_id: str,
        conn_type: str | None = None,
        *,
        host: str | None = None,
        schema: str | None = None,
        login: str | None = None,
        password: str | None = None,
        port: int | None = None,
        extra: Mapping[str, Any] | str | None = None,
        description: str | None = None,
    ) -> None:
        self.conn_id = conn_id
        self.conn_type = conn_type
        self.description = description
        self.host = host
        self.schema = schema
        self.login = login
        self.password = password
        self.port = port
        self._extra: dict[str, Any] | None = None
        if extra is None or isinstance(extra, str):
            self._extra_json = extra
        else:
            import json

            self._extra_json = json.dumps(dict(extra))

    @property
    def extra(self) -> dict[str, Any]:
        """All further settings. Empty when there are none, and when Airflow holds something that is no JSON object."""
        if self._extra is None:
            self._extra = {}
            if self._extra_json:
                from afbundle.runtime.jsonvalue import loads

                try:
                    value = loads(self._extra_json)
                except ValueError:
                    value = None
                if isinstance(value, dict):
                    self._extra = value
        return self._extra

    @property
    def extra_dejson(self) -> dict[str, Any]:
        """The same as `extra`, under the name that Airflow's users know."""
        return self.extra

    def get_uri(self) -> str:
        """Return the connection as a URI, as Airflow writes it; it holds the password."""
        from urllib.parse import quote

        login = "" if self.login is None else quote(self.login, safe="")
        if self.password is not None:
            login += f":{quote(self.password, safe='')}"
        if login:
            login += "@"
        host, inner = self.host or "", ""
        if "://" in host and host.partition("://")[0] != self.conn_type:
            inner, _, host = host.partition("://")
            inner += "://" if inner else ""
        place = quote(host, safe="")
        if self.port:
            place += f":{self.port}" if place or login else f"@:{self.port}"
        if self.schema:
            place += f"/{quote(self.schema, safe='')}"
        scheme = f"{self.conn_type.lower().replace('_', '-')}:" if self.conn_type else ""
        return f"{scheme}//{inner}{login}{place}{self._query()}"

    def _query(self) -> str:
        if not self._extra_json:
            return ""
        from urllib.parse import parse_qsl, urlencode

        query = urlencode(self.extra)
        if not query or dict(parse_qsl(query, keep_blank_values=True)) != self.extra:
            # Nested, empty or non-text values would not survive as a query.
            query = urlencode({_EXTRA_KEY: self._extra_json})
        return f"?{query}" if self.schema else f"/?{query}"

    @classmethod
    def from_uri(cls, uri: str, conn_id: str) -> Connection:
        """Return the connection that a URI describes, as Airflow reads it.

        Raises:
            InvalidConnection: the text is no such URI. The error does not quote it.
        """
        from urllib.parse import parse_qsl, unquote, urlsplit

        nested = uri.count("://") - 1
        try:
            conn_type = urlsplit(uri).scheme
            rest = uri.replace(f"{conn_type}://", "" if nested == 1 else "//")
            parts = urlsplit(rest)
            host, port = _host_of(parts.hostname, parts.netloc), parts.port
        except ValueError:
            # Python's own message may quote the text around what it did not like.
            raise _invalid(
                conn_id, "its host or port cannot be read; percent-encode special characters"
            ) from None
        # The host's own scheme, when it has one.
        protocol = rest.partition("://")[0]
        if nested > 1 or (nested == 1 and ("@" in protocol or ":" in protocol)):
            raise _invalid(conn_id, "it holds '://' in a place where no host begins; percent-encode it")
        if host and nested == 1 and parts.scheme:
            host = f"{parts.scheme}://{host}"
        extra = None
        if parts.query:
            query = dict(parse_qsl(parts.query, keep_blank_values=True))
            extra = query.get(_EXTRA_KEY, query)
        return cls(
            conn_id,
            _normal(conn_type),
            host=host,
            schema=unquote(parts.path[1:]),
            login=unquote(parts.username) if parts.username else parts.username,
            password=unquote(parts.password) if parts.password else parts.password,
            port=port,
            extra=extra,
        )

    @classmethod
    def from_json(cls, text: str, conn_id: str) -> Connection:
        """Return the connection that a JSON object describes: the names of this class's arguments, or ``uri``.

        Raises:
            InvalidConnection: the text is no such object. The error does not quote its values.
        """
        from afbundle.runtime.jsonvalue import loads

        try:
            fields = loads(text)
        except ValueError:
            raise _invalid(conn_id, "it starts with a brace but is not JSON") from None
        if not isinstance(fields, dict):
            raise _invalid(conn_id, "it is JSON, but not an object")
        if "uri" in fields:
            if len(fields) > 1:
                raise _invalid(conn_id, "it has a 'uri' next to other keys; give one or the other")
            return cls.from_uri(str(fields["uri"]), conn_id)
        unknown = sorted(set(fields) - _JSON_KEYS)
        if unknown:
            raise _invalid(conn_id, f"it has unknown keys: {', '.join(unknown)}")
        port = fields.pop("port", None)
        try:
            fields["port"] = int(port) if port else None
        except (TypeError, ValueError):
            raise _invalid(conn_id, f"its port must be an integer, got {port!r}") from None
        extra = fields.pop("extra", None) or None
        if extra is not None and not isinstance(extra, str):
            import json

            extra = json.dumps(extra)
        conn_type = fields.pop("conn_type", None)
        return cls(conn_id, _normal(conn_type) if conn_type else None, extra=extra, **fields)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Connection):
            return NotImplemented
        return (
            self.password == other.password and self.extra == other.extra and self._shown() == other._shown()
        )

    __hash__ = None  # type: ignore[assignment]  # holds a dict

    def _shown(self) -> list[Any]:
        return [getattr(self, name) for name in _SHOWN]

    def __repr__(self) -> str:
        shown = (f"{name}={value!r}" for name, value in zip(_SHOWN, self._shown()) if value is not None)  # noqa: B905
        return f"Connection({', '.join(shown)})"


def _host_of(hostname: str | None, netloc: str) -> str:
    from urllib.parse import unquote

    host = unquote(hostname or "")
    if "/" in host:
        # A path in the host's place (a socket, a file) keeps its case, which `hostname` has lost.
        host = unquote(netloc.rpartition("@")[2].partition(":")[0])
    return host


def _normal(conn_type: str) -> str:
    return "postgres" if conn_type == "postgresql" else conn_type.replace("-", "_")


def _invalid(conn_id: str, reason: str) -> InvalidConnection:
    from afbundle.exceptions import InvalidConnection

    return InvalidConnection(f"the definition of connection {conn_id!r} cannot be read: {reason}")
