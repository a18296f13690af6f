"""The end of a process: whoever sees its stdout close can reap it at that moment."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

ROUNDS = 40

CHILD = """
import posix, sys
if sys.argv[1] == "pipe":
    del posix.pidfd_open
from afbundle.runtime.ending import fork_watcher, leave, settle_watcher
settle_watcher(fork_watcher())
{body}
"""


def end_of(mode: str, body: str) -> tuple[int, bytes]:
    """Run a child, read its stdout to the end, and reap it without waiting; fail if it cannot be reaped yet."""
    read, write = os.pipe()
    child = subprocess.Popen(
        [
            sys.executable,
            "-ISc",
            f"import sys; sys.path[:0] = {sys.path!r}\n" + CHILD.format(body=body),
            mode,
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


@pytest.mark.parametrize("mode", ["pidfd", "pipe"])
def test_stdout_closes_only_when_the_process_can_be_reaped(mode: str) -> None:
    for _ in range(ROUNDS):
        code, output = end_of(mode, "print('bye'); leave(0)")
        assert (code, output) == (0, b"bye\n")


@pytest.mark.parametrize("signal", [9, 11])
def test_a_killed_process_is_seen_just_as_fast(signal: int) -> None:
    for _ in range(ROUNDS // 4):
        code, _ = end_of("pidfd", f"posix.kill(posix.getpid(), {signal})")
        assert code == -signal


def test_exit_handlers_run_and_the_exit_code_stays() -> None:
    code, output = end_of("pidfd", "import atexit; atexit.register(print, 'handler'); leave(3)")
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
    assert end_of("pidfd", body) == (0, b"no children\n")


def test_signals_to_the_process_group_spare_the_watcher() -> None:
    body = "posix.killpg(posix.getpid(), 15)"
    for _ in range(ROUNDS // 4):
        code, _ = end_of("pidfd", body)
        assert code == -15


def test_closed_streams_do_not_change_the_exit_code() -> None:
    assert end_of("pidfd", "sys.stdout.close(); sys.stderr.close(); leave(0)") == (0, b"")
