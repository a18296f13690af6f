"""The click group; loads a command's module only when that command is used."""

from __future__ import annotations

import importlib

import click

from afbundle._version import __version__
from afbundle.cli.__main__ import COMMANDS


class LazyGroup(click.Group):
    """A group that knows its commands by name, and their help without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands, sorted."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, importing its module; None for an unknown name."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(importlib.import_module(f"afbundle.cli.{cmd_name}"), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands."""
        with formatter.section("Commands"):
            formatter.write_dl(sorted(COMMANDS.items()))


@click.group(cls=LazyGroup)
@click.version_option(__version__, prog_name="afbundle", message="%(prog)s %(version)s")
def afbundle() -> None:
    """Pack Python tasks and Dags into one executable file that Apache Airflow runs."""
