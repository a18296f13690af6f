"""Choosing the interpreter to pack for, and refusing what is none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from afbundle.pack.errors import PackError
from afbundle.pack.interpreter import Choice, interpreter_at, this_interpreter
from afbundle.pack.options import Options
from afbundle.pack.python import pack_python

BASE = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
TASKS = """\
from afbundle import Bundle
bundle = Bundle("b", version="1")
dag = bundle.dag("d")
@dag.task
def one(): ...
bundle.serve()
"""


def _script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("host", Choice()),
        ("embed", Choice(embed=True)),
        ("host=/opt/py/bin/python3", Choice(path=Path("/opt/py/bin/python3"))),
        ("embed=/opt/py=3", Choice(embed=True, path=Path("/opt/py=3"))),
    ],
)
def test_the_option(text: str, choice: Choice) -> None:
    assert Choice.parse(text) == choice


@pytest.mark.parametrize("text", ["", "hosts", "embed=", "host=", "/usr/bin/python3"])
def test_an_option_that_is_none(text: str) -> None:
    with pytest.raises(PackError, match="takes host, host=PATH, embed or embed=PATH"):
        Choice.parse(text)


def test_a_program_and_the_folder_it_is_installed_in(tmp_path: Path) -> None:
    program = _script(tmp_path / "py" / "bin" / "python3", f'exec {BASE} "$@"')
    found = interpreter_at(program)
    assert (found.executable, found.version) == (str(program), sys.version_info[:2])
    assert interpreter_at(tmp_path / "py") == found
    assert found.magic == this_interpreter().magic


def test_a_folder_with_a_versioned_name_only(tmp_path: Path) -> None:
    program = _script(tmp_path / "bin" / "python3.99", f'exec {BASE} "$@"')
    assert interpreter_at(tmp_path).executable == str(program)


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo hello", "it does not run Python code"),
        ("exit 3", "it does not run Python code"),
        ("""echo '["pypy", 3, 11, "00"]'""", "it is pypy, and bundles need CPython"),
        ("""echo '["cpython", 3, 9, "00"]'""", "it is Python 3.9, and bundles need 3.10 or newer"),
    ],
)
def test_a_program_that_is_no_interpreter_for_bundles(tmp_path: Path, script: str, reason: str) -> None:
    program = _script(tmp_path / "python3", script)
    with pytest.raises(PackError) as caught:
        interpreter_at(program)
    assert caught.value.message == f"{program} is not a Python that bundles can be packed for: {reason}"


def test_a_file_that_cannot_be_started(tmp_path: Path) -> None:
    text = tmp_path / "python3"
    text.write_text("")
    with pytest.raises(PackError, match=r"cannot be started \(Permission denied\)"):
        interpreter_at(text)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(PackError, match=f"there is no interpreter at {tmp_path}/gone$"):
        interpreter_at(tmp_path / "gone")
    with pytest.raises(PackError, match=f"there is no interpreter at {tmp_path}/bin/python3$"):
        interpreter_at(tmp_path)


def test_the_pinned_interpreter_is_the_one_that_is_started(tmp_path: Path) -> None:
    pinned = _script(tmp_path / "pinned", f'echo pinned >&2\nexec {BASE} "$@"')
    (tmp_path / "tasks.py").write_text(TASKS)
    (tmp_path / "out").mkdir()
    bundle = tmp_path / "out" / "b"
    pack_python(tmp_path / "tasks.py", Options(output=bundle, interpreter=Choice(path=pinned)))
    done = subprocess.run(
        [bundle, "--airflow-metadata"], capture_output=True, text=True, check=True, env={"PATH": "/nowhere"}
    )
    assert done.stderr == "pinned\n"


def test_a_pinned_interpreter_of_another_version_than_asked_for(tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text(TASKS)
    options = Options(output=tmp_path.parent / "b", interpreter=Choice(path=BASE), python=(3, 99))
    with pytest.raises(PackError, match=r"is Python 3\.\d+, and the bundle is for 3\.99"):
        pack_python(tmp_path / "tasks.py", options)
