"""Streams that keep secrets back, also when they are written in pieces.

Theory of operation
-------------------
A text that arrives in pieces (``sys.stdout.write``) may split a secret. `_Sieve` therefore holds back the end of a text, as
long as it could be the beginning of a secret: never more than the longest form less one character. Such an end stays held
back across ``flush()``, because whoever flushes after each piece would otherwise get the secret out; `MaskedStream.release`
(at the end of the process) and ``close()`` let it go. A line end releases it at once, unless a secret has more than one line.

When the end of a complete secret could also be the beginning of another one, its stars are written at once, and the end is held
back as *covered*: it will not be written itself, and not be given stars twice.
"""

from __future__ import annotations

from _thread import RLock

from afbundle.runtime.masking import STARS, find_secrets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any, TextIO, TypeVar

    from afbundle.runtime.masking import Masker

    Text = TypeVar("Text", str, bytes)

__all__ = ["MaskedStream"]


class MaskedStream:
    """A text stream that masks secrets, also when they come in pieces. Made by `Masker.wrap_stream`."""

    def __init__(self, stream: TextIO, masker: Masker) -> None:
        self._stream = stream
        self._masker = masker
        self._sieve = _Sieve(stream.write, lambda: masker.texts, "", STARS)
        self._buffer: _MaskedBuffer | None = None

    def write(self, text: str) -> int:
        """Write a text; its end may be held back until the next write, see the theory of operation."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        self._sieve.write(text)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write several texts."""
        for line in lines:
            self.write(line)

    @property
    def buffer(self) -> _MaskedBuffer:
        """The stream's bytes, masked likewise."""
        if self._buffer is None:
            self._buffer = _MaskedBuffer(self._stream.buffer, self._masker)
        return self._buffer

    def release(self) -> None:
        """Write what is held back, and flush."""
        try:
            self._sieve.release()
            if self._buffer is not None:
                self._buffer._sieve.release()
            self._stream.flush()
        except (OSError, ValueError):
            pass  # Closed, or nobody reads it any more.

    def close(self) -> None:
        """Write what is held back, and close the stream."""
        self.release()
        self._stream.close()

    def __enter__(self) -> MaskedStream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[str]:
        return iter(self._stream)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _MaskedBuffer:
    """The bytes under a `MaskedStream`."""

    def __init__(self, buffer: Any, masker: Masker) -> None:
        self._buffer = buffer
        self._sieve = _Sieve(buffer.write, lambda: masker.bytes, b"", STARS.encode())

    def write(self, data: Any) -> int:
        view = memoryview(data)
        self._sieve.write(bytes(view))
        return view.nbytes

    def writelines(self, lines: Iterable[Any]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._buffer, name)


class _Sieve:
    """Lets a stream of text (or bytes) through without its secrets.

    Arguments:
        emit: takes what may be seen.
        forms: returns the secrets as they are by now.
        nothing: an empty text.
        stars: what stands for a secret.
    """

    # Not generic over str and bytes at run time, and mypy cannot follow a TypeVar through closures; hence Any.
    def __init__(
        self, emit: Callable[[Any], object], forms: Callable[[], tuple[Any, ...]], nothing: Any, stars: Any
    ) -> None:
        self._emit = emit
        self._forms = forms
        self._nothing = nothing
        self._stars = stars
        self._held = nothing
        # So many characters at the front of what is held belong to a secret whose stars were already written.
        self._covered = 0
        # Re-entrant, because a signal handler may print while the main thread does.
        self._lock = RLock()

    def write(self, text: Any) -> None:
        with self._lock:
            forms = self._forms()
            whole = self._held + text
            cut = _open_end(whole, forms)
            self._pass_on(whole, cut, forms)

    def release(self) -> None:
        with self._lock:
            self._pass_on(self._held, len(self._held), self._forms())

    def _pass_on(self, whole: Any, cut: int, forms: tuple[Any, ...]) -> None:
        """Emit what comes before ``cut`` and hold the rest back."""
        spans = find_secrets(whole, forms, self._covered)
        pieces: list[Any] = []
        position = 0
        if self._covered:
            position = spans.pop(0)[1]
        for start, end in spans:
            if start >= cut:
                break
            pieces += (whole[position:start], self._stars)
            position = end
        pieces.append(whole[position:cut])
        self._held = whole[cut:]
        self._covered = max(position - cut, 0)
        visible = self._nothing.join(pieces)
        if visible:
            self._emit(visible)


def _open_end(text: Text, forms: tuple[Text, ...]) -> int:
    """Return where the longest end of a text starts that more text could make a secret of; its length when there is none."""
    size = cut = len(text)
    for form in forms:
        at = text.find(form[:1], max(size - len(form) + 1, 0), cut)
        while at >= 0:
            if form.startswith(text[at:]):
                cut = at
                break
            at = text.find(form[:1], at + 1, cut)
    return cut
