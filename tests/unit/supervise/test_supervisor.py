"""One task under supervision: outcomes, requests, broken protocol, limits, signals."""

from __future__ import annotations

import asyncio
import signal

import psutil
import pytest

from afbundle.supervise import (
    LaunchError,
    Limits,
    LogEvent,
    MemoryBackend,
    SecretMasker,
    TaskResult,
    run_task,
    startup_details,
)
from afbundle.wire import messages
from tests.unit.supervise.conftest import QUICK, Script

START = "peer = Peer()\ndetails = peer.start()\n"
# Far longer than a test may take: if it were waited for, the test would fail by its own timeout.
LONG = Limits(startup=600, escalation=600, overtime=600, grace=600, drain=600)


@pytest.mark.parametrize(
    ("report", "exit_code", "retries", "state"),
    [
        ("peer.succeed()", 0, 0, "success"),
        ("peer.succeed()", 0, 1, "success"),
        ("pass", 0, 0, "success"),
        ("peer.fail()", 0, 0, "failed"),
        ("peer.fail()", 0, 1, "failed"),
        ("peer.fail('skipped')", 0, 0, "skipped"),
        ("peer.fail('removed')", 0, 1, "removed"),
        ("peer.retry('later')", 0, 1, "up_for_retry"),
        ("pass", 3, 0, "failed"),
        ("pass", 3, 1, "up_for_retry"),
        ("peer.succeed()", 3, 0, "failed"),
        ("peer.succeed()", 3, 1, "up_for_retry"),
        ("peer.fail('skipped')", 3, 0, "failed"),
        ("peer.retry('later')", 3, 1, "up_for_retry"),
        ("peer.fail(); peer.succeed()", 0, 0, "success"),
    ],
)
def test_the_exit_code_decides_before_the_outcome(
    script: Script, report: str, exit_code: int, retries: int, state: str
) -> None:
    result = script.run(f"{START}{report}\nsys.exit({exit_code})", retries=retries, limits=LONG)
    assert (result.state, result.exit_code) == (state, exit_code)
    record = script.store.task("dag", script.dag_run.run_id, "task")
    assert record is not None
    assert (record.state, record.result) == (state, result)


@pytest.mark.parametrize(
    ("body", "state"),
    [
        (
            {"type": "DeferTask", "classpath": "a.Trigger", "next_method": "resume", "trigger_kwargs": {}},
            "deferred",
        ),
        ({"type": "AwaitInputTask", "next_method": "resume"}, "awaiting_input"),
    ],
)
def test_a_task_may_leave_the_stage_for_a_while(script: Script, body: dict[str, object], state: str) -> None:
    result = script.run(f"{START}peer.ask({body!r})")
    assert result.state == state
    assert type(result.outcome).__name__ == body["type"]


def test_a_reschedule_is_kept_with_its_date(script: Script) -> None:
    result = script.run(
        f"{START}now = datetime.now(timezone.utc)\n"
        "peer.ask({'type': 'RescheduleTask', 'reschedule_date': now, 'end_date': now})"
    )
    assert result.state == "up_for_reschedule"
    assert isinstance(result.outcome, messages.RescheduleTask)
    assert result.outcome.reschedule_date.tzinfo is not None


def test_an_outcome_counts_although_the_task_does_not_wait_for_the_answer(script: Script) -> None:
    result = script.run(
        f"{START}"
        "peer.send({'type': 'TaskState', 'state': 'skipped', 'end_date': datetime.now(timezone.utc)})\n"
        "os._exit(0)"
    )
    assert result.state == "skipped"


def test_what_a_failure_says_becomes_the_reason(script: Script) -> None:
    assert script.run(f"{START}peer.retry('the bank is closed')", retries=1).reason == "the bank is closed"
    assert script.run(f"{START}sys.exit(7)").reason == "the process exited with code 7"
    killed = script.run(f"{START}os.kill(os.getpid(), signal.SIGKILL)")
    wrong = script.run(
        f"{START}peer.ask({{'type': 'MaskSecret', 'value': 'hunter2'}})\npeer.retry('wrong: hunter2')"
    )
    assert wrong.reason == "wrong: ***"
    assert (killed.exit_code, killed.reason) == (-9, "the process was ended by SIGKILL (out of memory?)")
    assert script.run(f"{START}peer.succeed()").reason is None


def test_times_are_aware_and_tell_how_long_it_took(script: Script) -> None:
    result = script.run(f"{START}peer.succeed()")
    assert result.started.tzinfo is not None
    assert result.ended > result.started
    assert result.duration == (result.ended - result.started).total_seconds()


