"""Tables for people at a terminal, plain lines for everything else."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from afbundle.artifact.errors import ArtifactError
from afbundle.pack.errors import PackError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType

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
