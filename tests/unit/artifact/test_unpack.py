"""The first start of a bundle with dependencies on a host: unpacking, alone and in company."""

from __future__ import annotations

import fcntl
import json
import os
import py_compile
import random
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from afbundle.artifact.image import Part
from afbundle.pack.archive import build_part
from tests.unit.artifact.small import run, small_bundle

CODE = "import dep, dep.sub\nprint(dep.WHERE, dep.sub.X)"


@pytest.fixture
def part(tmp_path: Path) -> Part:
    """A package of several files, one of them large and very compressible."""
    site = tmp_path / "site"
    (site / "dep" / ("a" * 60)).mkdir(parents=True)
    (site / "dep" / "__init__.py").write_text("WHERE = __file__")
    (site / "dep" / "sub.py").write_text("X = 7")
    (site / "dep" / "zeros").write_bytes(bytes(9_000_000))
    (site / "dep" / "zz_noise").write_bytes(random.Random(1).randbytes(1000))
    (site / "dep" / "empty").touch()
    (site / "dep" / ("a" * 60) / ("b" * 120 + "ü.txt")).write_text("long name")
    (site / "dep" / "tool").write_text("#!/bin/sh\n")
    (site / "dep" / "tool").chmod(0o700)
    (site / "dep" / "link").symlink_to("sub.py")
    return build_part("site", site, tmp_path / "part")


@pytest.fixture
def bundle(tmp_path: Path, part: Part) -> Path:
    """A bundle that needs the package."""
    return small_bundle(tmp_path / "b", {"tasks": CODE}, parts=[part])


def _start(bundle: Path, cache: Path | str) -> subprocess.CompletedProcess[str]:
    return run(bundle, env={"PATH": "/bin", "AFBUNDLE_CACHE": str(cache)})


def _entries(cache: Path) -> set[str]:
    return {path.name for path in cache.iterdir()} - {"CACHEDIR.TAG"}


def test_unpacked_once_and_used_from_then_on(bundle: Path, part: Part, tmp_path: Path) -> None:
    cache = tmp_path / "deep" / "cache"
    cold = _start(bundle, cache)
    assert cold.stderr == ""
    where = f"{cache}/{part.digest}/site/dep/__init__.py 7"
    assert cold.stdout.splitlines() == ["LOG unpacking dependencies", "LOG dependencies unpacked", where]
    assert _start(bundle, cache).stdout.splitlines() == [where]
    assert _entries(cache) == {part.digest, f"{part.digest}.lock"}
    assert (cache / "CACHEDIR.TAG").read_text().startswith("Signature: 8a477f597d28d172789f06886806bc55")


def test_content_and_modes_are_those_that_were_packed(bundle: Path, part: Part, tmp_path: Path) -> None:
    for umask in (0o000, 0o077):
        cache = tmp_path / f"cache-{umask}"
        subprocess.run(
            ["/bin/sh", "-c", f"umask {umask:o}; exec {bundle}"],
            env={"AFBUNDLE_CACHE": str(cache)},
            check=True,
        )
        dep = cache / part.digest / "site" / "dep"
        assert (dep / "zeros").read_bytes() == bytes(9_000_000)
        assert (dep / "empty").read_bytes() == b""
        assert (dep / "link").read_text() == "X = 7"
        assert not (dep / "link").is_symlink()
        assert (dep / ("a" * 60) / ("b" * 120 + "ü.txt")).read_text() == "long name"
        assert stat.S_IMODE((dep / "tool").stat().st_mode) == 0o755 & ~umask
        assert stat.S_IMODE((dep / "sub.py").stat().st_mode) == 0o644 & ~umask
        assert stat.S_IMODE(cache.stat().st_mode) == 0o700
        assert stat.S_IMODE(dep.parent.parent.stat().st_mode) == 0o700


