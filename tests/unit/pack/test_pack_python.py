"""Packing Python code: from the author's files to a bundle that runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from afbundle.artifact.errors import ArtifactError
from afbundle.artifact.reader import BundleFile
from afbundle.pack.errors import PackError
from afbundle.pack.options import Options, Packed
from afbundle.pack.python import pack_python
from afbundle.pack.resolve import Requirements
from tests.unit.pack.wheels import make_wheel

TASKS = """\
from __future__ import annotations
from afbundle import Bundle
bundle = Bundle("etl", version="1.2")
dag = bundle.dag("d")
@dag.task
def one(): ...
@dag.task
def another(): ...
if __name__ == "__main__":
    bundle.serve()
"""

WITH_DATA_PARAMETERS = TASKS.replace("def one()", "def one(x: int)")


def _tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def _pack(path: Path, output: Path, **options: Any) -> Packed:
    return pack_python(path, Options(output=output, **options))


def _ask(bundle: Path, cache: Path | None = None) -> dict[str, Any]:
    env = {"PATH": "/bin", "AFBUNDLE_CACHE": str(cache)}
    done = subprocess.run(
        [bundle, "--airflow-metadata", "--format", "json"],
        capture_output=True,
        text=True,
        check=False,
        env=env,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout[done.stdout.index("{") :])
    return found


@pytest.fixture
def tasks(tmp_path: Path) -> Path:
    """A file with two tasks."""
    return _tree(tmp_path / "in", {"tasks.py": TASKS}) / "tasks.py"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Where to write the bundle."""
    (tmp_path / "out").mkdir()
    return tmp_path / "out" / "bundle"


def test_a_file(tasks: Path, out: Path) -> None:
    packed = _pack(tasks, out)
    assert packed.dags == {"d": ["one", "another"]}
    assert packed.bundle == ("etl", "1.2")
    assert sum(packed.parts.values()) == out.stat().st_size
    with BundleFile.open(out) as bundle:
        assert bundle.verify().uncovered == {}
        assert bundle.dags == {"d": ["one", "another"]}
        assert bundle.schema_version == "2026-06-16"
        assert [(source.path, bundle.read(source.region).decode()) for source in bundle.sources()] == [
            ("tasks.py", TASKS)
        ]
        assert bundle.manifest["dag_source_paths"] == {"d": "tasks.py"}
        assert bundle.manifest["sdk"]["language"] == "python"
    assert _ask(out)["dags"] == {"d": {"tasks": ["one", "another"]}}


def test_a_package_with_data_and_dependencies(tmp_path: Path, out: Path) -> None:
    wheel = make_wheel(tmp_path / "wheels", "dep", {"dep.py": "NAME = 'named by a dependency'\n"})
    registering = (
        "from importlib.resources import files\nimport dep\nfrom importlib.metadata import version\n"
        "from afbundle import Bundle\nname = files('pipelines').joinpath('name.txt').read_text()\n"
        "bundle = Bundle(name, version=version('dep'))\n"
        "dag = bundle.dag('d')\n@dag.task\ndef a(): ...\n"
        "other = bundle.dag(dep.NAME.replace(' ', '_'))\n@other.task\ndef b(): ...\n"
    )
    root = _tree(
        tmp_path / "pipelines",
        {
            "__init__.py": "",
            "__main__.py": "from .sub.dags import bundle\nbundle.serve()\n",
            "sub/dags.py": registering,
            "name.txt": "from-a-file",
        },
    )
    packed = _pack(root, out, requirements=Requirements(packages=(str(wheel),)))
    assert packed.bundle == ("from-a-file", "1.0")
    assert set(packed.parts) >= {"dependencies", "data files"}
    found = _ask(out, tmp_path / "cache")
    assert set(found["dags"]) == {"d", "named_by_a_dependency"}
    with BundleFile.open(out) as bundle:
        assert [source.path for source in bundle.sources()] == [
            "pipelines/__main__.py",
            "pipelines/__init__.py",
            "pipelines/sub/dags.py",
        ]
        assert bundle.manifest["entrypoint_path"] == "pipelines/__main__.py"
        assert set(bundle.manifest["dag_source_paths"].values()) == {"pipelines/sub/dags.py"}


def test_a_plain_folder(tmp_path: Path, out: Path) -> None:
    root = _tree(
        tmp_path / "my-app",
        {"__main__.py": "from helper import bundle\nbundle.serve()\n", "helper.py": TASKS},
    )
    assert _pack(root, out).dags == {"d": ["one", "another"]}
    assert _ask(out)["bundle"] == {"name": "etl", "version": "1.2"}


