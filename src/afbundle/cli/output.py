"""Tables for people at a terminal, plain lines for everything else."""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import click

from afbundle.artifact.errors import ArtifactError
from afbundle.pack.errors import PackError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType

    from rich.status import Status

_KILO = 1024


class Failures:
    """Turns errors that are the user's business into one line on stderr and exit code 1; a context manager."""

    def __enter__(self) -> Failures:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if isinstance(error, (PackError, ArtifactError, OSError)):
            raise click.ClickException(str(error)) from None


class Steps:
    """Shows which step is running: as one moving line on a terminal, else a line for each; a context manager.

    Called with the line. On a terminal a step that is done stays, with the seconds it took.
    """

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._step: tuple[str, float] | None = None
        self._status: Status | None = None

    def __enter__(self) -> Steps:
        if sys.stderr.isatty():
            from rich.console import Console

            console = Console(stderr=True, highlight=False)
            self._status = self._stack.enter_context(console.status(""))
        return self

    def __call__(self, line: str) -> None:
        """Begin a step."""
        if self._status is None:
            click.echo(f"{line} …", err=True)
            return
        self._done()
        from rich.markup import escape

        self._step = (line, time.monotonic())
        self._status.update(escape(line))

    def _done(self) -> None:
        if self._step is not None and self._status is not None:
            line, began = self._step
            self._status.console.print(
                f"{time.monotonic() - began:6.1f} s  {line}", style="dim", markup=False
            )
            self._step = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None:
            self._done()
        self._stack.close()


def size(count: int) -> str:
    """Return a number of bytes for people: ``412 B``, ``1.4 KiB``, ``132.0 MiB``."""
    if count < _KILO:
        return f"{count} B"
    kilos = count / _KILO
    return f"{kilos:.1f} KiB" if kilos < _KILO else f"{kilos / _KILO:.1f} MiB"


def show(title: str, rows: Sequence[tuple[str, str]]) -> None:
    """Print pairs: as a table on a terminal, else as ``name: value`` lines.

    What a foreign bundle says about itself may hold control characters, and a terminal obeys them; they are shown escaped.
    """
    rows = [(_harmless(name), _harmless(value)) for name, value in rows]
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(title=Text(title), title_justify="left", show_header=False)
        for name, value in rows:
            table.add_row(Text(name, style="bold"), Text(value))
        Console().print(table)
        return
    click.echo(title)
    for line in _lines(rows):
        click.echo(line)


def _harmless(text: str) -> str:
    return "".join(char if char.isprintable() or char == "\n" else repr(char)[1:-1] for char in text)


def _lines(rows: Sequence[tuple[str, str]]) -> Iterator[str]:
    for name, value in rows:
        first, *others = value.splitlines() or [""]
        yield f"{name}: {first}"
        for other in others:
            yield f"  {other}"
