"""Bundles that carry their interpreter: on systems without Python, cold and warm, in a crowd, and when things go wrong."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from afbundle.artifact.reader import BundleFile
from tests.integration.embedded.bare_root import PROGRAMS, BareRoot
from tests.integration.embedded.conftest import TASKS, Pack, ask, need_root, on_tmpfs, run

pytestmark = pytest.mark.slow

UNPACKING = "unpacking the standard library"


def _entries(cache: Path) -> list[str]:
    """Return what is in a cache besides locks and the tag."""
    return sorted(
        path.name for path in cache.iterdir() if path.suffix != ".lock" and path.name != "CACHEDIR.TAG"
    )


def _digests(bundle: Path) -> list[str]:
    with BundleFile.open(bundle) as opened:
        return sorted(opened.manifest["x_afbundle"]["interpreter"]["digests"])


def test_a_task_runs_where_there_is_no_python(embedded: Path, bare_root: BareRoot) -> None:
    assert bare_root.pythons() == []
    program = bare_root.entrance(embedded)
    cold = run(program)
    assert cold.result.state == "success", str(cold.log)
    assert UNPACKING in cold.events
    found = cold.value
    assert found["version"] == list(sys.version_info[:3])
    assert found["executable"].startswith("/home/user/.cache/afbundle/")
    assert (found["rows"], found["idna"]) == (42, "strasse.example")
    assert found["hash"] == hashlib.scrypt(b"x", salt=b"y", n=2, r=1, p=1).hex()[:4]
    assert found["child_errors"] == ""
    assert json.loads(found["child"]).startswith(("OpenSSL", "LibreSSL"))
    # Whatever is mapped comes from the cache or is a library of every host.
    outside = [path for path in found["mapped"] if not path.startswith("/home/user/.cache/afbundle/")]
    assert not [path for path in outside if "python" in path or "ssl" in path or "sqlite" in path], outside
    # Nobody may collect what runs.
    assert found["held"] == 2
    warm = run(program)
    assert warm.result.state == "success"
    assert UNPACKING not in warm.events
    changing = {"pid": 0, "mapped": []}
    assert {**warm.value, **changing} == {**found, **changing}


def test_home_unset_and_read_only(embedded: Path, bare_root: BareRoot) -> None:
    for home in ("", "/dev/null"):
        program = bare_root.entrance(embedded, home=home)
        done = run(program)
        assert done.result.state == "success", done.log
        assert done.value["executable"].startswith("/tmp/afbundle-0/")


def test_twenty_cold_starts_at_once(embedded: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    with ThreadPoolExecutor(20) as pool:
        ran = list(pool.map(lambda _: run(embedded, env={"AFBUNDLE_CACHE": str(cache)}), range(20)))
    assert [one.result.state for one in ran] == ["success"] * 20, [one.log for one in ran]
    assert _entries(cache) == _digests(embedded)
    assert len({one.value["pid"] for one in ran}) == 20


def test_the_process_that_is_started_is_the_one_that_runs(embedded: Path, tmp_path: Path) -> None:
    """Airflow takes a connection only from the process that it started or a child of it, and signals that one."""
    environment = {"PATH": "/usr/bin:/bin", "AFBUNDLE_CACHE": str(tmp_path / "cache")}
    for _ in ("cold", "warm"):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.settimeout(10)
            address = f"127.0.0.1:{listener.getsockname()[1]}"
            command = [str(embedded), f"--comm={address}", f"--logs={address}"]
            with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as process:
                connection, _address = listener.accept()
                program = Path(f"/proc/{process.pid}/exe").readlink()
                process.kill()
                connection.close()
        assert program.is_relative_to(tmp_path / "cache")


def test_killed_while_unpacking(embedded: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    environment = {"PATH": "/usr/bin:/bin", "AFBUNDLE_CACHE": str(cache)}
    process = subprocess.Popen(
        [embedded, "--airflow-metadata"], env=environment, stdout=subprocess.DEVNULL, start_new_session=True
    )
    deadline = time.monotonic() + 30
    while not list(cache.glob("*.tmp-*")) and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.001)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    done = run(embedded, env=environment)
    assert done.result.state == "success", done.log
    assert _entries(cache) == _digests(embedded)


def test_a_cache_that_was_moved(embedded: Path, tmp_path: Path) -> None:
    run(embedded, env={"AFBUNDLE_CACHE": str(tmp_path / "before")})
    (tmp_path / "before").rename(tmp_path / "after wards")
    done = run(embedded, env={"AFBUNDLE_CACHE": str(tmp_path / "after wards")})
    assert done.result.state == "success", done.log
    assert UNPACKING not in done.events
    assert done.value["executable"].startswith(str(tmp_path / "after wards"))


def test_a_library_that_was_removed_is_unpacked_again(embedded: Path, tmp_path: Path) -> None:
    environment = {"AFBUNDLE_CACHE": str(tmp_path / "cache")}
    done = run(embedded, env=environment)
    library = Path(done.value["path"][0]).resolve().parent
    assert library.parent == tmp_path / "cache"
    shutil.rmtree(library)
    again = run(embedded, env=environment)
    assert again.result.state == "success", again.log
    assert UNPACKING in again.events


def test_two_bundles_share_their_interpreter(embedded: Path, pack_embedded: Pack, tmp_path: Path) -> None:
    other = pack_embedded("other", TASKS.replace('"embedded"', '"another"'))
    assert _digests(other) == _digests(embedded)
    environment = {"AFBUNDLE_CACHE": str(tmp_path / "cache")}
    assert ask(embedded, **environment).returncode == 0
    warm = run(other, env=environment)
    assert warm.result.state == "success"
    assert UNPACKING not in warm.events


def test_a_hostile_environment_has_no_effect(embedded: Path, tmp_path: Path) -> None:
    hostile = tmp_path / "hostile"
    hostile.mkdir()
    for name in ("sitecustomize.py", "socket.py", "ssl.py"):
        (hostile / name).write_text("raise SystemExit('hostile')")
    # A library of that name that is none: the loader would say so.
    for name in (f"libpython3.{sys.version_info[1]}.so.1.0", "libcrypto.so.3", "libz.so.1", "libexpat.so.1"):
        (hostile / name).write_text("not a library")
    folder = str(hostile)
    environment = {
        "AFBUNDLE_CACHE": str(tmp_path / "cache"),
        "PYTHONHOME": folder,
        "PYTHONPATH": folder,
        "PYTHONSTARTUP": f"{folder}/socket.py",
    }
    for _ in ("cold", "warm"):
        done = run(embedded, env=environment)
        assert done.result.state == "success", done.log
    environment["LD_LIBRARY_PATH"] = folder
    if any("libpython" in path for path in done.value["mapped"]):
        # The shell's own tools need no library of these.
        done = run(embedded, env=environment)
        assert done.result.state == "success", done.log


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_umask(embedded: Path, tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        done = ask(embedded, AFBUNDLE_CACHE=str(tmp_path / "cache"))
    finally:
        os.umask(before)
    assert done.returncode == 0, done.stderr
    for folder in (tmp_path / "cache", *(tmp_path / "cache").rglob("*")):
        if not folder.is_symlink():
            assert folder.stat().st_mode & 0o022 == 0, folder


def test_a_cache_that_others_can_write_is_refused(embedded: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    cache.chmod(0o777)
    done = ask(embedded, AFBUNDLE_CACHE=str(cache))
    assert done.returncode == 1
    assert f"\n  {cache}: belongs to another user, or others can write to it\n" in done.stderr
    assert "mend it: set AFBUNDLE_CACHE to a folder of this user" in done.stderr
    assert list(cache.iterdir()) == []


def test_a_planted_entry_is_refused(embedded: Path, tmp_path: Path) -> None:
    need_root("giving a folder to another user")
    environment = {"AFBUNDLE_CACHE": str(tmp_path / "cache")}
    found = run(embedded, env=environment).value["executable"]
    entry = tmp_path / "cache" / Path(found).relative_to(tmp_path / "cache").parts[0]
    os.chown(entry, 12345, 12345)
    done = ask(embedded, **environment)
    assert done.returncode == 1
    assert f"{entry} is not this user's own" in done.stderr


def test_no_room_for_the_start(embedded: Path, tmp_path: Path) -> None:
    cache = tmp_path / "disk"
    done = ask(on_tmpfs("size=3m", cache, embedded), AFBUNDLE_CACHE=f"{cache}/cache")
    assert done.returncode == 1
    assert f"{cache}/cache: no space left on device" in done.stderr
    assert "set AFBUNDLE_CACHE to a folder of this user with enough room" in done.stderr


def test_no_room_for_the_library(embedded: Path, tmp_path: Path) -> None:
    cache = tmp_path / "disk"
    done = run(on_tmpfs("size=14m", cache, embedded), env={"AFBUNDLE_CACHE": f"{cache}/cache"})
    assert done.result.state == "failed"
    assert any("cannot unpack Python's standard library" in event for event in done.events), done.log
    assert any("no space left on device" in event for event in done.events), done.log


def test_a_place_that_runs_no_programs(embedded: Path, tmp_path: Path) -> None:
    cache = tmp_path / "disk"
    program = on_tmpfs("size=64m,noexec", cache, embedded)
    done = ask(program, AFBUNDLE_CACHE=f"{cache}/cache")
    assert done.returncode == 1
    assert f"{cache}/cache: programs cannot be run from there" in done.stderr
    # Without the variable, another place is found.
    done = ask(program, XDG_CACHE_HOME=str(cache), TMPDIR=str(tmp_path))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("part", ["core", "library"])
def test_a_flipped_bit(embedded: Path, tmp_path: Path, part: str) -> None:
    data = bytearray(embedded.read_bytes())
    starts = _gzips(bytes(data))
    data[starts[part == "library"] + 100_000] ^= 1
    damaged = tmp_path / "damaged"
    damaged.write_bytes(data)
    damaged.chmod(0o755)
    done = ask(damaged, AFBUNDLE_CACHE=str(tmp_path / "cache"))
    assert done.returncode == 1
    assert f"{damaged} is damaged: deploy it again" in done.stderr
    assert not [name for name in _entries(tmp_path / "cache") if ".tmp-" in name]


def _gzips(data: bytes) -> list[int]:
    """Return where the gzip streams of zlib begin."""
    header = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"
    found, at = [], data.find(header)
    while at >= 0:
        found.append(at)
        at = data.find(header, at + 1)
    return found


def test_a_bare_system_without_flock_and_sha256sum(embedded: Path, tmp_path: Path) -> None:
    need_root("entering a root without Python")
    root = BareRoot.assemble(
        tmp_path / "root", [name for name in PROGRAMS if name not in ("flock", "sha256sum")]
    )
    program = root.entrance(embedded)
    with ThreadPoolExecutor(4) as pool:
        ran = list(pool.map(lambda _: run(program), range(4)))
    assert [one.result.state for one in ran] == ["success"] * 4, [one.log for one in ran]


def test_what_inspect_says(embedded: Path) -> None:
    command = [sys.executable, "-m", "afbundle.cli", "inspect", str(embedded)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    version = "{}.{}.{}".format(*sys.version_info)
    assert f"interpreter: CPython {version}, embedded, " in done.stdout
    assert "verified: executable" in done.stdout


@pytest.mark.timeout(600)
def test_pandas_where_there_is_no_python(pack_embedded: Pack, bare_root: BareRoot) -> None:
    """Wheels with native code, and everything cold: 3 s to running is the goal, on a machine that does nothing else."""
    text = TASKS.replace(
        'if __name__ == "__main__"',
        "@dag.task\ndef frame():\n    import pandas\n"
        "    table = pandas.DataFrame({'a': [1, 2, 3]})\n"
        "    return [int(table.a.sum()), pandas.__file__]\n\n\n"
        'if __name__ == "__main__"',
    )
    bundle = pack_embedded("frame", text, "--with", "pandas")
    program = bare_root.entrance(bundle)
    cold = run(program, "frame")
    assert cold.result.state == "success", cold.events
    assert cold.value[0] == 6
    assert cold.value[1].startswith("/home/user/.cache/afbundle/")
    warm = run(program, "frame")
    assert warm.value == cold.value
    print(
        f"cold {cold.result.duration:.2f} s, warm {warm.result.duration:.2f} s, {bundle.stat().st_size / 1e6:.0f} MB"
    )
