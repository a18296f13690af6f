"""Reading what an ELF file needs."""

from __future__ import annotations

import _socket
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from afbundle.pack.elf import NotElf, is_elf, read_elf

PROGRAM = Path(sys.executable).resolve()


def test_a_program() -> None:
    found = read_elf(PROGRAM)
    assert found.machine == {"x86_64": 62, "aarch64": 183}[os.uname().machine]
    assert Path(found.loader).exists()
    assert found.glibc is None or found.glibc[0] == 2


def test_the_names_are_those_that_the_loader_looks_for() -> None:
    found = read_elf(PROGRAM)
    listed = subprocess.run([found.loader, "--list", PROGRAM], capture_output=True, text=True, check=True)
    names = set(re.findall(r"^\s*(\S+) =>", listed.stdout, re.MULTILINE))
    assert found.needed
    assert set(found.needed) <= names | {Path(found.loader).name}


def test_a_library_has_no_loader() -> None:
    path = getattr(_socket, "__file__", None)
    if path is None:
        pytest.skip("this interpreter has every module built in")
    assert read_elf(Path(path)).loader == ""


def test_other_files(tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("#!/bin/sh\n")
    assert not is_elf(text)
    with pytest.raises(NotElf, match="is not an ELF file"):
        read_elf(text)


@pytest.mark.parametrize("length", [5, 40, 70, 600])
def test_a_truncated_file(tmp_path: Path, length: int) -> None:
    cut = tmp_path / "cut"
    cut.write_bytes(PROGRAM.read_bytes()[:length])
    with pytest.raises(NotElf, match="is a damaged ELF file"):
        read_elf(cut)
