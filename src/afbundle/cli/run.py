"""``afbundle run``: run a bundle's tasks on this machine, answered from memory."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from afbundle.artifact.errors import ArtifactError
from afbundle.artifact.reader import BundleFile
from afbundle.cli import output as out
from afbundle.cli.run_output import RunPrinter
from afbundle.supervise import LocalDagRun, MemoryBackend, RuntimeSettings, SecretMasker, parse_connection
from afbundle.supervise.local_run import LocalRunner
from afbundle.wire.messages import SCHEMA_VERSIONS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from afbundle.supervise.local_run import TaskReport
    from afbundle.wire import messages

_LEVELS = ("debug", "info", "warning", "error", "critical")
_CONF_EXAMPLE = '{"date": "2026-01-31"}'


def _pairs(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """Split each NAME=TEXT at its first equals sign; a wrong one is not quoted, since it may hold a secret."""
    pairs = {}
    for value in values:
        name, equals, text = value.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"expected {parameter.metavar}")
        pairs[name] = text
    return pairs


def _connections(
    context: click.Context, parameter: click.Parameter, values: tuple[str, ...]
) -> dict[str, messages.ConnectionResult]:
    connections = {}
    for conn_id, text in _pairs(context, parameter, values).items():
        try:
            connections[conn_id] = parse_connection(conn_id, text)
        except ValueError as error:
            raise click.BadParameter(f"{conn_id}: {error}") from None
    return connections


def _object(context: click.Context, parameter: click.Parameter, value: str) -> dict[str, Any]:
    try:
        found = json.loads(value)
    except ValueError as error:
        raise click.BadParameter(f"expected a JSON object such as {_CONF_EXAMPLE}: {error}") from None
    if not isinstance(found, dict):
        raise click.BadParameter(f"expected a JSON object such as {_CONF_EXAMPLE}")
    return found


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("dag_id", required=False)
@click.argument("task_id", required=False)
@click.option(
    "--var",
    "variables",
    multiple=True,
    metavar="KEY=VALUE",
    callback=_pairs,
    help="A variable; may be repeated.",
)
@click.option(
    "--conn",
    "connections",
    multiple=True,
    metavar="ID=URI",
    callback=_connections,
    help="A connection, as type://login:password@host:port/schema?extra=value; may be repeated.",
)
@click.option(
    "--conf", metavar="JSON", default="{}", callback=_object, help="The Dag run's configuration, an object."
)
@click.option(
    "--retries",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="How often a task is tried again.",
)
@click.option(
    "--log-level", type=click.Choice(_LEVELS, case_sensitive=False), default="info", show_default=True
)
def run(
    *,
    file: Path,
    dag_id: str | None,
    task_id: str | None,
    variables: dict[str, str],
    connections: dict[str, messages.ConnectionResult],
    conf: dict[str, Any],
    retries: int,
    log_level: str,
) -> None:
    """Run a Dag of FILE, a bundle of any language, or one of its tasks, without Airflow.

    The tasks run one after the other in the order of the manifest, in one store in memory. DAG_ID may be left out when
    the bundle has one Dag. Exits 0 when all tasks succeeded or were skipped, else 1.
    """
    with out.Failures():
        dags, schema_version = _inspect(file)
    dag_id, tasks = _choose(file, dags, dag_id, task_id)
    masker = SecretMasker()
    for key, value in variables.items():
        masker.add_variable(key, value)
    for connection in connections.values():
        masker.add_connection(connection)
    store = MemoryBackend(variables, connections)
    dag_run = LocalDagRun.manual(dag_id, conf=conf)
    printer = RunPrinter(dag_run, store, masker)
    printer.run_started(file.name)
    runner = LocalRunner(
        bundle=file,
        dag_run=dag_run,
        tasks=tasks,
        store=store,
        schema_version=schema_version,
        observer=printer,
        retries=retries,
        masker=masker,
        settings=RuntimeSettings(logging_level=log_level.upper()),
    )
    reports = asyncio.run(_run(runner))
    printer.run_ended(reports)
    raise SystemExit(0 if dag_run.state == "success" else 1)


def _inspect(file: Path) -> tuple[dict[str, list[str]], str]:
    """Return a bundle's Dags and schema version, once every digest was found right."""
    with BundleFile.open(file) as bundle:
        bundle.verify()
        dags, version = bundle.dags, bundle.schema_version
    if version not in SCHEMA_VERSIONS:
        raise ArtifactError(
            f"{file} speaks the supervisor schema {version}, this afbundle only {', '.join(SCHEMA_VERSIONS)}"
        )
    return dags, version


def _choose(
    file: Path, dags: dict[str, list[str]], dag_id: str | None, task_id: str | None
) -> tuple[str, Sequence[str]]:
    """Return the Dag and the tasks that are meant."""
    if dag_id is None and len(dags) == 1:
        dag_id = next(iter(dags))
    if dag_id is None or dag_id not in dags:
        known = f"{file.name} has the Dags {', '.join(sorted(dags))}" if dags else f"{file.name} has no Dags"
        raise click.UsageError(f"name a Dag: {known}" if dag_id is None else f"no Dag {dag_id!r}: {known}")
    tasks = dags[dag_id]
    if task_id is None:
        return dag_id, tasks
    if task_id not in tasks:
        raise click.UsageError(f"no task {task_id!r} in {dag_id}; it has {', '.join(tasks) or 'none'}")
    return dag_id, [task_id]


async def _run(runner: LocalRunner) -> list[TaskReport]:
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(signum, runner.interrupt)
    return await runner.run()
