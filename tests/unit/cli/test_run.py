"""``afbundle run``: what a user sees of a local run, and the exit code."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from afbundle.artifact.writer import write_bundle
from afbundle.cli.run import run

PEERS = Path(__file__).parent.parent / "supervise"


class Bundle:
    """A bundle played by a script: `start` is at hand for each task, and `details`, `peer`, `try_number`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "shop"

    def write(self, bodies: dict[str, str], *, schema: str = "2026-06-16", dag_id: str = "etl") -> Path:
        """Write a bundle with one Dag; the body of each task is Python code."""
        script = self.folder / "script.py"
        tasks = "\n".join(
            f"if details.ti.task_id == {task_id!r}:\n"
            + "\n".join(f"    {line}" for line in (body or "pass").splitlines())
            for task_id, body in bodies.items()
        )
        script.write_text(
            f"import sys\nsys.path.insert(0, {str(PEERS)!r})\nfrom peer import *\n"
            "if (Path := __import__('pathlib').Path(__file__).with_name('early.py')).exists(): exec(Path.read_text())\n"
            "peer = Peer()\ndetails = peer.start()\ntry_number = details.ti.try_number\n"
            "def push(value, key='return_value'):\n"
            "    ti = details.ti\n"
            "    peer.ask({'type': 'SetXCom', 'key': key, 'value': value, 'dag_id': ti.dag_id, 'run_id': ti.run_id,\n"
            "              'task_id': ti.task_id})\n"
            f"{tasks}\nsys.exit(0)\n"
        )
        write_bundle(
            self.path,
            # sh stops reading at exec, so it never sees what follows the executable region.
            [f'#!/bin/sh\nexec "{sys.executable}" "{script}" "$@"\n'.encode()],
            [("tasks.py", b"# source\n")],
            {
                "airflow_bundle_metadata_version": "1.0",
                "sdk": {"language": "test", "version": "1", "supervisor_schema_version": schema},
                "dags": {dag_id: {"tasks": list(bodies)}, "empty": {"tasks": []}},
            },
            {},
        )
        return self.path

    def early(self, code: str) -> None:
        """Have every process run this before it connects."""
        (self.folder / "early.py").write_text(code)


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return Bundle(tmp_path)


def invoke(*args: object, env: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(run, [str(arg) for arg in args], env=env)


def states(result: Result) -> list[str]:
    """Return ``task: state`` of each line that tells a state."""
    return [
        line.partition(" in ")[0]
        for line in result.stdout.splitlines()
        if line[:1].isalpha() and ": " in line and " in " in f"{line} in "
    ]


def test_tasks_run_in_order_and_share_a_store(bundle: Bundle) -> None:
    pull = (
        "ti = details.ti\n"
        "rows = peer.ask({'type': 'GetXCom', 'key': 'return_value', 'dag_id': ti.dag_id, 'run_id': ti.run_id,\n"
        "                 'task_id': 'extract'})[0]['value']\n"
        "peer.log('pulled', rows=rows, logger='etl')\n"
        "push([row * 2 for row in rows])"
    )
    path = bundle.write({"extract": "push([1, 2])", "transform": pull, "zz": "", "aa": ""})
    result = invoke(path, "etl")
    assert result.exit_code == 0
    assert states(result)[:-1] == ["extract: success", "transform: success", "zz: success", "aa: success"]
    assert "    return_value: [1, 2]\n" in result.stdout
    assert "    return_value: [2, 4]\n" in result.stdout
    assert "INFO     pulled rows=[1, 2] [etl]\n" in result.stdout
    assert result.stdout.splitlines()[0].startswith("etl manual__")
    assert result.stdout.splitlines()[-1].startswith("etl: success in ")
    assert result.stdout.endswith("(4 success)\n")
    assert result.stderr == ""


def test_one_task_can_be_run_alone(bundle: Bundle) -> None:
    path = bundle.write({"a": "sys.exit(1)", "b": ""})
    result = invoke(path, "etl", "b")
    assert result.exit_code == 0
    assert states(result)[0] == "b: success"
    assert "── a" not in result.stdout


def test_variables_connections_and_conf_reach_the_task(bundle: Bundle) -> None:
    body = (
        "print(peer.ask({'type': 'GetVariable', 'key': 'place'})[0]['value'])\n"
        "print(peer.ask({'type': 'GetConnection', 'conn_id': 'db'})[0]['host'])\n"
        "print(details.ti_context.dag_run.conf, os.environ['AIRFLOW__LOGGING__LOGGING_LEVEL'])"
    )
    path = bundle.write({"a": body})
    result = invoke(
        path, "etl", "--var", "place=a=b", "--conn", "db=pg://h/", "--conf", '{"n": 1}', "--log-level", "DEBUG"
    )  # fmt: skip
    printed = [line.split("INFO     ")[1] for line in result.stdout.splitlines() if "INFO" in line]
    assert printed == ["a=b [task.stdout]", "h [task.stdout]", "{'n': 1} DEBUG [task.stdout]"]


def test_a_task_that_asks_for_it_is_tried_again_while_retries_are_left(bundle: Bundle) -> None:
    path = bundle.write({"a": "if try_number < 3: peer.retry('not yet'); sys.exit(0)\npush(try_number)"})
    result = invoke(path, "etl", "--retries", "2")
    assert result.exit_code == 0
    assert states(result)[:-1] == ["a: up_for_retry", "a: up_for_retry", "a: success"]
    assert "── a (try 3 of 3) ──" in result.stdout
    assert result.stdout.count("    not yet\n") == 2
    assert "    return_value: 3\n" in result.stdout


def test_a_task_that_fails_for_good_ends_the_run(bundle: Bundle) -> None:
    path = bundle.write({"a": "", "b": "sys.exit(3)", "c": "", "d": ""})
    result = invoke(path, "etl", "--retries", "1")
    assert result.exit_code == 1
    assert states(result)[:-1] == [
        "a: success",
        "b: up_for_retry",
        "b: failed",
        "c: upstream_failed",
        "d: upstream_failed",
    ]
    assert "    the process exited with code 3\n" in result.stdout
    assert result.stdout.endswith("(1 success, 1 failed, 2 upstream_failed)\n")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("peer.retry('again!')", ["a: failed", "b: upstream_failed"]),
        ("peer.fail('removed')", ["a: removed", "b: upstream_failed"]),
        (
            "peer.ask({'type': 'DeferTask', 'classpath': 'x.Y', 'next_method': 'z'})",
            ["a: deferred", "b: not run"],
        ),
    ],
)
def test_what_does_not_end_well_exits_1(bundle: Bundle, body: str, expected: list[str]) -> None:
    result = invoke(bundle.write({"a": body, "b": ""}), "etl")
    assert result.exit_code == 1
    assert states(result)[:-1] == expected


