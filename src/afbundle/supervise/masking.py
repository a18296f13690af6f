"""Keeps the secrets that a task was given out of everything that is shown or stored of its log."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from afbundle.supervise.logs import LogEvent
    from afbundle.wire import messages

__all__ = ["SecretMasker", "is_sensitive_name"]

# Names that Airflow treats as sensitive (task-sdk 1.4.0b2, secrets masker).
_SENSITIVE = (
    "access_key", "access_token", "api_key", "apikey", "auth_header", "authorization", "bearer",
    "connection_string", "dsn", "keyfile_dict", "passphrase", "passwd", "password", "private_key", "proxies",
    "proxy", "secret", "service_account", "service_key", "token", "webhook_url",
)  # fmt: skip
_MASK = "***"
# A shorter value would turn half of the log into stars, and the stars would give it away.
_SHORTEST = 3
# Not secrets, whatever key they stand under.
_COMMON = frozenset(("true", "false", "none", "null", "airflow"))
_WORD_BREAK = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|\W+")


def is_sensitive_name(name: str) -> bool:
    """Return whether a variable, a field or an extra of this name holds a secret by Airflow's rules."""
    plain = re.sub(r"\W+", "_", name.strip().lower())
    split = _WORD_BREAK.sub("_", name.strip()).lower()
    return any(word in plain or word in split for word in _SENSITIVE)


class SecretMasker:
    """A growing set of secrets, and the replacement of each by ``***``."""

    def __init__(self) -> None:
        self._forms: set[str] = set()

    def add(self, secret: object, name: str | None = None) -> None:
        """Register a secret.

        Arguments:
            secret: a text, or a list or mapping, which is searched: with a name given, or below a key, only
                values of sensitive names count.
            name: the name of the variable or field that holds it; None means that the value is a secret itself.
        """
        if isinstance(secret, Mapping):
            # What lies below a sensitive key is secret as a whole.
            inherited = name if name is not None and is_sensitive_name(name) else None
            for key, value in secret.items():
                self.add(value, inherited or str(key))
        elif isinstance(secret, list | tuple | set):
            for value in secret:
                self.add(value, name)
        elif name is None or is_sensitive_name(name):
            if isinstance(secret, str):
                self._add_text(secret)
            elif isinstance(secret, int | float) and not isinstance(secret, bool):
                self._add_text(str(secret))

    def add_connection(self, connection: messages.ConnectionResult) -> None:
        """Register the password and the sensitive extras of a connection."""
        if connection.password:
            self.add(connection.password)
        if connection.extra:
            try:
                self.add(json.loads(connection.extra))
            except ValueError:
                self.add(connection.extra)

    def add_variable(self, key: str, value: str | None) -> None:
        """Register a variable's value where its key is a sensitive name, or its JSON has sensitive keys."""
        if value is None:
            return
        if is_sensitive_name(key):
            self.add(value)
        elif value.lstrip()[:1] in ("{", "["):
            try:
                decoded = json.loads(value)
            except ValueError:
                return
            self._add_nested(decoded)

    def text(self, text: str) -> str:
        """Return the text with every secret replaced; those that overlap are replaced as one."""
        spans = sorted(span for form in self._forms if form in text for span in _spans(form, text))
        if not spans:
            return text
        pieces, end = [], 0
        for start, stop in spans:
            if start >= end:
                pieces += [text[end:start], _MASK]
            end = max(end, stop)
        return "".join([*pieces, text[end:]])

    def value(self, value: Any) -> Any:
        """Return a JSON value with every secret in its texts and keys replaced."""
        if not self._forms:
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.value(key): self.value(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(item) for item in value]
        # A number can be a secret too, such as a PIN.
        if isinstance(value, int | float) and not isinstance(value, bool):
            shown = self.text(str(value))
            return value if shown == str(value) else shown
        return value

    def event(self, event: LogEvent) -> LogEvent:
        """Return a log event with every secret in its text and fields replaced."""
        if not self._forms:
            return event
        return replace(event, event=self.text(event.event), fields=self.value(event.fields))

    def _add_nested(self, value: object) -> None:
        if isinstance(value, Mapping):
            self.add(value)
        elif isinstance(value, list):
            for item in value:
                self._add_nested(item)

    def _add_text(self, secret: str) -> None:
        # Streams are masked line by line, so the lines of a key file are secrets one by one.
        parts = [secret, *(line.strip() for line in secret.splitlines())] if "\n" in secret else [secret]
        for part in parts:
            if part.lower() in _COMMON:
                continue
            forms = (
                part,
                quote(part, safe="", errors="replace"),
                quote_plus(part, errors="replace"),
                json.dumps(part)[1:-1],
                json.dumps(part, ensure_ascii=False)[1:-1],
                repr(part)[1:-1],
            )
            self._forms.update(form for form in forms if len(form) >= _SHORTEST)


def _spans(form: str, text: str) -> Iterator[tuple[int, int]]:
    """Yield where a form begins and ends in a text, also where it overlaps itself."""
    at = text.find(form)
    while at >= 0:
        yield at, at + len(form)
        at = text.find(form, at + 1)