def test_many_cold_starts_at_once(bundle: Path, part: Part, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    env = {"PATH": "/bin", "AFBUNDLE_CACHE": str(cache)}
    started = [
        subprocess.Popen([bundle], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for _ in range(16)
    ]
    said = [process.communicate(timeout=60)[0] for process in started]
    assert all(text.endswith(f"{cache}/{part.digest}/site/dep/__init__.py 7\n") for text in said), said
    assert sum("unpacking" in text for text in said) >= 1
    assert [process.returncode for process in started] == [0] * 16
    assert _entries(cache) == {part.digest, f"{part.digest}.lock"}


def test_what_a_killed_process_left_is_swept(bundle: Path, part: Part, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir(mode=0o700)
    (cache / f"{part.digest}.tmp-1-aa" / "site").mkdir(parents=True)
    (cache / f"{'0' * 64}.tmp-1-aa").mkdir()
    assert _start(bundle, cache).returncode == 0
    assert _entries(cache) == {part.digest, f"{part.digest}.lock"}


def test_waits_for_the_process_that_unpacks(bundle: Path, part: Part, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir(mode=0o700)
    lock = os.open(cache / f"{part.digest}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    code = "import sys\ndef main(boot):\n    boot.prepare(lambda event, fields: print(event, flush=True))\n    boot.run_entry()"
    waiting = small_bundle(tmp_path / "w", {"tasks": CODE}, parts=[part], door=code)
    env = {"PATH": "/bin", "AFBUNDLE_CACHE": str(cache)}
    with subprocess.Popen([waiting], env=env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("waiting for another process")
        site = cache / part.digest / "site" / "dep"
        site.mkdir(parents=True)
        (cache / part.digest).chmod(0o700)
        (site / "__init__.py").write_text("WHERE = 'unpacked by another'")
        (site / "sub.py").write_text("X = 8")
        os.close(lock)
        assert process.communicate()[0] == "unpacked by another 8\n"


@pytest.mark.parametrize("place", [0, 100, -20])
def test_a_damaged_payload_leaves_nothing_behind(
    bundle: Path, part: Part, tmp_path: Path, place: int
) -> None:
    data = bytearray(bundle.read_bytes())
    at = data.index(part.path.read_bytes())
    data[(at + place) if place >= 0 else (at + part.length + place)] ^= 0x10
    bundle.write_bytes(data)
    done = _start(bundle, tmp_path / "cache")
    assert done.returncode == 1
    assert "is damaged" in done.stderr
    assert "deploy the bundle again" in done.stderr
    assert _entries(tmp_path / "cache") == {f"{part.digest}.lock"}


def test_the_next_folder_is_tried(bundle: Path, part: Part, tmp_path: Path) -> None:
    tmp = tmp_path / "tmp"
    tmp.mkdir()
    env = {"PATH": "/bin", "HOME": "/dev/null", "TMPDIR": str(tmp)}
    done = run(bundle, env=env)
    assert (
        done.stdout.splitlines()[-1] == f"{tmp}/afbundle-{os.geteuid()}/{part.digest}/site/dep/__init__.py 7"
    )


def test_without_a_usable_folder_the_message_says_what_was_tried(bundle: Path, tmp_path: Path) -> None:
    done = _start(bundle, "/dev/null/cache")
    assert done.returncode == 1
    assert "CacheError: cannot unpack this bundle's dependencies (" in done.stderr
    assert "/dev/null/cache: a file stands in its way. Set AFBUNDLE_CACHE to a folder" in done.stderr


def test_a_folder_open_to_others_is_refused_before_anything_is_written(bundle: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    cache.chmod(0o1777)
    done = _start(bundle, cache)
    assert "can be written by other users; name a folder inside it" in done.stderr
    assert _entries(cache) == set()
    assert _start(bundle, cache / "inside").returncode == 0


def test_data_files_of_the_author_are_where_file_says(tmp_path: Path) -> None:
    app = tmp_path / "app"
    (app / "pkg").mkdir(parents=True)
    (app / "pkg" / "query.sql").write_text("select 1")
    part = build_part("app", app, tmp_path / "part")
    code = (
        "import os, pkgutil, importlib.resources as r\nimport pkg.sub\n"
        "print(open(os.path.join(os.path.dirname(__file__), 'query.sql')).read())\n"
        "print(r.files('pkg').joinpath('query.sql').read_text(), pkgutil.get_data('pkg', 'query.sql'))\n"
        "print(__file__, pkg.sub.__file__)\n"
    )
    modules = {"pkg.": "", "pkg.__main__": code, "pkg.sub": ""}
    done = _start(
        small_bundle(tmp_path / "b", modules, entry="pkg.__main__", parts=[part]), tmp_path / "cache"
    )
    assert done.stderr == ""
    root = f"{tmp_path}/cache/{part.digest}/app/pkg"
    assert done.stdout.splitlines()[2:] == [
        "select 1",
        "select 1 b'select 1'",
        f"{root}/__main__.py {root}/sub.py",
    ]


SITE = {
    "plain/__init__.py": "",
    "plain/mod.py": "def f():\n    raise ValueError('here')  # this line\n",
    "plain/data.txt": "data",
    "plain/broken.py": "not Python (",
    "space/one/mod.py": "X = 1",
    "single.py": "X = 2",
    "plain-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: plain\nVersion: 1.0\n",
}


def _compiled_site(folder: Path) -> Path:
    for name, text in SITE.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        if path.suffix == ".py" and name != "plain/broken.py":
            py_compile.compile(
                str(path), dfile=name, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH
            )
    return folder


def test_compiled_code_lies_in_one_file_and_nobody_notices(tmp_path: Path) -> None:
    part = build_part("site", _compiled_site(tmp_path / "site"), tmp_path / "part")
    code = (
        "import inspect, json, pkgutil, traceback, importlib.resources as r, importlib.metadata as m\n"
        "import plain.mod, single, space.one.mod\n"
        "try:\n    plain.mod.f()\nexcept ValueError:\n    said = traceback.format_exc()\n"
        "try:\n    import plain.broken\nexcept SyntaxError as error:\n    broken = error.filename\n"
        "print(json.dumps([inspect.getsource(plain.mod.f), r.files('plain').joinpath('data.txt').read_text(),\n"
        "    m.version('plain'), [x.name for x in pkgutil.iter_modules(plain.__path__)], plain.mod.__file__,\n"
        "    'raise ValueError' in said and plain.mod.__file__ in said, broken, single.X, space.one.mod.X,\n"
        "    type(plain.mod.__loader__).__mro__[1].__name__, plain.mod.f.__code__.co_filename]))\n"
    )
    cache = tmp_path / "cache"
    bundle = small_bundle(tmp_path / "b", {"tasks": code}, parts=[part])
    expected = f"{cache}/{part.digest}/site"
    for _ in range(2):
        done = _start(bundle, cache)
        assert done.stderr == ""
        assert json.loads(done.stdout.splitlines()[-1]) == [
            SITE["plain/mod.py"],
            "data",
            "1.0",
            ["broken", "mod"],
            f"{expected}/plain/mod.py",
            True,
            f"{expected}/plain/broken.py",
            2,
            1,
            "SourceFileLoader",
            f"{expected}/plain/mod.py",
        ]
    assert list((cache / part.digest).rglob("*.pyc")) == []
    assert {path.name for path in (cache / part.digest / "site.code").iterdir()} == {
        "plain",
        "single.py",
        "space",
    }


def test_packages_that_bundles_have_in_common_are_there_once(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    folders = []
    for number in (1, 2):
        site = _compiled_site(tmp_path / f"site-{number}")
        (site / "other").mkdir()
        (site / "other" / "__init__.py").write_text(f"X = {number}")
        part = build_part("site", site, tmp_path / f"part-{number}")
        bundle = small_bundle(
            tmp_path / f"b-{number}", {"tasks": "import other, plain.mod\nprint(other.X)"}, parts=[part]
        )
        assert _start(bundle, cache).stdout.endswith(f"{number}\n")
        folders.append(cache / part.digest)
    same = {
        path.relative_to(folders[0]).as_posix()
        for path in folders[0].rglob("*")
        if path.is_file() and path.samefile(folders[1] / path.relative_to(folders[0]))
    }
    assert {"site/plain/mod.py", "site.code/plain", "site/single.py"} <= same
    assert not {"site/other/__init__.py", "table"} & same
    shutil.rmtree(folders[0])
    assert _start(tmp_path / "b-2", cache).stdout == "2\n"
