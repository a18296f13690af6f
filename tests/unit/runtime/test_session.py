"""A bundle's process as its supervisor sees it: what it sends, logs and exits with, whatever happens to either of the two."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.runtime.fake_supervisor import End

if TYPE_CHECKING:
    from collections.abc import Iterator

TASKS = """
import asyncio, os, sys, time
from afbundle import Bundle, Client, Context, Logger

bundle = Bundle("b", version="1")
dag = bundle.dag("d")

@dag.task
def succeed():
    print("on stdout")
    print("on stderr", file=sys.stderr)
    return {"n": 1}

@dag.task
def leave(): sys.exit(0)

@dag.task
def interrupt(): raise KeyboardInterrupt

@dag.task
def recurse():
    def deeper(): deeper()
    deeper()

@dag.task
def exhaust(): raise MemoryError("no room")

@dag.task
def unspeakable():
    class Bad(Exception):
        def __str__(self): raise RuntimeError("no")
    raise Bad

@dag.task
def ask(client: Client): return client.get_variable("v")

@dag.task
def polite(context: Context, log: Logger):
    log.info("waiting")
    context.cancelled.wait()
    return "stopped by itself"

@dag.task
def levels(log: Logger):
    log.info("dropped")
    log.warning("kept")

@dag.task
def stubborn(log: Logger):
    try:
        log.info("waiting")
        while True: time.sleep(0.05)
    finally:
        log.info("cleaned up")

@dag.task
async def stubborn_async(log: Logger):
    try:
        log.info("waiting")
        await asyncio.sleep(100)
    finally:
        log.info("cleaned up")

@dag.task
def immortal(log: Logger):
    while True:
        try:
            log.info("waiting")
            while True: time.sleep(0.05)
        except BaseException:
            pass

@dag.task
def chatty(log: Logger):
    for number in range(50):
        log.info(f"record {number}")
        if number == 10:
            log.info("now")
            sys.stdin.readline()

if __name__ == "__main__":
    bundle.serve()
