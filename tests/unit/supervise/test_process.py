"""How a bundle's process is started and connected, and what it writes."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from pathlib import Path

import psutil
import pytest

from afbundle.supervise import (
    ExitedBeforeConnecting,
    LaunchError,
    Limits,
    LogEvent,
    RuntimeSettings,
    SecretMasker,
    StartupTimeout,
    TaskResult,
    ownership,
)
from tests.unit.supervise.conftest import Script

START = "peer = Peer()\ndetails = peer.start()\n"


def test_a_file_that_is_not_there_is_named(script: Script) -> None:
    supervisor = script.supervisor("pass")
    script.path.unlink()
    with pytest.raises(LaunchError, match=f"{script.path} does not exist"):
        asyncio.run(supervisor.run())


def test_a_file_that_is_not_executable_is_named_with_the_remedy(script: Script) -> None:
    supervisor = script.supervisor("pass")
    script.path.chmod(0o644)
    with pytest.raises(LaunchError, match=f"chmod \\+x {script.path}"):
        asyncio.run(supervisor.run())


@pytest.mark.parametrize("content", [b"\x00 neither a script nor a program", b"#!/no/such/interpreter\n"])
def test_a_file_that_the_system_cannot_run_is_a_launch_error(script: Script, content: bytes) -> None:
    supervisor = script.supervisor("pass")
    script.path.write_bytes(content)
    with pytest.raises(LaunchError, match="cannot be started"):
        asyncio.run(supervisor.run())


def test_a_relative_path_is_run_from_the_working_directory(
    script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    supervisor = script.supervisor(f"{START}peer.succeed()")
    monkeypatch.chdir(script.path.parent)
    supervisor.bundle = Path(script.path.name)
    assert asyncio.run(supervisor.run()).state == "success"


@pytest.mark.parametrize(
    ("before", "exit_code"),
    [
        ("", 3),
        ("socket.create_connection(address('comm'))\n", 3),
        ("os.kill(os.getpid(), 9)\n", -9),
    ],
)
def test_an_exit_before_both_connections_tells_the_code_and_the_last_words(
    script: Script, before: str, exit_code: int
) -> None:
    with pytest.raises(ExitedBeforeConnecting) as caught:
        script.run(f"print('no module named pandas', file=sys.stderr, flush=True)\n{before}sys.exit(3)")
    assert caught.value.exit_code == exit_code
    assert caught.value.stderr_tail == "no module named pandas"
    assert caught.value.bundle == script.path
    # It is in the log as well.
    assert script.texts("task.stderr") == ["no module named pandas"]


def test_the_last_words_are_the_last_and_hold_no_secrets(script: Script) -> None:
    masker = SecretMasker()
    masker.add("hunter2")
    with pytest.raises(ExitedBeforeConnecting) as caught:
        script.run("for n in range(1000): print(n, 'hunter2', file=sys.stderr)", masker=masker)
    assert caught.value.stderr_tail.splitlines()[-1] == "999 ***"
    assert len(caught.value.stderr_tail) < 1000


def test_a_process_that_does_not_connect_is_killed(script: Script) -> None:
    body = "print(os.getpid(), flush=True)\nlogs = socket.create_connection(address('logs'))\nsignal.pause()"
    with pytest.raises(StartupTimeout) as caught:
        script.run(body, limits=Limits(startup=1.0))
    assert caught.value.missing == ("comm",)
    assert not psutil.pid_exists(int(script.texts("task.stdout")[0]))


def test_what_is_written_before_and_after_the_connection_arrives_in_order(script: Script) -> None:
    body = (
        "for n in range(5000): print('before', n)\nsys.stdout.flush()\n"
        f"{START}"
        "for n in range(5000): print('after', n)\npeer.succeed()\nsys.stdout.write('no line break')"
    )
    script.run(body)
    expected = [f"before {n}" for n in range(5000)] + [f"after {n}" for n in range(5000)] + ["no line break"]
    assert script.texts("task.stdout") == expected
    assert {event.level for event in script.events} == {"info"}


def test_no_record_is_lost_while_the_task_asks_and_when_it_ends(script: Script) -> None:
    script.store.variables["a"] = "1"
    body = (
        f"{START}"
        "for n in range(20000):\n"
        "    peer.log('record', n=n)\n"
        "    if n % 100 == 0: peer.ask({'type': 'GetVariable', 'key': 'a'})\n"
        "peer.send({'type': 'SucceedTask', 'end_date': datetime.now(timezone.utc)})\nos._exit(0)"
    )
    result = script.run(body)
    assert result.state == "success"
    assert [event.fields["n"] for event in script.events] == list(range(20000))


def test_bad_lines_and_huge_lines_do_not_stop_the_log(script: Script) -> None:
    body = (
        f"{START}"
        "for line in (b'not json', b'[1]', b'', b'{\"event\": \"cut\\xff\", \"level\": \"info\"}'):\n"
        "    peer.logs.sendall(line + b'\\n')\n"
        "peer.logs.sendall(b'{\"event\": \"' + b'x' * (17 * 1024 * 1024) + b'\"}\\n')\n"
        "print('y' * (3 * 1024 * 1024), flush=True)\n"
        "peer.log('still here')\npeer.succeed()"
    )
    script.run(body)
    bad = [event for event in script.events if event.logger == "supervise.logs"]
    assert [event.level for event in bad] == ["warning"] * 4
    assert [event.fields["line"][:9] for event in bad] == ["not json", "[1]", '{"event":', '{"event":']
    assert "longer than" in bad[3].fields["reason"]
    assert script.texts()[-1] == "still here"
    assert "".join(script.texts("task.stdout")) == "y" * (3 * 1024 * 1024)
    assert max(map(len, script.texts("task.stdout"))) < 2 * 1024 * 1024


def test_the_process_sees_airflows_settings_and_no_secret(
    script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__LOGGING__LOGGING_LEVEL", "CRITICAL")
    script.store.variables["token"] = "t0k3n-value"
    body = f"{START}print(json.dumps([dict(os.environ), open('/proc/self/cmdline').read().split('\\0')]))\npeer.succeed()"
    script.run(
        body,
        settings=RuntimeSettings(logging_level="DEBUG", namespace_levels="a=INFO", default_deferrable=True),
    )
    environment, argv = json.loads(script.texts("task.stdout")[0])
    assert (
        environment.items()
        >= {
            "PATH": os.environ["PATH"],
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "DEBUG",
            "AIRFLOW__LOGGING__NAMESPACE_LEVELS": "a=INFO",
            "AIRFLOW__API__BASE_URL": "/",
            "AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE": "True",
            "AIRFLOW__TRIGGERER__QUEUES_ENABLED": "False",
            "AIRFLOW__STATE_STORE__DEFAULT_RETENTION_DAYS": "30",
        }.items()
    )
    comm, logs = argv[2:4]
    assert comm.startswith("--comm=127.0.0.1:")
    assert logs.startswith("--logs=127.0.0.1:")
    assert "t0k3n-value" not in json.dumps([environment, argv])


def test_a_given_environment_replaces_this_process_s_own(
    script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINE", "1")
    script.run(f"{START}print('MINE' in os.environ, os.environ['YOURS'])\npeer.succeed()", env={"YOURS": "2"})
    assert script.texts("task.stdout") == ["False 2"]


@pytest.fixture(params=["socket diagnostics", "process table"])
def way_to_look(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the owner of a connection looked up in both ways that there are."""
    if request.param == "process table":

        def refused(peer: tuple[str, int], local: tuple[str, int]) -> int:
            raise PermissionError(1, "not here")

        monkeypatch.setattr(ownership, "_inode_of", refused)