def test_values_go_both_ways_also_when_they_are_large(script: Script) -> None:
    script.store.variables["big"] = "v" * 5_000_000
    script.run(
        f"{START}"
        "body, error = peer.ask({'type': 'GetVariable', 'key': 'big'})\n"
        "ti = details.ti\n"
        "peer.ask({'type': 'SetXCom', 'key': 'return_value', 'value': [body['value'], error], 'dag_id': ti.dag_id,\n"
        "          'run_id': ti.run_id, 'task_id': ti.task_id})\n"
        "peer.succeed()"
    )
    assert script.xcoms == {"return_value": ["v" * 5_000_000, None]}


def test_a_request_that_cannot_be_answered_is_an_error_and_the_task_goes_on(script: Script) -> None:
    result = script.run(
        f"{START}"
        "for body in ({'type': 'ResendLoggingFD'}, {'type': 'Nonsense'}, {}, {'type': 'GetVariable'},\n"
        "             {'type': 'GetVariable', 'key': 7}):\n"
        "    answer, error = peer.ask(body)\n"
        "    print(answer, error['error'], error['detail']['message'])\n"
        "peer.succeed()"
    )
    assert result.state == "success"
    assert script.texts("task.stdout") == [
        "None GENERIC_ERROR This supervisor does not support ResendLoggingFD",
        "None GENERIC_ERROR This supervisor does not support Nonsense",
        "None GENERIC_ERROR This supervisor does not support a request without a type",
        "None GENERIC_ERROR GetVariable lacks key, which the schema requires",
        "None GENERIC_ERROR GetVariable.key must be str, not int",
    ]


def test_a_backend_that_fails_costs_the_task_one_answer(script: Script) -> None:
    class Broken(MemoryBackend):
        async def get_variable(self, key: str) -> str | None:
            raise OSError("no route to host")

    result = script.run(
        f"{START}print(*peer.ask({{'type': 'GetVariable', 'key': 'a'}}))\npeer.succeed()", backend=Broken()
    )
    assert result.state == "success"
    (line,) = script.texts("task.stdout")
    assert "API_SERVER_ERROR" in line
    assert "no route to host" in line


@pytest.mark.parametrize(
    "data",
    [b"\0\0\0\1\xc1", b"\0\0\0\3abc", b"\0\0\0\2\x91\1", b"GET / HTTP/1.1\r\n\r\n"],
    ids=["no MessagePack", "trailing bytes", "too short an array", "another protocol"],
)
def test_a_broken_frame_ends_the_process_and_fails_the_task(script: Script, data: bytes) -> None:
    # The last one announces more than a gigabyte, so that only the end of the stream tells.
    sending = f"peer.comm.sendall({data!r})\npeer.comm.shutdown(socket.SHUT_WR)"
    result = script.run(f"{START}peer.succeed()\n{sending}\npeer.hang()", limits=LONG)
    assert (result.state, result.exit_code) == ("failed", -signal.SIGTERM)
    assert result.reason is not None
    assert result.reason.startswith("the task broke the protocol: ")
    assert any(result.reason in event.event for event in script.events if event.logger == "supervise")


def test_a_broken_frame_is_no_success_either_when_the_process_exits_with_zero(script: Script) -> None:
    result = script.run(f"{START}peer.succeed()\npeer.comm.sendall(b'\\0\\0')\nos._exit(0)", retries=1)
    assert (result.state, result.exit_code) == ("up_for_retry", 0)
    assert result.reason is not None
    assert "ended after 2 of a frame header's 4 bytes" in result.reason


def stop_when(
    script: Script, text: str, body: str, limits: Limits, first: signal.Signals = signal.SIGINT
) -> TaskResult:
    """Run the script; stop it when it logs a text."""

    async def run() -> TaskResult:
        supervisor = script.supervisor(body, limits=limits)

        def on_event(event: LogEvent) -> None:
            if event.event == text:
                supervisor.stop("the worker shuts down", first=first)

        script.watchers.append(on_event)
        return await supervisor.run()

    return asyncio.run(run())


def descendants(script: Script) -> list[psutil.Process]:
    """Return a list that will have the processes that the script names in its log."""
    found: list[psutil.Process] = []

    def on_event(event: LogEvent) -> None:
        if event.event == "child":
            found.append(psutil.Process(event.fields["pid"]))

    script.watchers.append(on_event)
    return found


STUBBORN = (
    START
    + """
def ignore(signum, frame):
    peer.log("ignored " + signal.Signals(signum).name)
signal.signal(signal.SIGINT, ignore)
signal.signal(signal.SIGTERM, ignore)
peer.log("ready")
peer.hang()
"""
)


def test_signals_escalate_until_the_process_ends(script: Script) -> None:
    result = stop_when(script, "ready", STUBBORN, QUICK)
    assert result.exit_code == -signal.SIGKILL
    assert (result.state, result.reason) == ("failed", "the worker shuts down")
    assert script.texts() == ["ready", "ignored SIGINT", "ignored SIGTERM"]