"""


class Process:
    """A bundle's process and the supervisor's two ends."""

    def __init__(self, script: Path, **environ: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as comm, socket.create_server(("127.0.0.1", 0)) as logs:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    str(script),
                    f"--comm=127.0.0.1:{comm.getsockname()[1]}",
                    f"--logs=127.0.0.1:{logs.getsockname()[1]}",
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={**os.environ, **environ},
            )
            comm_end, _ = comm.accept()
            self.logs, _ = logs.accept()
        comm_end.settimeout(30)
        self.logs.settimeout(30)
        self.comm = End(comm_end)
        self._lines = self.logs.makefile("rb")
        self.stdout = self.stderr = b""

    def start(self, task_id: str, **ti_context: Any) -> None:
        """Send StartupDetails."""
        date = "2026-01-01T00:00:00Z"
        self.comm.reply(
            0,
            {
                "type": "StartupDetails",
                "ti": {
                    "id": "018f0000-0000-7000-8000-000000000001",
                    "task_id": task_id,
                    "dag_id": "d",
                    "run_id": "r",
                    "try_number": 1,
                    "dag_version_id": "018f0000-0000-7000-8000-000000000002",
                    "map_index": -1,
                },
                "dag_rel_path": "d.py",
                "bundle_info": {"name": "b"},
                "start_date": date,
                "sentry_integration": "",
                "ti_context": {
                    "dag_run": {
                        "dag_id": "d",
                        "run_id": "r",
                        "logical_date": date,
                        "data_interval_start": date,
                        "data_interval_end": date,
                        "run_after": date,
                        "start_date": date,
                        "end_date": None,
                        "run_type": "manual",
                        "state": "running",
                        "consumed_asset_events": [],
                        "partition_key": None,
                    },
                    "max_tries": 0,
                    **ti_context,
                },
            },
        )

    def log_until(self, event: str) -> dict[str, Any]:
        """Read the log up to the record whose event starts so."""
        for line in self._lines:
            record: dict[str, Any] = json.loads(line)
            if record["event"].startswith(event):
                return record
        raise AssertionError(f"the log ended without {event!r}")

    def body(self) -> dict[str, Any]:
        """Read a request and acknowledge it."""
        frame = self.comm.request()
        self.comm.reply(frame.id)
        assert frame.body is not None
        return frame.body

    def exit_code(self) -> int:
        """Wait for the end."""
        self.stdout, self.stderr = self.process.communicate(timeout=30)
        return self.process.returncode

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()
        self.comm.sock.close()
        self._lines.close()
        self.logs.close()


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "tasks.py"
    path.write_text(TASKS)
    return path


@pytest.fixture
def bundle(script: Path) -> Iterator[Process]:
    process = Process(script)
    yield process
    process.close()


def test_success_pushes_the_result_and_reports_it(bundle: Process) -> None:
    bundle.start("succeed")
    xcom = bundle.body()
    assert (xcom["type"], xcom["key"], xcom["value"]) == ("SetXCom", "return_value", {"n": 1})
    outcome = bundle.body()
    assert outcome["type"] == "SucceedTask"
    assert outcome["task_outlets"] == outcome["outlet_events"] == []
    assert bundle.exit_code() == 0
    assert (bundle.stdout, bundle.stderr) == (b"on stdout\n", b"on stderr\n")


@pytest.mark.parametrize(
    ("task_id", "name"),
    [
        ("leave", "SystemExit"),
        ("interrupt", "KeyboardInterrupt"),
        ("recurse", "RecursionError"),
        ("exhaust", "MemoryError"),
        ("unspeakable", "Bad"),
    ],
)
def test_every_kind_of_exception_is_a_failure_with_its_traceback(
    bundle: Process, task_id: str, name: str
) -> None:
    bundle.start(task_id)
    record = bundle.log_until(f"Task failed with {name}")
    assert record["error_detail"][0]["frames"][-1]["name"] in (task_id, "deeper")
    outcome = bundle.body()
    assert (outcome["type"], outcome["state"]) == ("TaskState", "failed")
    assert bundle.exit_code() == 0


def test_a_failure_with_retries_left_asks_for_a_retry_and_cuts_the_reason(bundle: Process) -> None:
    bundle.start("exhaust", should_retry=True)
    outcome = bundle.body()
    assert (outcome["type"], outcome["retry_reason"]) == ("RetryTask", "MemoryError: no room")
    assert bundle.exit_code() == 0


def test_an_unknown_task_is_removed_and_the_log_lists_the_known_ones(bundle: Process) -> None:
    bundle.start("nowhere")
    assert "succeed, leave" in bundle.log_until("This bundle has no task 'nowhere'")["event"]
    assert bundle.body()["state"] == "removed"
    assert bundle.exit_code() == 0


def test_xcoms_of_an_earlier_try_are_cleared_first(bundle: Process) -> None:
    bundle.start("succeed", xcom_keys_to_clear=["old"])
    cleared = bundle.body()
    assert (cleared["type"], cleared["key"], cleared["task_id"]) == ("DeleteXCom", "old", "succeed")
    assert bundle.body()["type"] == "SetXCom"


@pytest.mark.parametrize("name", ["GetVariable", "TaskHandlerParseRequest"])
def test_an_unknown_first_frame_is_answered_with_an_error(bundle: Process, name: str) -> None:
    bundle.comm.reply(0, {"type": name, "key": "k"})
    frame = bundle.comm.request()
    assert frame.id == 0
    assert frame.body is not None
    assert frame.body["type"] == "ErrorResponse"
    assert name in frame.body["detail"]["message"]
    assert bundle.exit_code() == 1
    assert b"Traceback" not in bundle.stderr


def test_a_parse_request_is_answered_with_no_dags(bundle: Process) -> None:
    bundle.comm.reply(
        0,
        {
            "type": "DagFileParseRequest",
            "file": "/bundles/b",
            "bundle_path": "/bundles",
            "bundle_name": "n",
            "callback_requests": [],
        },
    )
    result = bundle.body()
    assert (result["type"], result["fileloc"], result["serialized_dags"]) == (
        "DagFileParsingResult",
        "/bundles/b",
        [],
    )
    assert bundle.exit_code() == 0


@pytest.mark.parametrize("frame", [b"\x00\x00\x00\x01\xc1", b"\xff\xff\xff\xff", b"\x00\x00"])
def test_nonsense_instead_of_a_first_frame_ends_the_process(bundle: Process, frame: bytes) -> None:
    bundle.comm.sock.sendall(frame)
    bundle.comm.sock.shutdown(socket.SHUT_WR)
    assert bundle.exit_code() == 1
    assert b"supervisor" in bundle.stderr


def test_a_supervisor_lost_before_the_first_frame_ends_the_process(bundle: Process) -> None:
    bundle.comm.sock.close()
    assert bundle.exit_code() == 1
    assert b"The supervisor is gone" in bundle.stderr


def test_a_supervisor_lost_during_a_request_ends_the_process(bundle: Process) -> None:
    bundle.start("ask")
    bundle.comm.request()
    bundle.comm.sock.close()
    assert bundle.exit_code() == 1
    assert b"The supervisor is gone" in bundle.stderr


def test_a_supervisor_lost_before_the_outcome_was_taken_ends_the_process(bundle: Process) -> None:
    bundle.start("succeed")
    bundle.body()
    bundle.comm.request()
    bundle.comm.sock.close()
    assert bundle.exit_code() == 1


def test_an_outcome_that_airflow_refuses_is_logged_and_exits_non_zero(bundle: Process) -> None:
    bundle.start("exhaust")
    frame = bundle.comm.request()
    bundle.comm.reply(
        frame.id, None, {"type": "ErrorResponse", "error": "API_SERVER_ERROR", "detail": {"a": 1}}
    )
    assert "API_SERVER_ERROR" in bundle.log_until("Airflow did not take the outcome")["event"]
    assert bundle.exit_code() == 1


def test_a_dead_logs_socket_leads_the_log_to_stderr_and_the_task_goes_on(bundle: Process) -> None:
    bundle.start("chatty")
    bundle.log_until("now")
    bundle._lines.close()
    bundle.logs.close()
    assert bundle.process.stdin is not None
    bundle.process.stdin.write(b"\n")
    bundle.process.stdin.flush()
    assert bundle.body()["type"] == "SucceedTask"
    assert bundle.exit_code() == 0
    # The kernel takes one record before it reports that nobody is there.
    events = [json.loads(line)["event"] for line in bundle.stderr.splitlines()]
    assert events[-1] == "record 49"
    assert len(events) >= 37


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_sets_the_cancellation_event(bundle: Process, number: signal.Signals) -> None:
    bundle.start("polite")
    bundle.log_until("waiting")
    bundle.process.send_signal(number)
    assert bundle.log_until("Airflow asks this task to stop")["signal"] == number
    assert bundle.body()["value"] == "stopped by itself"
    assert bundle.body()["type"] == "SucceedTask"
    assert bundle.exit_code() == 0


@pytest.mark.parametrize("task_id", ["stubborn", "stubborn_async"])
def test_a_second_signal_ends_the_task_as_failed_after_its_finally(bundle: Process, task_id: str) -> None:
    bundle.start(task_id)
    bundle.log_until("waiting")
    bundle.process.send_signal(signal.SIGINT)
    bundle.log_until("Airflow asks this task to stop")
    bundle.process.send_signal(signal.SIGTERM)
    bundle.log_until("cleaned up")
    bundle.log_until("Task failed with TaskTerminated")
    assert bundle.body()["state"] == "failed"
    assert bundle.exit_code() == 0


def test_the_end_of_the_grace_period_is_like_a_second_signal(bundle: Process) -> None:
    bundle.start("stubborn", should_retry=True)
    bundle.log_until("waiting")
    bundle.process.send_signal(signal.SIGTERM)
    bundle.log_until("cleaned up")
    assert bundle.body()["type"] == "RetryTask"


def test_a_task_that_will_not_end_is_ended(bundle: Process) -> None:
    bundle.start("immortal")
    bundle.log_until("waiting")
    bundle.process.send_signal(signal.SIGINT)
    bundle.log_until("Airflow asks this task to stop")
    bundle.process.send_signal(signal.SIGTERM)
    bundle.log_until("Task failed: it did not end in time")
    assert bundle.exit_code() == 1


def test_the_log_level_comes_from_the_environment(script: Path) -> None:
    process = Process(script, AIRFLOW__LOGGING__LOGGING_LEVEL="WARNING")
    try:
        process.start("levels")
        assert process.log_until("")["event"] == "kept"
    finally:
        process.close()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "usage:"),
        (["--comm=127.0.0.1:1"], "--comm is given without --logs"),
        (["--logs=127.0.0.1:1"], "--logs is given without --comm"),
        (["--comm=here", "--logs=there"], "--comm takes HOST:PORT, got 'here'"),
        (["--airflow-metadata", "--format=xml"], "--format is yaml or json"),
        (["--what"], "unknown argument '--what'"),
    ],
)
def test_a_command_line_that_makes_no_sense_exits_with_2(
    script: Path, arguments: list[str], said: str
) -> None:
    done = subprocess.run(
        [sys.executable, str(script), *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stdout == ""


def test_nobody_listening_is_said(script: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    done = subprocess.run(
        [sys.executable, str(script), f"--comm=127.0.0.1:{port}", f"--logs=127.0.0.1:{port}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert f"cannot connect to the supervisor at 127.0.0.1:{port}" in done.stderr


def test_the_go_plugin_cookie_is_answered_with_what_to_do(script: Path) -> None:
    cookie = {"AIRFLOW_BUNDLE_MAGIC_COOKIE": "23C6AB18-91F9-4760-B3E8-328EF3C861AB"}
    done = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **cookie},
    )
    assert done.returncode == 1
    assert "not supported yet" in done.stderr


@pytest.mark.parametrize("flag", ["--airflow-metadata", "--bundle-metadata", "--dump-bundle-spec"])
def test_the_metadata_has_one_content_in_every_spelling(script: Path, flag: str) -> None:
    arguments = [flag, "--format=json"] if flag == "--airflow-metadata" else [flag]
    done = subprocess.run(
        [sys.executable, str(script), *arguments], capture_output=True, text=True, check=True
    )
    facts = json.loads(done.stdout)
    assert facts["dags"]["d"]["tasks"][:2] == ["succeed", "leave"]
    assert facts["sdk"]["language"] == "python"
    assert facts["source"] == "tasks.py"


def test_the_yaml_form_says_the_same(script: Path) -> None:
    import yaml

    texts = [
        subprocess.run(
            [sys.executable, str(script), "--airflow-metadata", f"--format={form}"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for form in ("yaml", "json")
    ]
    assert yaml.safe_load(texts[0]) == json.loads(texts[1])


@pytest.mark.parametrize("should_retry", [False, True])
def test_a_registration_error_fails_the_task_with_its_advice(tmp_path: Path, should_retry: bool) -> None:
    script = tmp_path / "tasks.py"
    script.write_text(
        """
from afbundle import BundleInfo, BundleProvider, serve

class Provider(BundleProvider):
    def get_bundle_version(self): return BundleInfo("p")
    def register_dags(self, registry): registry.add_dag("d").add_task(lambda: None)

serve(Provider())
"""
    )
    process = Process(script)
    try:
        process.start("t", should_retry=should_retry)
        assert "a lambda has no name" in process.log_until("Task failed with RegistrationError")["event"]
        assert process.body()["type"] == ("RetryTask" if should_retry else "TaskState")
        assert process.exit_code() == 0
    finally:
        process.close()
