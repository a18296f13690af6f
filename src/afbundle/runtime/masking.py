"""Secrets that were fetched, kept out of everything that this process writes.

Theory of operation
-------------------
`Masker` holds the secrets of this process, each in every form in which it usually turns up (`_forms`). Text is masked by
finding all occurrences of all forms, joining those that overlap, and writing three stars for each group; so nothing of a
secret survives because another one begins inside it.

How secrets are kept out of streams, where they may come in pieces: `afbundle.runtime.masked_streams`. Until the first secret is
registered nothing is in the way of any stream.
"""

from __future__ import annotations

import sys
from _thread import RLock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any, TextIO, TypeVar

    from afbundle.runtime.masked_streams import MaskedStream

    Text = TypeVar("Text", str, bytes)

__all__ = ["MIN_LENGTH", "SENSITIVE_NAMES", "STARS", "Masker", "find_secrets", "is_sensitive", "masker"]

STARS = "***"
"""What stands in the place of a secret."""

MIN_LENGTH = 5
"""Shorter secrets are not masked, as Airflow's ``[logging] min_length_masked_secret`` has it by default (3.3, 3.4)."""

# A word that every log holds; Airflow does not mask it either (3.3, 3.4).
_NEVER_MASKED = "airflow"

SENSITIVE_NAMES = frozenset(
    (
        "access_key",
        "access_token",
        "api_key",
        "apikey",
        "auth_header",
        "authorization",
        "bearer",
        "connection_string",
        "dsn",
        "keyfile_dict",
        "passphrase",
        "passwd",
        "password",
        "private_key",
        "proxies",
        "proxy",
        "proxy_password",
        "secret",
        "service_account",
        "service_key",
        "token",
        "webhook_url",
    )
)
"""What makes a name sensitive when it is part of it (Airflow's defaults, 3.3.2 and 3.4.0b2)."""

_DEEPEST = 32

# Log records ask for the same few names again and again.
_verdicts: dict[str, bool] = {}
_MOST_VERDICTS = 1000


def is_sensitive(name: object) -> bool:
    """Return whether the value under this name (a variable's key, a key of a connection's extra) must not be shown.

    The rule is Airflow's: a known name is part of it, however it is spelled (``api-key``, ``API key``, ``apiKey``). The names in
    ``[core] sensitive_var_conn_names`` count, where this process has them in its environment.
    """
    if not isinstance(name, str):
        return False
    verdict = _verdicts.get(name)
    if verdict is None:
        plain, split = _spellings(name.strip())
        verdict = any(each in plain or each in split for each in _sensitive_names())
        if len(_verdicts) < _MOST_VERDICTS:
            _verdicts[name] = verdict
    return verdict


def _sensitive_names() -> Iterable[str]:
    from posix import environ

    more = environ.get(b"AIRFLOW__CORE__SENSITIVE_VAR_CONN_NAMES")
    if not more:
        return SENSITIVE_NAMES
    return SENSITIVE_NAMES.union(
        filter(None, (each.strip().lower() for each in more.decode("utf-8", "replace").split(",")))
    )


def _spellings(name: str) -> tuple[str, str]:
    """Return a name with what parts its words as underscores; in the second, camelCase words are parted too."""
    plain: list[str] = []
    split: list[str] = []
    for index, char in enumerate(name):
        if char != "_" and not char.isalnum():
            if not plain or name[index - 1] == "_" or name[index - 1].isalnum():
                plain.append("_")
                split.append("_")
            continue
        if index and char.isupper():
            before, after = name[index - 1], name[index + 1 : index + 2]
            if before.islower() or before.isdigit() or (before.isupper() and after.islower()):
                split.append("_")
        plain.append(char.lower())
        split.append(char.lower())
    return "".join(plain), "".join(split)