def test_no_descendant_outlives_a_task_that_was_ended(script: Script) -> None:
    body = (
        "child = subprocess.Popen([sys.executable, '-c', 'import signal; signal.signal(2, signal.SIG_IGN);'\n"
        "    'print(\"up\", flush=True); signal.pause()'], stdout=subprocess.PIPE)\n"
        "child.stdout.readline()\n"
        f"{START}peer.log('child', pid=child.pid)\npeer.log('ready')\npeer.hang()"
    )
    children = descendants(script)
    result = stop_when(script, "ready", body, LONG)
    assert result.exit_code == -signal.SIGINT
    assert psutil.wait_procs(children, timeout=60)[1] == []


def test_a_task_that_is_stopped_may_still_report(script: Script) -> None:
    body = (
        f"{START}def report(signum, frame):\n    peer.fail('skipped')\n    sys.exit(0)\n"
        "signal.signal(signal.SIGINT, report)\npeer.log('ready')\npeer.hang()"
    )
    result = stop_when(script, "ready", body, LONG)
    assert (result.state, result.exit_code) == ("skipped", 0)


def test_a_task_that_is_stopped_and_says_nothing_has_not_succeeded(script: Script) -> None:
    body = f"{START}signal.signal(signal.SIGINT, lambda *_: os._exit(0))\npeer.log('ready')\npeer.hang()"
    result = stop_when(script, "ready", body, LONG)
    assert (result.state, result.exit_code) == ("failed", 0)


def test_a_second_stop_need_not_wait_for_the_first(script: Script) -> None:
    async def run() -> TaskResult:
        supervisor = script.supervisor(STUBBORN, limits=LONG)

        def on_event(event: LogEvent) -> None:
            if event.event == "ready":
                supervisor.stop("interrupted")
            if event.event == "ignored SIGINT":
                supervisor.stop("interrupted again", first=signal.SIGKILL)

        script.watchers.append(on_event)
        return await supervisor.run()

    result = asyncio.run(run())
    assert (result.exit_code, result.reason) == (-signal.SIGKILL, "interrupted")


def test_a_stop_does_not_wait_for_the_connections(script: Script) -> None:
    pids: list[int] = []

    async def run() -> None:
        supervisor = script.supervisor("print(os.getpid(), flush=True)\nsignal.pause()", limits=LONG)

        def on_event(event: LogEvent) -> None:
            pids.append(int(event.event))
            supervisor.stop("the worker shuts down")

        script.watchers.append(on_event)
        with pytest.raises(LaunchError, match="stopped before it connected: the worker shuts down"):
            await supervisor.run()

    asyncio.run(run())
    assert not psutil.pid_exists(pids[0])


def test_the_execution_timeout_ends_the_task(script: Script) -> None:
    result = script.run(
        f"{START}peer.hang()", retries=1, limits=Limits(startup=60, execution=0.2, escalation=600)
    )
    assert result.state == "up_for_retry"
    assert result.reason == "the execution timeout of 0.2 s is over"


def test_a_task_can_set_its_own_timeout(script: Script) -> None:
    result = script.run(
        f"{START}peer.ask({{'type': 'SetExecutionTimeout', 'timeout_seconds': 0.1}})\npeer.hang()"
    )
    assert result.state == "failed"
    assert result.reason == "the task is not over 0.1 s after its execution timeout of 0.1 s"


def test_a_timeout_does_not_end_a_task_that_has_reported(script: Script) -> None:
    # The script lives on for a moment, in which the supervisor could end it.
    result = script.run(
        f"{START}peer.succeed()\npeer.ask({{'type': 'SetExecutionTimeout', 'timeout_seconds': 0.01}})\n"
        "signal.sigtimedwait([signal.SIGUSR1], 0.3)",
        limits=Limits(startup=60, grace=0.01, overtime=600),
    )
    assert (result.state, result.exit_code, result.reason) == ("success", 0, None)


def test_a_process_that_stays_after_its_outcome_is_ended(script: Script) -> None:
    result = script.run(f"{START}peer.succeed()\npeer.hang()")
    assert result.state == "failed"
    assert result.reason == "the process did not exit within 0.3 s of its outcome"


def test_the_end_is_not_held_up_by_a_descendant_with_the_output_streams(script: Script) -> None:
    children = descendants(script)
    result = script.run(
        f"{START}child = subprocess.Popen(['sleep', '600'])\n"
        "peer.log('child', pid=child.pid)\nprint('last words')\npeer.succeed()",
        limits=LONG,
    )
    children[0].kill()
    assert result.state == "success"
    assert script.texts("task.stdout") == ["last words"]


