"""The end of a process: whoever sees its stdout close can reap it at that moment."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

ROUNDS = 40

CHILD = """
import posix, sys
from afbundle.runtime.ending import leave, settle_watcher, start_watcher
start_watcher()
settle_watcher()
{body}
"""


def end_of(body: str) -> tuple[int, bytes]:
    """Run a child, read its stdout to the end, and reap it without waiting; fail if it cannot be reaped yet."""
    read, write = os.pipe()
    child = subprocess.Popen(
        [
            sys.executable,
            "-ISc",
            f"import sys; sys.path[:0] = {sys.path!r}\n" + CHILD.format(body=body),
        ],
        stdout=write,
        stderr=write,
        start_new_session=True,
    )
    os.close(write)
    output = b""
    while piece := os.read(read, 65536):
        output += piece
    os.close(read)
    pid, status = os.waitpid(child.pid, os.WNOHANG)
    assert pid == child.pid, "stdout closed before the process could be reaped"
    child.returncode = os.waitstatus_to_exitcode(status)
    return child.returncode, output


def test_stdout_closes_only_when_the_process_can_be_reaped() -> None:
    for _ in range(ROUNDS):
        code, output = end_of("print('bye'); leave(0)")
        assert (code, output) == (0, b"bye\n")


@pytest.mark.parametrize("signal", [9, 11])
def test_a_killed_process_is_seen_just_as_fast(signal: int) -> None:
    for _ in range(ROUNDS // 4):
        code, _ = end_of(f"posix.kill(posix.getpid(), {signal})")
        assert code == -signal


def test_exit_handlers_run_and_the_exit_code_stays() -> None:
    code, output = end_of("import atexit; atexit.register(print, 'handler'); leave(3)")
    assert (code, output) == (3, b"handler\n")


def test_a_task_that_waits_for_its_children_meets_no_watcher() -> None:
    body = """
import os
try:
    os.wait()
except ChildProcessError:
    print("no children")
leave(0)
"""
    assert end_of(body) == (0, b"no children\n")


def test_signals_to_the_process_group_spare_the_watcher() -> None:
    body = "posix.killpg(posix.getpid(), 15)"
    for _ in range(ROUNDS // 4):
        code, _ = end_of(body)
        assert code == -15


def test_closed_streams_do_not_change_the_exit_code() -> None:
    assert end_of("sys.stdout.close(); sys.stderr.close(); leave(0)") == (0, b"")


def test_a_child_that_lives_on_does_not_keep_the_watcher() -> None:
    body = """
import os
if os.fork() == 0:
    os.dup2(os.open(os.devnull, os.O_RDWR), 1)
    os.dup2(1, 2)
    os.read(0, 1)
    os._exit(0)
print("bye")
leave(0)
"""
    assert end_of(body) == (0, b"bye\n")


def test_threads_are_waited_for() -> None:
    body = """
import _thread, time
for _ in range(30):
    _thread.start_new_thread(time.sleep, (60,))
leave(0)
"""
    for _ in range(ROUNDS // 4):
        assert end_of(body) == (0, b"")
