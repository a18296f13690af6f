"""The end of the process, so that Airflow's supervisor sees it at once.

The supervisor (task-sdk 1.3.2 and 1.4.0b2) looks for the exit of its child only after an event on one of the child's
sockets. The kernel closes a dying process's descriptors shortly before the process can be reaped; when the supervisor is
quick, it handles the last of those events too early and then sleeps in ``select`` for 5 seconds with the worker slot held.

So a second process, the exit watcher, keeps the inherited stdout and stderr open until this process can be reaped. Their
closing is then an event that comes after the exit, not before it.
"""

from __future__ import annotations

import posix

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
    from typing import NoReturn
else:
    import _signal

# SIGHUP, SIGINT, SIGQUIT, SIGTERM: whoever sends these to the process group means the task, not its watcher.
_IGNORED_SIGNALS = (1, 2, 3, 15)

# Without pidfd the watcher learns of the end from a pipe, which closes a little before the process can be reaped.
_GRACE_WITHOUT_PIDFD = 0.05


def fork_watcher() -> int:
    """Fork the watcher. Call it as soon as the sockets are connected, before anything else is imported.

    At that moment the process is small, has one thread and no fork handlers, and the supervisor is busy asking its API
    server. The watcher is a grandchild: the task's own ``os.wait()`` must never meet a child that it did not start.

    Returns:
        The process between this one and the watcher, to be given to `settle_watcher`; 0 when the system has no room for
        another process. The task can run all the same; only its end may be noticed late.
    """
    try:
        end_of_life: int = posix.pidfd_open(posix.getpid())
        kept_open = -1
    except (AttributeError, OSError):
        # The task keeps the writing end until it dies.
        end_of_life, kept_open = posix.pipe()
    try:
        child = posix.fork()
    except OSError:
        child = 0
    else:
        if child == 0:
            try:
                # Inherited by the watcher, so that it is safe by the time `settle_watcher` returns.
                for number in _IGNORED_SIGNALS:
                    _signal.signal(number, _signal.SIG_IGN)
                if posix.fork() == 0:
                    _watch(end_of_life, kept_open)
            finally:
                posix._exit(0)
    posix.close(end_of_life)
    return child


def settle_watcher(child: int) -> None:
    """Reap the process between this one and the watcher; by the time the runtime is imported, it has ended.

    Arguments:
        child: what `fork_watcher` returned.
    """
    if child:
        posix.waitpid(child, 0)


def _watch(end_of_life: int, kept_open: int) -> NoReturn:
    try:
        from select import select

        # Nothing but stdout and stderr may be kept from closing when the task ends.
        posix.closerange(3, end_of_life)
        posix.closerange(end_of_life + 1, max(end_of_life, kept_open) + 64)
        select([end_of_life], [], [])
        if kept_open >= 0:
            select([], [], [], _GRACE_WITHOUT_PIDFD)
    finally:
        posix._exit(0)


def leave(code: int) -> NoReturn:
    """End the process now: flush stdout and stderr, run exit handlers, and skip the interpreter's teardown.

    Arguments:
        code: the exit code. Airflow takes any but 0 for a failure, whatever the task reported.
    """
    import sys
    from atexit import _ncallbacks, _run_exitfuncs

    if _ncallbacks():
        # Libraries flush their buffers and remove their temporary files here; masked streams give out what they hold.
        _run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):
            pass  # Closed, or nobody reads it any more.
    posix._exit(code)
