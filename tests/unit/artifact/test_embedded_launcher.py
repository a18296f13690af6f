"""The shell header that brings an interpreter along, with a stand-in for the interpreter that unpacks in no time."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from importlib.util import MAGIC_NUMBER
from pathlib import Path

import pytest

import afbundle.artifact
from afbundle.artifact import embedded, launcher
from afbundle.artifact.image import Embedded, ImageBuilder, Module, Target
from afbundle.pack.embed import build_part
from tests.unit.artifact.small import PYTHON, code_of, run

PROGRAM = "python/bin/python3"
SAY = "import os, sys\nprint(os.environ['STARTED'], sys.argv[1:])"
DOOR = "def main(boot):\n    boot.run_entry()\n"
SHELLS = [shell for shell in ("sh", "dash", "bash", "busybox") if shutil.which(shell)]


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A bundle that says which interpreter it was started with; that one is a script which starts the real one."""
    folder = tmp_path / "core"
    program = folder / PROGRAM
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nSTARTED="$0" exec {PYTHON} "$@"\n')
    program.chmod(0o755)
    core, checksum = build_part("python", folder, tmp_path / "core.part")
    (tmp_path / "empty").mkdir()
    library, library_checksum = build_part("stdlib", tmp_path / "empty", tmp_path / "library.part")
    boot = Path(afbundle.artifact.__file__).with_name("_boot.py").read_text()
    builder = ImageBuilder(
        Target("/nowhere/python", sys.version_info[:2], MAGIC_NUMBER),
        "tasks",
        code_of(boot, "afbundle/artifact/_boot.py"),
        embedded=Embedded("3.99.1", PROGRAM, core, library, checksum, library_checksum),
    )
    builder.modules += [
        Module("afbundle", code_of("", "afbundle/__init__.py"), is_package=True),
        Module("afbundle.runtime", code_of("", "afbundle/runtime/__init__.py"), is_package=True),
        Module("afbundle.runtime.door", code_of(DOOR, "afbundle/runtime/door.py")),
        Module("tasks", code_of(SAY, "tasks.py")),
    ]
    image = builder.build()
    path = tmp_path / "it's a $bundle"
    path.write_bytes(image.head + b"".join(part.path.read_bytes() for part in image.parts) + b"the end")
    path.chmod(0o755)
    return path


def _digest(bundle: Path) -> str:
    """Return the name of the core in the cache."""
    return next(line for line in bundle.read_bytes().split(b"\n") if line.startswith(b"n="))[2:66].decode()


def _entry(bundle: Path, cache: Path) -> Path:
    return cache / _digest(bundle)


def _started(bundle: Path, *arguments: str, **env: str) -> str:
    done = run(bundle, *arguments, env={"PATH": "/usr/bin:/bin", **env})
    assert (done.returncode, done.stderr) == (0, "")
    program, _, said = done.stdout.partition(" ")
    assert said == f"{list(arguments)}\n"
    return program


@pytest.mark.parametrize("shell", SHELLS)
def test_cold_and_warm_in_every_shell(bundle: Path, tmp_path: Path, shell: str) -> None:
    cache = tmp_path / "a cache"
    command = [*([shell, "sh"] if shell == "busybox" else [shell]), str(bundle), "one", "two words", "*"]
    env = {"PATH": "/usr/bin:/bin", "AFBUNDLE_CACHE": str(cache)}
    for _ in ("cold", "warm"):
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == f"{_entry(bundle, cache)}/{PROGRAM} ['one', 'two words', '*']\n"


def test_warm_needs_no_other_program(bundle: Path, tmp_path: Path) -> None:
    _started(bundle, AFBUNDLE_CACHE=str(tmp_path / "cache"))
    # No tail, no tar, no ls: nothing is forked, so nothing is looked for.
    assert _started(bundle, AFBUNDLE_CACHE=str(tmp_path / "cache"), PATH="/nowhere")


def test_where_it_is_unpacked(bundle: Path, tmp_path: Path) -> None:
    home, xdg, own = (tmp_path / name for name in ("home", "xdg", "own"))
    tail = f"{_digest(bundle)}/{PROGRAM}"
    assert _started(bundle, HOME=str(home)) == f"{home}/.cache/afbundle/{tail}"
    assert _started(bundle, HOME=str(home), XDG_CACHE_HOME=str(xdg)) == f"{xdg}/afbundle/{tail}"
    assert _started(bundle, HOME=str(home), XDG_CACHE_HOME="relative").startswith(str(home))
    assert _started(bundle, HOME=str(home), AFBUNDLE_CACHE=str(own)) == f"{own}/{tail}"
    private = f"{tmp_path}/afbundle-{os.geteuid()}/{tail}"
    assert _started(bundle, TMPDIR=str(tmp_path)) == private
    # A home that is none.
    assert _started(bundle, TMPDIR=str(tmp_path), HOME="/dev/null") == private
    assert (
        (home / ".cache" / "afbundle" / "CACHEDIR.TAG").read_text().startswith("Signature: 8a477f597d28d1727")
    )
    assert (home / ".cache" / "afbundle").stat().st_mode & 0o777 == 0o700