# `tools.find_uv` is where packing asks for uv.
WITH_PIP = "from afbundle.pack import tools; tools.find_uv = lambda: None; "
PACK = "from afbundle.cli.__main__ import main; main()"


@pytest.mark.parametrize("options", [[], ["--strip"]])
def test_the_same_inputs_give_the_same_bytes(tmp_path: Path, options: list[str]) -> None:
    """Whatever the folder, the hash seed, the umask, the locale, the dates, the time zone, the installer."""
    wheel_files = {"dep.py": "NAMES = {'a', 'b', 'c'}\ndef f(x): return x in {'u', 'v', 'w', 'x'}\n"}
    bundles = []
    for number, (seed, umask, program) in enumerate([("1", 0o022, PACK), ("4711", 0o077, WITH_PIP + PACK)]):
        base = tmp_path / ("x" * (number + 1))
        wheels = base / "wheels"
        make_wheel(wheels, "dep", wheel_files, requires="afbundle", scripts="dep-tool = dep:main")
        text = (
            TASKS
            + "STATES = frozenset({'queued', 'running', 'failed'})\nok = lambda s: s in {'a', 'b', 'c', 'd'}\n"
        )
        root = _tree(base / "app", {"__main__.py": text, "data.json": "{}", "z.py": "", "y.py": ""})
        for path in (*root.iterdir(), *wheels.iterdir()):
            os.utime(path, (10_000_000 * (number + 40), 10_000_000 * (number + 40)))
        env = {
            **os.environ,
            "PYTHONHASHSEED": seed,
            "LC_ALL": "C",
            "HOME": str(base),
            "TZ": ("UTC", "Asia/Tokyo")[number],
            **dict.fromkeys(("PIP_NO_INDEX", "UV_NO_INDEX"), "1"),
            **dict.fromkeys(("PIP_FIND_LINKS", "UV_FIND_LINKS"), wheels.as_uri()),
        }
        command = [sys.executable, "-c", program, "pack", str(root), "-o", str(base / "b"), "--with", "dep"]
        subprocess.run([*command, *options], check=True, env=env, cwd=base, umask=umask, capture_output=True)
        bundles.append((base / "b").read_bytes())
    assert bundles[0] == bundles[1]
    assert str(tmp_path).encode() not in bundles[0]


def test_a_changed_input_gives_another_digest(tasks: Path, out: Path) -> None:
    first = _pack(tasks, out).written.digests["cache"]
    tasks.write_text(TASKS + "# changed\n")
    assert _pack(tasks, out).written.digests["cache"] != first


def test_source_with_the_end_record_of_a_zip_file(tasks: Path, out: Path) -> None:
    tasks.write_text(TASKS + "# PK\x05\x06" * 75_000 + "\n")
    assert _pack(tasks, out).parts["source"] > 300_000
    assert _ask(out)["dags"]


def test_another_file_as_source(tasks: Path, out: Path, tmp_path: Path) -> None:
    (tmp_path / "dag.py").write_text("# the stub Dag\n")
    _pack(tasks, out, source=tmp_path / "dag.py")
    with BundleFile.open(out) as bundle:
        assert [(source.path, bundle.read(source.region)) for source in bundle.sources()] == [
            ("dag.py", b"# the stub Dag\n")
        ]
        assert bundle.manifest["dag_source_paths"] == {"d": "dag.py"}
    assert _ask(out)["dags"]


def test_tracebacks_keep_their_lines_with_another_source(tmp_path: Path, out: Path) -> None:
    text = (
        "import traceback\ntry:\n    1 / 0  # here\nexcept ZeroDivisionError:\n    traceback.print_exc()\n"
        + TASKS[35:]
    )
    path = _tree(tmp_path, {"tasks.py": text, "other.txt": "text"}) / "tasks.py"
    for source in (None, tmp_path / "other.txt"):
        _pack(path, out, source=source)
        done = subprocess.run([out, "--airflow-metadata"], capture_output=True, text=True, check=False)
        assert f'File "{out}/tasks.py", line 3, in <module>\n    1 / 0  # here\n' in done.stderr


def test_name_and_version_can_be_given(tasks: Path, out: Path) -> None:
    packed = _pack(tasks, out, name="other", version="9")
    assert packed.bundle == ("other", "9")
    with BundleFile.open(out) as bundle:
        assert bundle.manifest["x_afbundle"]["bundle"] == {"name": "other", "version": "9"}


