"""Finding an interpreter on a host that is not the one that packed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from afbundle.artifact import launcher
from afbundle.artifact.errors import ArtifactError
from tests.unit.artifact.small import PYTHON, run, small_bundle

VERSION = "{}.{}".format(*sys.version_info)
WHICH = "import sys\nprint(sys.executable)"


def _interpreter(path: Path) -> Path:
    """Put an interpreter that knows its own name at `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!/bin/sh\nNAME="$0" exec {PYTHON} "$@"\n')
    path.chmod(0o755)
    return path


def _chosen(bundle: Path, **env: str) -> str:
    done = run(bundle, env={"PATH": "/nowhere", **env})
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A bundle that says which interpreter it was started with, packed with one at an awkward path."""
    packed = _interpreter(tmp_path / 'it\'s "the" $one' / "python")
    code = "import os\nprint(os.environ['NAME'])"
    return small_bundle(tmp_path / "b", {"tasks": code}, interpreter=str(packed))


def test_the_interpreter_of_pack_time_comes_first(bundle: Path, tmp_path: Path) -> None:
    _interpreter(tmp_path / "bin" / f"python{VERSION}")
    assert _chosen(bundle, PATH=f"{tmp_path}/bin") == f'{tmp_path}/it\'s "the" $one/python'


def test_the_environment_can_name_another(bundle: Path, tmp_path: Path) -> None:
    mine = _interpreter(tmp_path / "my own" / "python")
    assert _chosen(bundle, AFBUNDLE_PYTHON=str(mine)) == str(mine)
    assert _chosen(bundle, AFBUNDLE_PYTHON="python", PATH=str(mine.parent)) == str(mine)


@pytest.mark.parametrize("name", [f"python{VERSION}", "python3"])
def test_then_the_path_is_searched(bundle: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / 'it\'s "the" $one' / "python").unlink()
    found = _interpreter(tmp_path / "bin" / name)
    assert _chosen(bundle, PATH=f"{tmp_path}/bin") == str(found)


def test_one_that_cannot_be_executed_is_passed_over(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    text = tmp_path / "text"
    text.write_text("")
    for useless in (tmp_path / "folder", text, tmp_path / "missing"):
        assert _chosen(bundle, AFBUNDLE_PYTHON=str(useless)).endswith("$one/python")


def test_one_of_another_version_is_passed_over(bundle: Path, tmp_path: Path) -> None:
    """The interpreter itself tells that it does not fit, and the search goes on behind it."""
    other = tmp_path / "other"
    # Stage 0 compares the bytecode's magic number; this one has another.
    other.write_text(
        f"#!{PYTHON} -I\nimport sys, _frozen_importlib_external as e\n"
        "e.MAGIC_NUMBER = b'xxxx'\nprogram = sys.argv[sys.argv.index('-IBSc') + 1]\n"
        "sys.argv = ['-c', *sys.argv[sys.argv.index('-IBSc') + 2:]]\nexec(program)\n"
    )
    other.chmod(0o755)
    code = "import os\nprint(os.environ['NAME'], '_AFBUNDLE_TRIED' in os.environ)"
    again = small_bundle(
        tmp_path / "again", {"tasks": code}, interpreter=str(_interpreter(tmp_path / "good"))
    )
    assert _chosen(again, AFBUNDLE_PYTHON=str(other)) == f"{tmp_path}/good False"


def test_without_any_the_message_says_what_was_looked_for_and_what_to_do(tmp_path: Path) -> None:
    bundle = small_bundle(tmp_path / "b", {"tasks": WHICH}, interpreter="/gone/python")
    done = run(bundle, env={"PATH": "/nowhere", "AFBUNDLE_PYTHON": "/also/gone"})
    assert done.returncode == 127
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        f"afbundle: cannot start {bundle}: it was packed for CPython {VERSION}, and this host has none.",
        "  looked for: $AFBUNDLE_PYTHON (/also/gone), /gone/python,",
        f"    python{VERSION} and python3 on PATH (/nowhere)",
        "  found: nothing",
        f"  mend it: install CPython {VERSION}, or set AFBUNDLE_PYTHON to one, or pack the bundle again with this host's Python.",
    ]


@pytest.mark.parametrize(
    "shell", [shell for shell in ("sh", "dash", "bash", "busybox") if shutil.which(shell)]
)
def test_the_header_is_plain_shell(bundle: Path, shell: str) -> None:
    command = [shell, "sh", str(bundle)] if shell == "busybox" else [shell, str(bundle)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_path_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ArtifactError, match="too long"):
        launcher.header("/" + "x" * 3000, "3.11", launcher.stage0(b"\xa7\r\r\n", 1000))
