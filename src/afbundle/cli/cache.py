"""``afbundle cache``: what bundles have unpacked on this machine, and room for more."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING

import click

from afbundle.artifact import cache as caches
from afbundle.artifact import collect
from afbundle.cli.output import Failures, show, size

if TYPE_CHECKING:
    from collections.abc import Sequence

_DAY = 86400.0
_MIB = 1 << 20


@click.group(short_help="Show and clean up where bundles unpack their dependencies.")
def cache() -> None:
    """Show and clean up where bundles unpack their dependencies.

    That is $AFBUNDLE_CACHE where it is set; else the user's cache folder, or a private folder under the temp dir where the
    other cannot be used. What a running task uses is never removed; what is removed is unpacked again when it is needed.
    """


@cache.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
def list_(as_json: bool) -> None:
    """Show what is unpacked, what was used longest ago first."""
    with Failures():
        found = []
        for root in _roots():
            for entry in collect.entries(root):
                bytes_, files = entry.size()
                found.append((entry, bytes_, files, entry.in_use()))
    if as_json:
        facts = [
            {
                "path": entry.path,
                "digest": entry.digest,
                "bytes": bytes_,
                "files": files,
                "used": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(entry.used)),
                "in_use": in_use,
            }
            for entry, bytes_, files, in_use in found
        ]
        click.echo(json.dumps({"entries": facts, "bytes": sum(item[1] for item in found)}, indent=2))
        return
    header = ("entry", "size", "files", "last used", "")
    rows = [
        (
            entry.path if not sys.stdout.isatty() else entry.digest[:12],
            size(bytes_),
            str(files),
            _ago(entry.used),
            "in use" if in_use else "",
        )
        for entry, bytes_, files, in_use in found
    ]
    total = (
        f"{len(found)} {'entry' if len(found) == 1 else 'entries'}, {size(sum(item[1] for item in found))}"
    )
    _table(f"{', '.join(_roots()) or caches.roots()[0]}: {total}", header, rows)


@cache.command("gc")
@click.option(
    "--max-age",
    type=click.FloatRange(min=0),
    default=collect.MAX_AGE / _DAY,
    show_default=True,
    metavar="DAYS",
    help="Remove what was not used for that long.",
)
@click.option(
    "--max-size",
    type=click.IntRange(min=0),
    default=collect.MAX_BYTES // _MIB,
    show_default=True,
    metavar="MIB",
    help="Remove what was used longest ago while there is more than this.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
def gc(max_age: float, max_size: int, as_json: bool) -> None:
    """Remove what is old or too much; bundles do the same by themselves after they have unpacked something."""
    _remove(max_age * _DAY, max_size * _MIB, as_json)


@cache.command("clear")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
def clear(as_json: bool) -> None:
    """Remove everything that no running task uses."""
    _remove(float("inf"), -1, as_json)


def _remove(max_age: float, max_bytes: int, as_json: bool) -> None:
    with Failures():
        removed = [found for root in _roots() for found in collect.collect(root, max_age, max_bytes)]
        kept = sum(len(collect.entries(root)) for root in _roots())
    freed = sum(bytes_ for _, bytes_ in removed)
    if as_json:
        facts = {"removed": [entry.path for entry, _ in removed], "bytes": freed, "kept": kept}
        click.echo(json.dumps(facts, indent=2))
        return
    rows = [(entry.path, size(bytes_)) for entry, bytes_ in removed]
    show(f"removed {len(removed)}, {size(freed)}; kept {kept}", rows)


def _roots() -> list[str]:
    return collect.existing_roots()


def _ago(when: float) -> str:
    hours = max(0.0, time.time() - when) / 3600
    if hours < 2:
        return "just now" if hours < 1 else "1 hour ago"
    return f"{hours:.0f} hours ago" if hours < 48 else f"{hours / 24:.0f} days ago"


def _table(title: str, header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(title=Text(title), title_justify="left")
        for name in header:
            table.add_column(name, justify="right" if name in ("size", "files") else "left")
        for row in rows:
            table.add_row(*map(Text, row))
        Console().print(table)
        return
    click.echo(title)
    for row in rows:
        click.echo("  ".join(cell for cell in row if cell))