@pytest.mark.usefixtures("way_to_look")
@pytest.mark.parametrize("family", ["AF_INET", "AF_INET6"])
def test_a_runtime_may_wrap_the_address_in_ipv6(script: Script, family: str) -> None:
    if family == "AF_INET6" and not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    body = (
        "def connect(address):\n"
        f"    sock = socket.socket(socket.{family})\n"
        f"    sock.connect(('::ffff:' * (sock.family == socket.AF_INET6) + address[0], address[1]))\n"
        "    return sock\n"
        "socket.create_connection = connect\n"
        f"{START}peer.fail('skipped')"
    )
    assert script.run(body).state == "skipped"


@pytest.mark.usefixtures("way_to_look")
def test_a_descendant_may_connect_for_the_process(script: Script) -> None:
    body = (
        "if len(sys.argv) == 3:\n"
        "    sys.exit(subprocess.call([sys.executable, __file__, *sys.argv[1:], 'child']))\n"
        f"{START}peer.fail('skipped')"
    )
    assert script.run(body).state == "skipped"


@pytest.mark.usefixtures("way_to_look")
def test_a_stranger_s_connection_is_not_taken_for_the_bundle_s(script: Script, tmp_path: Path) -> None:
    """This test process connects first, to both ports; it is no descendant of the bundle."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    strangers: list[socket.socket] = []

    def connect_first(event: LogEvent) -> None:
        if event.event.startswith("ports "):
            for port in event.event.split()[1:]:
                stranger = socket.create_connection(("127.0.0.1", int(port)))
                stranger.sendall(b'{"event": "forged", "level": "info"}\n')
                strangers.append(stranger)
            with gate.open("w"):  # opens as soon as the script waits there
                pass

    script.watchers.append(connect_first)
    body = (
        "print('ports', address('comm')[1], address('logs')[1], flush=True)\n"
        f"open({str(gate)!r}).read()\n"
        f"{START}peer.log('genuine')\npeer.fail('skipped')"
    )
    result = script.run(body)
    assert result.state == "skipped"
    assert script.texts() == ["genuine"]
    assert len(strangers) == 2
    for stranger in strangers:
        with stranger:
            stranger.settimeout(60)
            try:
                assert stranger.recv(100) == b""
            except ConnectionResetError:
                pass  # closed with what it had sent unread


@pytest.mark.usefixtures("way_to_look")
def test_only_strangers_leave_the_process_unconnected(script: Script) -> None:
    strangers: list[socket.socket] = []

    def connect(event: LogEvent) -> None:
        if event.event.startswith("ports "):
            strangers.extend(socket.create_connection(("127.0.0.1", int(p))) for p in event.event.split()[1:])

    script.watchers.append(connect)
    with pytest.raises(StartupTimeout) as caught:
        script.run(
            "print('ports', address('comm')[1], address('logs')[1], flush=True)\nsignal.pause()",
            limits=Limits(startup=2.0),
        )
    assert caught.value.missing == ("comm", "logs")
    for stranger in strangers:
        stranger.close()


def test_the_end_is_seen_without_a_pidfd_too(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    def unsupported(pid: int, flags: int = 0) -> int:
        raise OSError(38, "not implemented")

    monkeypatch.setattr(os, "pidfd_open", unsupported)
    result: TaskResult = script.run(f"{START}sys.exit(5)")
    assert result.exit_code == 5


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_nothing_is_left_open(script: Script) -> None:
    script.run(f"{START}peer.succeed()")
    before = sorted(fd.name for fd in Path("/proc/self/fd").iterdir())
    for _ in range(3):
        script.run(f"{START}peer.succeed()")
        with pytest.raises(ExitedBeforeConnecting):
            script.run("socket.create_connection(address('comm'))")
    assert sorted(fd.name for fd in Path("/proc/self/fd").iterdir()) == before