def test_the_end_is_not_held_up_by_a_descendant_that_goes_on_writing(script: Script) -> None:
    children = descendants(script)
    result = script.run(
        f"{START}child = subprocess.Popen(['yes', 'y' * 1000])\n"
        "peer.log('child', pid=child.pid)\nprint('last words')\npeer.succeed()",
        limits=LONG,
    )
    children[0].kill()
    assert result.state == "success"
    assert "last words" in script.texts("task.stdout")


def test_a_descendant_with_the_connections_is_waited_for_no_longer_than_the_limit(script: Script) -> None:
    children = descendants(script)
    result = script.run(
        f"{START}peer.succeed()\npid = os.fork()\nif pid == 0:\n    signal.pause()\n"
        "peer.log('child', pid=pid)\nos._exit(0)",
        limits=Limits(startup=60, drain=0.2),
    )
    children[0].kill()
    assert result.state == "success"


def test_cancelling_the_run_kills_the_process(script: Script) -> None:
    pids: list[int] = []

    async def run() -> None:
        task = asyncio.ensure_future(
            script.supervisor(STUBBORN.replace('"ready"', '"ready", pid=os.getpid()')).run()
        )

        def on_event(event: LogEvent) -> None:
            if event.event == "ready":
                pids.append(event.fields["pid"])
                task.cancel()

        script.watchers.append(on_event)
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
    assert not psutil.pid_exists(pids[0])


def test_a_backend_that_refuses_the_start_leaves_no_process_behind(script: Script) -> None:
    pids: list[int] = []

    class Refusing(MemoryBackend):
        async def start_task(self, details: messages.StartupDetails, pid: int) -> messages.StartupDetails:
            pids.append(pid)
            raise PermissionError("the task was cleared")

    with pytest.raises(PermissionError):
        script.run(f"{START}peer.hang()", backend=Refusing())
    assert not psutil.pid_exists(pids[0])


def test_one_event_loop_supervises_many_tasks(script: Script) -> None:
    body = (
        f"{START}ti = details.ti\n"
        "for n in range(20):\n"
        "    peer.ask({'type': 'SetXCom', 'key': 'return_value', 'value': [ti.task_id, n], 'dag_id': ti.dag_id,\n"
        "              'run_id': ti.run_id, 'task_id': ti.task_id})\n"
        "    peer.log(ti.task_id)\n"
        "peer.succeed()"
    )
    names = [f"task-{n}" for n in range(16)]

    async def run() -> list[str]:
        supervisors = [script.supervisor(body, task_id=name, limits=LONG) for name in names]
        return [result.state for result in await asyncio.gather(*(s.run() for s in supervisors))]

    assert asyncio.run(run()) == ["success"] * 16
    for name in names:
        assert script.store.xcoms("dag", script.dag_run.run_id, name) == {"return_value": [name, 19]}
        assert script.texts().count(name) == 20


def test_secrets_that_the_task_was_given_do_not_appear_in_what_it_writes(script: Script) -> None:
    script.store = MemoryBackend(
        variables={"api_token": "t0k3n-value", "place": "Lisbon"},
        connections={"db": "postgres://me:pass%2Fword@host/db?secret_key=s3cr3t-extra&region=eu"},
    )
    script.run(
        f"{START}"
        "token = peer.ask({'type': 'GetVariable', 'key': 'api_token'})[0]['value']\n"
        "place = peer.ask({'type': 'GetVariable', 'key': 'place'})[0]['value']\n"
        "conn = peer.ask({'type': 'GetConnection', 'conn_id': 'db'})[0]\n"
        "peer.ask({'type': 'MaskSecret', 'value': {'password': 'from-a-vault'}})\n"
        "peer.log('token ' + token, conn=conn, place=place)\n"
        "print(conn['extra'], 'pass%2Fword', 'from-a-vault', place)\n"
        "sys.exit(conn['password'])"
    )
    everything = repr(script.events)
    for secret in ("t0k3n-value", "pass/word", "pass%2Fword", "s3cr3t-extra", "from-a-vault"):
        assert secret not in everything
    assert "Lisbon" in everything
    assert "eu" in everything
    assert script.texts() == ["token ***"]
    assert script.texts("task.stderr") == ["***"]


def test_run_task_needs_no_event_loop(script: Script) -> None:
    script.supervisor(f"{START}print('the word is xyzzy')\npeer.succeed()")
    masker = SecretMasker()
    masker.add("xyzzy")
    details = startup_details(script.dag_run, "task", schema_version="2026-10-30")
    result = run_task(script.path, details, script.store, on_log=script.events.append, masker=masker)
    assert result.state == "success"
    assert script.texts("task.stdout") == ["the word is ***"]
