"""Compiling: the bytes depend on the source, the shown name and the interpreter alone."""

from __future__ import annotations

import importlib.util
import marshal
import sys
from pathlib import Path
from types import CodeType
from typing import Any

import pytest

from afbundle.pack.compiler import Job, compile_all
from afbundle.pack.errors import PackError
from afbundle.pack.interpreter import this_interpreter

# Constants whose order depends on the hash seed, names that other modules share, nested code.
SOURCE = """
\"\"\"Doc.\"\"\"
from __future__ import annotations
import os, sys
def f(value: Undefined = "self") -> AlsoUndefined:
    assert value
    def inner(): return value in {"alpha", "beta", "gamma", "delta", 1, 2.5, None}
    return inner
class C: names = frozenset
"""


def _compile(folder: Path, *, kind: str = "code", optimize: int = 0, source: str = SOURCE) -> bytes:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "a.py").write_text(source)
    job = Job(folder / "a.py", "shown/a.py", folder / "out" / "a.bin", kind, optimize)
    job.target.parent.mkdir(exist_ok=True)
    assert compile_all([job], this_interpreter()) == []
    return job.target.read_bytes()


def _code(data: bytes) -> CodeType:
    code: CodeType = marshal.loads(data)  # noqa: S302
    return code


def test_folder_and_environment_do_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = _compile(tmp_path / "one")
    monkeypatch.setenv("PYTHONHASHSEED", "77")
    monkeypatch.setenv("PYTHONOPTIMIZE", "2")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "ast.py").write_text("raise SystemExit('hostile')")
    monkeypatch.chdir(tmp_path)
    assert _compile(tmp_path / "another" / "and deeper") == first


def test_no_path_of_the_machine_is_inside(tmp_path: Path) -> None:
    data = _compile(tmp_path)
    assert str(tmp_path).encode() not in data
    assert _code(data).co_filename == "shown/a.py"


def test_annotations_cost_no_import_and_stay_unevaluated(tmp_path: Path) -> None:
    code = _code(_compile(tmp_path))
    assert "__future__" not in code.co_names
    namespace: dict[str, Any] = {}
    exec(code, namespace)  # noqa: S102
    assert namespace["f"].__annotations__ == {"value": "Undefined", "return": "AlsoUndefined"}
    assert namespace["__doc__"] == "Doc."
    assert "AssertionError" not in namespace
    with pytest.raises(AssertionError):
        namespace["f"]("")


def test_optimized_code_has_no_asserts_and_docstrings(tmp_path: Path) -> None:
    namespace: dict[str, Any] = {}
    exec(_code(_compile(tmp_path, optimize=2)), namespace)  # noqa: S102
    assert namespace.get("__doc__") is None
    assert callable(namespace["f"](""))


def test_a_pyc_is_used_whatever_the_date_of_its_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = _compile(tmp_path, kind="pyc", source="from __future__ import annotations\nX = 'compiled'\n")
    assert data[:4] == importlib.util.MAGIC_NUMBER
    cached = Path(importlib.util.cache_from_source(str(tmp_path / "a.py")))
    cached.parent.mkdir()
    cached.write_bytes(data)
    (tmp_path / "a.py").write_text("X = 'source'")
    spec = importlib.util.spec_from_file_location("afbundle_test_pyc", tmp_path / "a.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.X == "compiled"
    assert "annotations" in vars(module)


def test_what_is_no_python_is_told_by_file_and_line(tmp_path: Path) -> None:
    texts = {"good": b"x = 1\n", "bad": b"x = 1\nif x\n", "null": b"x = '\0'\n", "bytes": b"x = '\xff'\n"}
    jobs = []
    for name, text in texts.items():
        (tmp_path / f"{name}.py").write_bytes(text)
        jobs.append(Job(tmp_path / f"{name}.py", f"{name}.py", tmp_path / f"{name}.bin"))
    failures = compile_all(jobs, this_interpreter())
    assert [failure.source.stem for failure in failures] == ["bad", "null", "bytes"]
    assert str(failures[0]).startswith(f"{tmp_path}/bad.py:2: ")
    assert (tmp_path / "good.bin").exists()
    assert not (tmp_path / "bad.bin").exists()


def test_a_broken_interpreter_is_an_error(tmp_path: Path) -> None:
    target = this_interpreter()
    broken = type(target)("/bin/false", target.version, target.magic)
    with pytest.raises(PackError, match="/bin/false failed while compiling"):
        compile_all([], broken)


def test_the_interpreter_is_outside_of_the_virtual_environment() -> None:
    target = this_interpreter()
    assert not target.executable.startswith(sys.prefix) or sys.prefix == sys.base_prefix
    assert target.version == sys.version_info[:2]


def test_lean_code_does_the_same_with_less(tmp_path: Path) -> None:
    source = (
        "TYPE_CHECKING = False\nif TYPE_CHECKING:\n    import nothing\nelse:\n    a: int = 1\n"
        "b: str\ndef f(x: int, /, *y: int, z: int = 2, **w: int) -> int:\n    q: int = x\n    return q + z\n"
        "async def g(x: int) -> int: return x\nclass C:\n    c: int\n    d: int = 3\n    def m(self: object) -> None: ...\n"
    )
    results = []
    for kind in ("code", "lean"):
        names: dict[str, Any] = {}
        exec(_code(_compile(tmp_path / kind, kind=kind, source=source)), names)  # noqa: S102  (the point of it)
        results.append((names["a"], names["f"](1, z=3), names["C"].d, names["C"]().m(), "b" in names))
    assert results[0] == results[1]
    lean = _code(_compile(tmp_path / "lean", kind="lean", source=source))
    assert "nothing" not in lean.co_names
    assert [names[each].__annotations__ for each in "fg"] == [{}, {}]