def test_a_relative_cache_is_one_of_the_working_directory(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    done = run(bundle, env={"PATH": "/usr/bin:/bin", "AFBUNDLE_CACHE": "here"}, cwd=tmp_path / "work")
    assert done.stdout.startswith(f"{tmp_path}/work/here/")


def test_only_the_first_start_writes(bundle: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    _started(bundle, AFBUNDLE_CACHE=str(cache))
    before = {path: path.lstat().st_mtime_ns for path in cache.rglob("*")}
    assert {path.name for path in cache.iterdir()} == {
        "CACHEDIR.TAG",
        _digest(bundle),
        f"{_digest(bundle)}.lock",
    }
    _started(bundle, AFBUNDLE_CACHE=str(cache))
    assert {path: path.lstat().st_mtime_ns for path in cache.rglob("*")} == before


def test_what_a_killed_process_left_is_swept(bundle: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir(mode=0o700)
    left = cache / f"{_digest(bundle)}.tmp-abcdef"
    (left / "python").mkdir(parents=True)
    _started(bundle, AFBUNDLE_CACHE=str(cache))
    assert not left.exists()


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777])
def test_a_cache_that_others_can_write(bundle: Path, tmp_path: Path, mode: int) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    cache.chmod(mode)
    done = run(bundle, env={"PATH": "/usr/bin:/bin", "AFBUNDLE_CACHE": str(cache)})
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        f"afbundle: cannot start {bundle}: found no place for the Python that it carries (0 MB unpacked)",
        f"  {cache}: belongs to another user, or others can write to it",
        "  mend it: set AFBUNDLE_CACHE to a folder of this user with enough room",
    ]


def test_an_entry_that_is_a_link(bundle: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    _started(bundle, AFBUNDLE_CACHE=str(cache))
    elsewhere = tmp_path / "elsewhere"
    _entry(bundle, cache).rename(elsewhere)
    _entry(bundle, cache).symlink_to(elsewhere)
    done = run(bundle, env={"PATH": "/usr/bin:/bin", "AFBUNDLE_CACHE": str(cache)})
    assert done.returncode == 1
    assert "is not this user's own" in done.stderr


def test_a_file_in_the_way(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("")
    done = run(bundle, env={"PATH": "/usr/bin:/bin", "AFBUNDLE_CACHE": str(tmp_path / "cache")})
    assert done.returncode == 1
    assert f"{tmp_path}/cache: cannot be made" in done.stderr


def test_an_interpreter_that_does_not_run_here(bundle: Path, tmp_path: Path) -> None:
    """As on a host with an older C library: what the program says is passed on."""
    data = bundle.read_bytes()
    folder = tmp_path / "broken"
    program = folder / PROGRAM
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\necho 'version GLIBC_2.99 not found'\nexit 1\n")
    program.chmod(0o755)
    core, checksum = build_part("python", folder, tmp_path / "broken.part")
    header = launcher.embedded_header(
        Embedded("3.99.1", PROGRAM, core, core, checksum, checksum), len(data), "pass"
    )
    broken = tmp_path / "broken-bundle"
    broken.write_bytes(header + data[len(header) :] + core.path.read_bytes())
    broken.chmod(0o755)
    done = run(broken, env={"PATH": "/usr/bin:/bin", "AFBUNDLE_CACHE": str(tmp_path / "cache")})
    assert done.returncode == 1
    assert f"{tmp_path}/cache: its Python does not run here: version GLIBC_2.99 not found\n" in done.stderr


def test_a_damaged_part(bundle: Path, tmp_path: Path) -> None:
    data = bundle.read_bytes()
    at = data.index(b"\x1f\x8b\x08") + 30
    bundle.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
    done = run(bundle, env={"PATH": "/usr/bin:/bin", "AFBUNDLE_CACHE": str(tmp_path / "cache")})
    assert done.returncode == 1
    assert f"{bundle} is damaged: deploy it again" in done.stderr
    assert not list((tmp_path / "cache").glob("*.tmp-*"))


def test_a_part_is_the_same_whoever_packs_it(tmp_path: Path) -> None:
    digests: set[tuple[str, str]] = set()
    for name in ("one", "two"):
        folder = tmp_path / name
        for file in ("b", "a") if name == "one" else ("a", "b"):
            (folder / file).mkdir(parents=True)
            (folder / file / "x").write_text(file)
        (folder / "link").symlink_to("a/x")
        os.utime(folder / "a" / "x", (len(digests), 1))
        part, checksum = build_part("python", folder, tmp_path / f"{name}.part")
        digests.add((part.digest, checksum))
        assert hashlib.sha256(part.path.read_bytes()).hexdigest() == checksum
        assert (part.files, part.size) == (3, 2)
    assert len(digests) == 1


def test_a_part_is_unpacked_once(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").write_text("content")
    part, checksum = build_part("python", tmp_path / "folder", tmp_path / "part")
    (tmp_path / "cache").mkdir()
    entry = {"length": part.length, "checksum": checksum}
    root = str(tmp_path / "cache")
    for said in ("unpacked", ""):
        assert embedded.unpack_part(str(part.path), root, part.digest, 0, entry) == (0, said)
    assert (tmp_path / "cache" / part.digest / "file").read_text() == "content"
    status, said = embedded.unpack_part(str(part.path), root, "another", 1, entry)
    assert (status, said) == (1, f"{part.path} is damaged: deploy it again")
