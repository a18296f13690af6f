"""``afbundle pack`` as its users meet it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from afbundle.cli.group import afbundle
from tests.unit.pack.wheels import make_wheel

TASKS = """\
from afbundle import Bundle
bundle = Bundle("etl", version="1.2")
dag = bundle.dag("d")
@dag.task
def one(x: int): ...
bundle.serve()
"""


@pytest.fixture
def tasks(tmp_path: Path) -> Path:
    """A file with one task, which takes an argument."""
    path = tmp_path / "tasks.py"
    path.write_text(TASKS)
    return path


def _run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(afbundle, ["pack", *map(str, arguments)])


def test_the_summary_says_what_was_packed_and_chosen(tasks: Path, tmp_path: Path) -> None:
    done = _run(tasks, "-o", tmp_path / "b")
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0] == f"packed {tmp_path}/b"
    assert lines[1] == "bundle: etl 1.2"
    assert "dags: d: one" in lines
    at = lines.index("schema: 2026-10-30")
    assert lines[at + 1] == "  Airflow 3.4 and later only, because of the arguments of d.one (x)"
    assert any(line.startswith("digest: ") and len(line) == len("digest: ") + 64 for line in lines)
    assert "compiling" in done.stderr


def test_a_forced_schema_that_cannot_work_is_warned_about(tasks: Path, tmp_path: Path) -> None:
    done = _run(tasks, "-o", tmp_path / "b", "--supervisor-schema-version", "2026-06-16")
    assert done.exit_code == 0
    assert "Warning: supervisor schema 2026-06-16 sends no arguments" in done.stderr
    assert "these will fail: d.one (x)" in done.stderr


def test_a_failure_is_told_on_stderr_with_exit_code_1(tasks: Path, tmp_path: Path) -> None:
    tasks.write_text("import no_such_module")
    done = _run(tasks, "-o", tmp_path / "b")
    assert done.exit_code == 1
    assert done.stdout == ""
    told = done.stderr[done.stderr.index("Error: ") :].splitlines()
    assert told[0].startswith("Error: the entry failed: ModuleNotFoundError")
    assert told[1] == "Traceback (most recent call last):"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "name either PATH or --executable FILE"),
        (["a.py", "--executable", "x"], "name either PATH or --executable FILE"),
        (["--executable", "x"], "--executable needs --source FILE"),
        (["--venv", "a.py"], "--venv took a.py for its folder; write --venv=DIR, or --venv at the end"),
        (
            ["--executable", "x", "--source", "y", "--with", "z"],
            "go with PATH; an executable is packed as it is",
        ),
        (["a.py", "--supervisor-schema-version", "2020-01-01"], "2026-06-16"),
    ],
)
def test_usage_errors_have_exit_code_2(arguments: list[str], says: str) -> None:
    done = _run(*arguments)
    assert done.exit_code == 2
    assert says in done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--venv", "gone"], "gone is not a virtual environment: it has no pyvenv.cfg"),
        (
            ["--platform", "linux"],
            "'linux' is not a platform to pack for; give one like manylinux_2_28_x86_64",
        ),
        (["--python-version", "3"], "'3' is not a Python version to pack for; give one like 3.12"),
        (["--python-version", "3.9"], "afbundle needs Python 3.10 or newer in the bundle, not 3.9"),
        (["--extra", "x"], "--extra and --group need the project that they belong to"),
    ],
)
def test_choices_that_are_not_right_are_told_in_one_line(
    tasks: Path, tmp_path: Path, arguments: list[str], says: str
) -> None:
    done = _run(tasks, "-o", tmp_path / "b", *arguments)
    assert done.exit_code == 1
    assert "Error: " in done.stderr
    assert says in done.stderr
    assert not (tmp_path / "b").exists()


def test_verbose_lists_what_enters(tasks: Path, tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path / "wheels", "dep", {"dep.py": "X = 1\n"}, version="1.5")
    done = _run(tasks, "-o", tmp_path / "b", "--with", wheel, "--verbose")
    assert done.exit_code == 0, done.output
    assert re.search(r"^distributions: dep 1\.5 \(\d+ B\)$", done.stdout, re.MULTILINE)
    assert re.search(r"^modules: tasks \(\d+ B\)$", done.stdout, re.MULTILINE)


def test_a_foreign_executable(tmp_path: Path) -> None:
    (tmp_path / "m.json").write_text(
        '{"airflow_bundle_metadata_version": "1.0", "dags": {"d": {"tasks": ["a"]}},'
        ' "sdk": {"language": "go", "version": "1", "supervisor_schema_version": "2026-06-16"}}'
    )
    (tmp_path / "main.go").write_text("package main\n")
    inputs: list[str | Path] = ["--source", tmp_path / "main.go", "--airflow-metadata", tmp_path / "m.json"]
    done = _run("--executable", "/bin/true", *inputs, "-o", tmp_path / "b")
    assert done.exit_code == 0, done.output
    assert "  as its metadata says" in done.stdout.splitlines()