def test_a_skip_goes_on_to_the_rest_and_is_no_failure(bundle: Bundle) -> None:
    result = invoke(bundle.write({"a": "", "b": "peer.fail('skipped')", "c": ""}), "etl")
    assert result.exit_code == 0
    assert states(result)[:-1] == ["a: success", "b: skipped", "c: skipped"]


def test_tasks_that_are_skipped_by_name_are_left_out(bundle: Bundle) -> None:
    skip = "peer.ask({'type': 'SkipDownstreamTasks', 'tasks': ['b']})"
    result = invoke(bundle.write({"a": skip, "b": "sys.exit(1)", "c": ""}), "etl")
    assert result.exit_code == 0
    assert sorted(states(result)[:-1]) == ["a: success", "b: skipped", "c: success"]


def test_a_process_that_never_connects_shows_its_last_words(bundle: Bundle) -> None:
    path = bundle.write({"a": "", "b": ""})
    bundle.early("sys.exit('no module named pandas')")
    result = invoke(path, "etl")
    assert result.exit_code == 1
    assert states(result)[:-1] == ["a: failed", "b: upstream_failed"]
    assert "    shop exited with code 1 before it connected to the supervisor\n" in result.stdout
    assert "    stderr: no module named pandas\n" in result.stdout


def test_secrets_are_not_printed(bundle: Bundle) -> None:
    body = (
        "token = peer.ask({'type': 'GetVariable', 'key': 'api_token'})[0]['value']\n"
        "password = peer.ask({'type': 'GetConnection', 'conn_id': 'db'})[0]['password']\n"
        "print(token, password)\npeer.log(token, value=password)\npush({'token': token})\n"
        "peer.retry('wrong password ' + password)\n"
        "print(json.dumps([dict(os.environ), open('/proc/self/cmdline').read()]))"
    )
    path = bundle.write({"a": body})
    result = invoke(path, "etl", "--var", "api_token=t0k3n-value", "--conn", "db=pg://me:hunter22@h/")
    assert "t0k3n-value" not in result.output
    assert "hunter22" not in result.output
    assert "    wrong password ***\n" in result.stdout
    assert "[task.stdout]" in result.stdout


def test_secrets_are_masked_also_before_the_task_asks_for_them(bundle: Bundle) -> None:
    path = bundle.write({"a": "print('it is hunter22')"})
    result = invoke(path, "etl", "--conn", "db=pg://me:hunter22@h/")
    assert "it is ***" in result.stdout


def test_an_exception_in_the_log_is_shown_as_a_traceback(bundle: Bundle) -> None:
    frames = [{"filename": "tasks.py", "lineno": 7, "name": "load"}]
    detail = [
        {"exc_type": "RuntimeError", "exc_value": "no rows", "frames": frames},
        {"exc_type": "KeyError", "exc_value": "'rows'", "frames": []},
    ]
    path = bundle.write({"a": f"peer.log('Task failed\\nbadly', level='error', error_detail={detail!r})"})
    lines = invoke(path, "etl").stdout.splitlines()
    at = next(number for number, line in enumerate(lines) if "ERROR    Task failed" in line)
    assert lines[at + 1 : at + 6] == [
        "    badly",
        "    KeyError: 'rows'",
        "    Traceback (most recent call last):",
        '      File "tasks.py", line 7, in load',
        "    RuntimeError: no rows",
    ]