class Masker:
    """The secrets of this process.

    Attributes:
        texts: all forms of all secrets, the longest first.
        bytes: the same in UTF-8.
    """

    def __init__(self) -> None:
        self._lock = RLock()
        self.texts: tuple[str, ...] = ()
        self.bytes: tuple[bytes, ...] = ()
        self._streams: list[MaskedStream] = []
        self._guards_stdio = False

    def add(self, secret: object, name: str | None = None) -> None:
        """Mask a secret from now on.

        Arguments:
            secret: a str; or lists, and dicts whose keys say which of their values are secret. Anything else is ignored.
            name: what it is called. When given, the secret is masked only if the name is sensitive.
        """
        found = [form for text in _strings(secret, name, known=name is None) for form in _forms(text)]
        if not found:
            return
        with self._lock:
            first = not self.texts
            self.texts = tuple(sorted({*self.texts, *found}, key=len, reverse=True))
            self.bytes = tuple(form.encode("utf-8", "surrogatepass") for form in self.texts)
            if first and self._guards_stdio:
                self._put_before_stdio()

    def mask(self, text: str) -> str:
        """Return the text with stars for every secret in it."""
        return _masked(text, self.texts, STARS)

    def mask_value(self, value: Any) -> Any:
        """Return a copy of a log record's value without secrets.

        Strings are masked; below a sensitive key all text becomes stars. Dicts and lists are walked; tuples and sets
        become lists. Objects that only their ``str()`` could show become that text, masked; dates stay.
        """
        return self._value(value, False, _DEEPEST)

    def _value(self, value: Any, hidden: bool, depth: int) -> Any:
        if isinstance(value, str):
            return STARS if hidden else _masked(value, self.texts, STARS)
        if value is None or isinstance(value, (bool, int, float)) or hasattr(value, "isoformat"):
            return value
        if isinstance(value, (dict, list, tuple, set, frozenset)):
            if depth == 0:
                return "…"
            if isinstance(value, dict):
                return {
                    (self.mask(key) if isinstance(key, str) else key): self._value(
                        item, hidden or is_sensitive(key), depth - 1
                    )
                    for key, item in value.items()
                }
            return [self._value(item, hidden, depth - 1) for item in value]
        if hidden:
            return STARS
        try:
            return self.mask(str(value))
        except Exception as error:  # noqa: BLE001  (a broken __str__ must not cost the record)
            return f"<{type(value).__name__} that cannot be shown: {type(error).__name__}>"

    def guard_stdio(self) -> None:
        """Mask what is written to ``sys.stdout`` and ``sys.stderr``, from the first secret on."""
        with self._lock:
            if not self._guards_stdio:
                self._guards_stdio = True
                if self.texts:
                    self._put_before_stdio()

    def _put_before_stdio(self) -> None:
        from atexit import register

        register(self.release)
        for name in ("stdout", "stderr"):
            stream = getattr(sys, name)
            if stream is None:
                continue
            masked = self.wrap_stream(stream)
            setattr(sys, name, masked)
            try:
                # Handlers and libraries may hold the stream itself since before; ``print`` and all others look up `write`.
                stream.write = masked.write
            except AttributeError:
                pass  # An object without room for attributes can only be replaced.

    def wrap_stream(self, stream: TextIO) -> TextIO:
        """Return a stream that masks what is written to it and passes everything else on to the given one."""
        from afbundle.runtime.masked_streams import MaskedStream

        masked = MaskedStream(stream, self)
        self._streams.append(masked)
        # It has all that a TextIO has, most of it through __getattr__, which type checkers do not follow.
        return masked  # type: ignore[return-value]

    def release(self) -> None:
        """Write what the streams hold back, and flush them. Runs at the exit of the process for its own two streams."""
        for stream in self._streams:
            stream.release()


def _masked(text: Text, forms: tuple[Text, ...], stars: Text) -> Text:
    for form in forms:
        if form in text:
            break
    else:
        return text
    pieces: list[Text] = []
    position = 0
    for start, end in find_secrets(text, forms, 0):
        pieces += (text[position:start], stars)
        position = end
    pieces.append(text[position:])
    return text[:0].join(pieces)


def find_secrets(text: Text, forms: tuple[Text, ...], covered: int) -> list[tuple[int, int]]:
    """Return where secrets lie in a text, as (start, end) in order, joined where they overlap.

    Arguments:
        text: where to look.
        forms: the secrets.
        covered: so many characters at the front count as part of a secret already.
    """
    found = [(0, covered)] if covered else []
    for form in forms:
        at = text.find(form)
        while at >= 0:
            found.append((at, at + len(form)))
            at = text.find(form, at + 1)
    found.sort()
    joined: list[tuple[int, int]] = []
    for start, end in found:
        if joined and start < joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _strings(secret: object, name: str | None, *, known: bool) -> Iterator[str]:
    """Give the strings in a value that must be masked. Below a sensitive name all are, also under harmless keys."""
    known = known or is_sensitive(name)
    if isinstance(secret, str):
        if known:
            yield secret
    elif isinstance(secret, dict):
        inherited = known and name is not None
        for key, value in secret.items():
            yield from _strings(value, str(key), known=inherited)
    elif isinstance(secret, (list, tuple, set, frozenset)):
        for value in secret:
            yield from _strings(value, name, known=known)


def _forms(secret: str) -> set[str]:
    """Return a secret as it stands, URL-quoted, JSON-escaped and in Python's repr, where it is long enough to be masked."""
    if len(secret) < MIN_LENGTH:
        return set()
    from _json import encode_basestring, encode_basestring_ascii

    forms = {
        secret,
        encode_basestring(secret)[1:-1],
        encode_basestring_ascii(secret)[1:-1],
        repr(secret)[1:-1],
        _quoted(secret, "", "%20"),
        _quoted(secret, "/", "%20"),
        _quoted(secret, "", "+"),
    }
    return {form for form in forms if form.lower() != _NEVER_MASKED}


def _quoted(text: str, safe: str, space: str) -> str:
    """Return a text as ``urllib.parse.quote`` (or ``quote_plus``) does, without its imports."""
    parts = []
    for char in text:
        if char.isascii() and (char.isalnum() or char in "_.-~" or char in safe):
            parts.append(char)
        elif char == " ":
            parts.append(space)
        else:
            parts += [f"%{byte:02X}" for byte in char.encode("utf-8", "surrogatepass")]
    return "".join(parts)


masker = Masker()
"""The masker of this process."""
