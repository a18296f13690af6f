"""What passes for relocatable, and what does not."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from afbundle.pack import proof, relocate
from afbundle.pack.errors import PackError

BASE = Path(getattr(sys, "_base_executable", sys.executable)).resolve()


@pytest.fixture(scope="module")
def original() -> relocate.Original:
    """The interpreter that runs the tests, as something to copy."""
    return relocate.ask(BASE)


def _program(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_an_interpreter_describes_itself(original: relocate.Original) -> None:
    assert original.program == BASE
    assert original.version == "{}.{}.{}".format(*sys.version_info)
    assert (original.library / "os.py").is_file()
    assert "encodings" in original.startup


def test_what_cannot_describe_itself(tmp_path: Path) -> None:
    program = _program(tmp_path / "python3", "echo oh dear >&2; exit 1")
    with pytest.raises(PackError, match="does not say where its library is\noh dear"):
        relocate.ask(program)


def test_a_copy_that_finds_its_way_back_is_refuted(original: relocate.Original, tmp_path: Path) -> None:
    copy = _program(tmp_path / "python3", f'exec {BASE} "$@"')
    with pytest.raises(PackError, match=r"is not relocatable: its copy looks for its library in /.*=PATH"):
        proof.prove(original, copy, tmp_path, [])


def test_a_copy_that_does_not_start_is_refuted(original: relocate.Original, tmp_path: Path) -> None:
    copy = _program(tmp_path / "python3", "echo where is libpython >&2; exit 127")
    with pytest.raises(PackError, match=r"its copy does not start.*\nwhere is libpython"):
        proof.prove(original, copy, tmp_path, [])
    with pytest.raises(PackError, match=r"is unpacked first does not start.*\nwhere is libpython"):
        proof.prove_core(original, copy, [])


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        ({"modules": ["/elsewhere/ssl.py"]}, "its copy imports /elsewhere/ssl.py"),
        ({"opened": ["{library}/LICENSE.txt"]}, "its copy opens {library}/LICENSE.txt"),
        ({"mapped": ["/usr/lib/libssl.so.3"]}, "its copy loads /usr/lib/libssl.so.3"),
        ({"failed": {"json": "ImportError: no json"}}, "its copy cannot import json (ImportError: no json)"),
    ],
)
def test_every_trace_of_the_original_refutes_a_copy(
    original: relocate.Original, tmp_path: Path, found: dict[str, object], reason: str
) -> None:
    """A program that reports what a copy would report which is not quite independent."""
    report = {"prefixes": [], "modules": [], "opened": [], "mapped": [], "failed": {}, **found}
    answer = json.dumps(report).replace("{library}", str(original.library))
    copy = _program(tmp_path / "python3", f"echo '{answer}'")
    with pytest.raises(PackError) as caught:
        proof.prove(original, copy, tmp_path, [])
    assert reason.format(library=original.library) in caught.value.message


def test_the_libraries_of_every_host_are_no_trace(original: relocate.Original, tmp_path: Path) -> None:
    host = ["/lib/x86_64-linux-gnu/libc.so.6", "/lib64/ld-linux-x86-64.so.2", "/usr/lib/libstdc++.so.6.0.30"]
    report = {"prefixes": [], "modules": [], "opened": ["/etc/localtime"], "mapped": host, "failed": {}}
    copy = _program(tmp_path / "python3", f"echo '{json.dumps(report)}'")
    proof.prove(original, copy, tmp_path, [])