def test_a_terminal_gets_colours_and_the_text_as_it_is(bundle: Bundle) -> None:
    path = bundle.write({"a": "peer.log('[bold]markup[/bold] :smile: ' + 'x' * 300, level='warning')"})
    result = invoke(path, "etl", env={"FORCE_COLOR": "1", "TERM": "xterm", "COLUMNS": "80"})
    assert "\x1b[33m WARNING  \x1b[0m[bold]markup[/bold] :smile: " + "x" * 300 in result.stdout


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["none"], "no Dag 'none': shop has the Dags empty, etl"),
        ([], "name a Dag: shop has the Dags empty, etl"),
        (["etl", "none"], "no task 'none' in etl; it has a, b"),
        (["empty", "none"], "no task 'none' in empty; it has none"),
        (["etl", "--var", "hunter22"], "'--var': expected KEY=VALUE"),
        (["etl", "--var", "=hunter22"], "'--var': expected KEY=VALUE"),
        (["etl", "--conn", "hunter22"], "'--conn': expected ID=URI"),
        (
            ["etl", "--conn", "db=hunter22"],
            "'--conn': db: a connection is written as conn_type://login:password",
        ),
        (["etl", "--conf", "{"], "'--conf': expected a JSON object such as"),
        (["etl", "--conf", "[1]"], "'--conf': expected a JSON object such as"),
        (["etl", "--retries", "-1"], "'--retries'"),
        (["etl", "--log-level", "loud"], "'--log-level'"),
    ],
)
def test_usage_errors_exit_2_and_say_what_is_expected(bundle: Bundle, args: list[str], message: str) -> None:
    path = bundle.write({"a": "", "b": ""})
    bundle.early("sys.exit('it was run')")
    result = invoke(path, *args)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())
    assert "hunter22" not in result.output
    assert "it was run" not in result.output


def test_the_only_dag_need_not_be_named(bundle: Bundle, tmp_path: Path) -> None:
    path = bundle.write({"a": ""}, dag_id="empty")  # takes the place of the other one
    result = invoke(path)
    assert result.exit_code == 0
    assert result.stdout.startswith("empty manual__")


def test_a_dag_without_tasks_succeeds_at_once(bundle: Bundle) -> None:
    result = invoke(bundle.write({"a": ""}), "empty")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1].startswith("empty: success in ")


def test_what_is_no_bundle_is_not_run(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_text("#!/bin/sh\necho it was run\n")
    plain.chmod(0o755)
    result = invoke(plain, "etl")
    assert result.exit_code == 1
    assert "not a bundle" in result.stderr
    assert "it was run" not in result.output
    assert invoke(tmp_path / "missing", "etl").exit_code == 1


def test_a_bundle_that_was_changed_is_not_run(bundle: Bundle) -> None:
    path = bundle.write({"a": ""})
    bundle.early("sys.exit('it was run')")
    data = bytearray(path.read_bytes())
    data[20] ^= 1
    path.write_bytes(data)
    result = invoke(path, "etl")
    assert result.exit_code == 1
    assert "executable" in result.stderr
    assert "it was run" not in result.output


def test_a_bundle_of_an_unknown_schema_is_not_run(bundle: Bundle) -> None:
    result = invoke(bundle.write({"a": ""}, schema="2031-01-01"), "etl")
    assert result.exit_code == 1
    assert "2031-01-01" in result.stderr


def test_an_interrupt_ends_the_task_and_the_run(bundle: Bundle) -> None:
    path = bundle.write(
        {
            "a": "signal.signal(signal.SIGINT, lambda *_: os._exit(0))\nprint('ready', flush=True)\npeer.hang()",
            "b": "",
        }
    )
    command = [sys.executable, "-m", "afbundle.cli", "run", str(path), "etl", "--retries", "3"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "ready" in line:
                process.send_signal(signal.SIGINT)
                break
        rest = process.stdout.read()
    assert process.returncode == 1
    assert "a: failed in" in rest
    assert "    interrupted\n" in rest
    assert "b: not run\n" in rest


def test_the_example_bundle_runs_without_airflow(etl_bundle: Path) -> None:
    result = invoke(
        etl_bundle,
        "etl_example",
        "--retries",
        "1",
        "--var",
        "etl_source=s3://bucket/rows",
        "--conn",
        "etl_warehouse=postgres://etl:hunter22@warehouse.example:5432/sales",
    )
    assert result.exit_code == 0
    assert states(result)[:-1] == [
        "extract: success",
        "transform: success",
        "load: up_for_retry",
        "load: success",
    ]
    assert "    RuntimeError: " in result.stdout
    assert "    return_value: 4\n" in result.stdout
    assert "hunter22" not in result.output