def test_the_default_output_has_the_name_of_the_bundle(
    tasks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    # Airflow 3.4 looks for native Dags in files without a suffix.
    assert pack_python(tasks, Options(name="my etl.v2")).written.path == tmp_path / "dist" / "my-etl-v2"


def test_data_parameters_need_the_later_schema(tasks: Path, out: Path) -> None:
    tasks.write_text(WITH_DATA_PARAMETERS)
    packed = _pack(tasks, out)
    assert packed.schema.version == "2026-10-30"
    assert "d.one (x)" in packed.schema.reason
    with BundleFile.open(out) as bundle:
        assert bundle.schema_version == "2026-10-30"
    forced = _pack(tasks, out, schema_version="2026-06-16")
    assert len(forced.warnings) == 1
    with BundleFile.open(out) as bundle:
        assert bundle.schema_version == "2026-06-16"


def test_what_the_module_prints_does_not_matter(tasks: Path, out: Path) -> None:
    tasks.write_text("import sys\nprint('{')\nprint('noise', file=sys.stderr)\nprint('{}')\n" + TASKS[35:])
    assert _pack(tasks, out).dags == {"d": ["one", "another"]}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x = 1\ndef f(:\n", r"not valid Python 3\.\d+: .*tasks.py:2: "),
        ("", "ended without calling serve"),
        ("print('hello')\n", "ended without calling serve"),
        ("import sys; sys.exit(0)", "printed no metadata: it must end with `bundle.serve\\(\\)`"),
        (
            "raise ValueError('no database')",
            "the entry failed while registering its Dags: ValueError: no database",
        ),
        ("import no_such_module", "No module named 'no_such_module'; add it with --with or --requirement"),
        ("from . import x", "attempted relative import .* __init__.py"),
        (TASKS.replace('dag("d")', 'dag("d"); bundle.dag("d")'), "'d'"),
        ("import os; os._exit(3)", "exit code 3"),
    ],
)
def test_entries_that_are_not_right(tmp_path: Path, out: Path, text: str, says: str) -> None:
    path = _tree(tmp_path / "in", {"tasks.py": text}) / "tasks.py"
    with pytest.raises(PackError, match=says) as caught:
        _pack(path, out)
    assert "\n" not in caught.value.message
    assert not out.exists()


def test_the_traceback_begins_with_the_authors_own_line(tmp_path: Path, out: Path) -> None:
    path = _tree(tmp_path / "in", {"tasks.py": "def f():\n    raise ValueError('x')\nf()\n"}) / "tasks.py"
    with pytest.raises(PackError) as caught:
        _pack(path, out)
    lines = caught.value.output.splitlines()
    assert lines[:2] == ["Traceback (most recent call last):", '  File "tasks.py", line 3, in <module>']


def test_an_entry_that_takes_forever(tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("afbundle.pack.metadata.PROBE_SECONDS", 0.5)
    path = _tree(tmp_path / "in", {"tasks.py": "import time; time.sleep(60)"}) / "tasks.py"
    with pytest.raises(PackError, match=r"did not finish registering its Dags within 0\.5 s"):
        _pack(path, out)


def test_outputs_that_are_not_right(tmp_path: Path) -> None:
    root = _tree(tmp_path / "pkg", {"__init__.py": "", "__main__.py": TASKS})
    (tmp_path / "folder").mkdir()
    for output, says in [
        (tmp_path / "folder", "is a folder; name the file to write"),
        (tmp_path / "gone" / "b", "the folder .*gone of the output does not exist"),
        (root / "b", "lies inside what is packed; write it elsewhere"),
        (root / ".." / "pkg" / "b", "lies inside what is packed"),
    ]:
        with pytest.raises(PackError, match=says):
            _pack(root, output)
    single = _tree(tmp_path / "single", {"tasks.py": TASKS}) / "tasks.py"
    with pytest.raises(PackError, match="lies inside what is packed"):
        _pack(single, single)
    assert single.read_text() == TASKS
    with pytest.raises((PackError, ArtifactError), match="cannot write in /proc"):
        _pack(single, Path("/proc/b"))


def test_a_source_that_is_not_right(tasks: Path, out: Path, tmp_path: Path) -> None:
    with pytest.raises(PackError, match=r"cannot read the source file .*gone: No such file"):
        _pack(tasks, out, source=tmp_path / "gone")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(PackError, match=r"source file .*binary is not UTF-8 text"):
        _pack(tasks, out, source=tmp_path / "binary")
