"""What ``afbundle run`` shows: the log under a heading for each try, states, return values, a closing line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.text import Text

from afbundle.supervise import RETURN_VALUE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from afbundle.supervise import LocalDagRun, LogEvent, MemoryBackend, SecretMasker
    from afbundle.supervise.local_run import TaskReport

__all__ = ["RunPrinter"]

_LEVEL_STYLES = {
    "critical": "bold red",
    "error": "red",
    "warning": "yellow",
    "info": "green",
    "debug": "dim",
}
_STATE_STYLES = {
    "success": "bold green",
    "failed": "bold red",
    "removed": "bold red",
    "up_for_retry": "bold yellow",
    "upstream_failed": "bold yellow",
    "skipped": "magenta",
}
_RULE_WIDTH = 80
_LONGEST_VALUE = 2000
# Where SDKs put an exception; Airflow's log has it under the second name.
_EXCEPTION_FIELDS = ("exception", "error_detail")
_NOT_HERE = {
    "deferred": "afbundle run cannot wait for triggers yet",
    "up_for_reschedule": "afbundle run cannot reschedule a task yet",
    "awaiting_input": "afbundle run cannot ask for input yet",
}


class RunPrinter:
    """Prints a run as it goes: with colours on a terminal, plain lines elsewhere.

    Arguments:
        dag_run: the run.
        store: where return values are looked up.
        masker: keeps secrets out of what is not masked yet.
    """

    def __init__(self, dag_run: LocalDagRun, store: MemoryBackend, masker: SecretMasker) -> None:
        self._run = dag_run
        self._store = store
        self._masker = masker
        self._console = Console(soft_wrap=True, highlight=False, markup=False, emoji=False)

    def run_started(self, bundle: str) -> None:
        """Print what is going to be run."""
        self._print((self._run.dag_id, "bold"), (f" {self._run.run_id} ({bundle})", ""))

    def try_started(self, task_id: str, try_number: int, tries: int) -> None:
        """Print a task's heading."""
        title = f"── {task_id}" + (f" (try {try_number} of {tries}) " if tries > 1 else " ")
        self._print((title.ljust(_RULE_WIDTH, "─"), "bold"))

    def logged(self, event: LogEvent) -> None:
        """Print a log event, what belongs to it indented below."""
        text, *more = event.event.splitlines() or [""]
        fields = {key: value for key, value in event.fields.items() if key not in _EXCEPTION_FIELDS}
        parts = [
            (event.timestamp.astimezone().strftime("%H:%M:%S.%f")[:-3], "dim"),
            (f" {event.level.upper():<8} ", _LEVEL_STYLES.get(event.level, "")),
            (text, ""),
        ]
        parts += [(f" {key}={_short(value)}", "cyan") for key, value in fields.items()]
        if event.logger:
            parts.append((f" [{event.logger}]", "dim"))
        self._print(*parts)
        for line in more:
            self._print((f"    {line}", ""))
        for key in _EXCEPTION_FIELDS:
            for line in _traceback(event.fields.get(key)):
                self._print((f"    {line}", "red"))

    def try_ended(self, report: TaskReport) -> None:
        """Print a try's state, how long it took, and what the task returned."""
        self._print_state(report)
        if report.error is not None:
            self._print((f"    {report.error}", "red"))
            for line in report.error.stderr_tail.splitlines():
                self._print((f"    stderr: {line}", ""))
        elif report.result is not None and report.state != "success" and report.result.reason:
            self._print((f"    {report.result.reason}", ""))
        if report.state in _NOT_HERE:
            self._print((f"    {_NOT_HERE[report.state]}", "yellow"))
        if report.state == "success":
            pushed = self._store.xcoms(self._run.dag_id, self._run.run_id, report.task_id)
            if RETURN_VALUE in pushed:
                shown = _short(self._masker.value(pushed[RETURN_VALUE]))
                self._print((f"    {RETURN_VALUE}: ", "dim"), (shown, ""))

    def run_ended(self, reports: Sequence[TaskReport]) -> None:
        """Print the tasks that were not run, and the closing line."""
        for report in reports:
            if report.tries == 0:
                self._print_state(report)
        counts: dict[str, int] = {}
        for report in reports:
            counts[report.state or "not run"] = counts.get(report.state or "not run", 0) + 1
        summary = ", ".join(f"{count} {state}" for state, count in counts.items())
        took = ""
        if self._run.end_date is not None and self._run.start_date is not None:
            took = f" in {(self._run.end_date - self._run.start_date).total_seconds():.2f} s"
        self._print(
            (f"{self._run.dag_id}: ", "bold"),
            (self._run.state, _STATE_STYLES[self._run.state]),
            (f"{took} ({summary})", ""),
        )

    def _print_state(self, report: TaskReport) -> None:
        took = f" in {report.result.duration:.2f} s" if report.result is not None else ""
        state = report.state or "not run"
        self._print((f"{report.task_id}: ", "bold"), (state, _STATE_STYLES.get(state, "bold")), (took, ""))

    def _print(self, *parts: tuple[str, str]) -> None:
        if self._console.is_terminal:
            self._console.print(Text.assemble(*parts))
        else:
            # rich takes ten times as long, and would cut and wrap.
            click.echo("".join(text for text, _ in parts))


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    if len(text) > _LONGEST_VALUE:
        return f"{text[:_LONGEST_VALUE]}… ({len(text)} characters)"
    return text


def _traceback(exceptions: Any) -> Iterator[str]:
    """Yield the lines of a traceback in the form that Airflow's log has, or of a plain text."""
    if isinstance(exceptions, str):
        yield from exceptions.splitlines()
        return
    if not isinstance(exceptions, list):
        return
    for exception in reversed(exceptions):
        if isinstance(exception, dict):
            yield from _one_exception(exception)


def _one_exception(exception: Mapping[str, Any]) -> Iterator[str]:
    frames = [frame for frame in exception.get("frames") or () if isinstance(frame, dict)]
    if frames:
        yield "Traceback (most recent call last):"
    for frame in frames:
        yield f'  File "{frame.get("filename")}", line {frame.get("lineno")}, in {frame.get("name")}'
    yield f"{exception.get('exc_type')}: {exception.get('exc_value')}"
