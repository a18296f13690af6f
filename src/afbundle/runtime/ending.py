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
    from typing import NoReturn

# The first shell ends at once; the one behind it, the watcher, is nobody's child. It ignores SIGHUP, SIGINT, SIGQUIT and
# SIGTERM: whoever sends these to the process group means the task. The pipe closes a little before the task can be reaped,
# so the last step waits for a zombie without threads, or for its being reaped; where there is no /proc, for 50 ms.
_WATCHER = """\
trap "" 1 2 3 15
exec 3<&0 4>&2 2>/dev/null
{ read end
while (:); read line </proc/$1/stat
do set -- $1 ${line##*)}
case "$2 ${19}" in "Z "[01]|X*) break;; esac
done
[ -d /proc/self ] || sleep 0.05
} <&3 3<&- &
"""


# The process between this one and the watcher, until it is reaped.
_between = 0


def start_watcher() -> None:
    """Start the watcher. Call it as soon as the sockets are connected, before anything else is imported.

    It is a shell, spawned without a fork: forked from this process it would cost the task a page fault for every page that
    either of them touches from then on, a fifth of a whole start. And it is a grandchild: the task's own ``os.wait()`` must
    never meet a child that it did not start. Where the system has no room for another process the task runs all the same;
    only its end may be noticed late.
    """
    global _between  # noqa: PLW0603  (one process, one watcher)
    reading = -1
    try:
        # This process keeps the writing end until it dies, and nobody whom it forks gets it.
        reading, writing = posix.pipe()
        posix.register_at_fork(after_in_child=lambda: posix.close(writing))
        _between = posix.posix_spawn(
            "/bin/sh",
            ["sh", "-c", _WATCHER, "sh", str(posix.getpid())],
            {},
            file_actions=[(posix.POSIX_SPAWN_DUP2, reading, 0)],
        )
    except OSError:
        pass
    finally:
        if reading >= 0:
            posix.close(reading)


def settle_watcher() -> None:
    """Reap the process between this one and the watcher. Call it right before the task's code: it has ended by then."""
    global _between
    if _between:
        child, _between = _between, 0
        posix.waitpid(child, 0)


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
