"""What a task process imports before and for a task that asks for nothing, and for one that asks for a little.

Every import is paid by every task, so the list is short and a longer one needs a reason.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from afbundle.pack.runtime_modules import FRONT, HOT

BUNDLE = """
import sys
from afbundle import Bundle, Client, Context, Logger

bundle = Bundle("budget")
dag = bundle.dag("budget")

@dag.task
def nothing():
    return sorted(sys.modules)

@dag.task
def a_little(client: Client, context: Context, log: Logger):
    log.info("one record", rows=1)
    client.get_variable("v")
    return sorted(sys.modules)

bundle.serve()
"""

# C modules that the runtime uses; each costs a fraction of a millisecond.
ALLOWED = {"_socket", "_struct", "_json", "_datetime", "__future__", "atexit", "gc", "itertools", "select"}
# Before 3.12 the C half of datetime needs these to be made.
ALLOWED |= {"_operator", "_collections", "_functools"}


@pytest.fixture(scope="module")
def modules_of_a_bare_interpreter() -> set[str]:
    output = subprocess.run(
        [sys.executable, "-X", "utf8", "-IBSc", "import sys; print(sorted(sys.modules))"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return set(json.loads(output.replace("'", '"')))


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    folder = tmp_path_factory.mktemp("budget")
    entry = folder / "entry.py"
    entry.write_text(BUNDLE)
    packed = folder / "budget"
    afbundle = [sys.executable, "-m", "afbundle.cli"]
    subprocess.run([*afbundle, "pack", str(entry), "-o", str(packed)], check=True, capture_output=True)
    output = subprocess.run(
        [*afbundle, "run", str(packed), "budget", "--var", "v=1"], check=True, capture_output=True, text=True
    ).stdout
    results = [
        json.loads(line.partition("return_value: ")[2])
        for line in output.splitlines()
        if "return_value: " in line
    ]
    return dict(zip(("nothing", "a_little"), map(set, results), strict=True))


@pytest.mark.parametrize("task", ["nothing", "a_little"])
def test_a_task_imports_no_more_than_the_budget(
    task: str, imported: dict[str, set[str]], modules_of_a_bare_interpreter: set[str]
) -> None:
    own = {name for name in imported[task] if name.partition(".")[0] == "afbundle"}
    extra = imported[task] - own - modules_of_a_bare_interpreter - ALLOWED
    assert extra == set()


def test_nothing_of_packing_supervising_or_the_cli_is_inside(imported: dict[str, set[str]]) -> None:
    rooms = {".".join(name.split(".")[:2]) for name in imported["a_little"] if name.startswith("afbundle.")}
    assert rooms <= {"afbundle.runtime", "afbundle.wire", "afbundle.exceptions", "afbundle.artifact"}


def test_what_every_task_needs_is_loaded_at_once_and_nothing_else(tmp_path: Path) -> None:
    """The lists of modules that the boot loads are what a task imports that asks for nothing and returns nothing."""
    names = tmp_path / "names"
    entry = tmp_path / "plain.py"
    entry.write_text(
        "import sys\nfrom afbundle import Bundle\nbundle = Bundle('plain')\ndag = bundle.dag('d')\n"
        f"@dag.task\ndef nothing():\n    open({str(names)!r}, 'w').write(' '.join(sys.modules))\n"
        "bundle.serve()\n"
    )
    afbundle = [sys.executable, "-m", "afbundle.cli"]
    packed = tmp_path / "plain"
    subprocess.run([*afbundle, "pack", str(entry), "-o", str(packed)], check=True, capture_output=True)
    subprocess.run([*afbundle, "run", str(packed), "d"], check=True, capture_output=True)
    imported = set(names.read_text().split())
    assert {name for name in imported if name.partition(".")[0] == "afbundle"} == {*FRONT, *HOT}
    # Each is a file to be mapped, and no such task needs it.
    assert not {"_datetime", "_json", "fcntl", "select"} & imported
