"""What goes wrong before a bundle's process is connected; everything later is a `TaskResult` with a reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

from afbundle.exceptions import AfbundleError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["ExitedBeforeConnecting", "LaunchError", "StartupTimeout", "SuperviseError"]


class SuperviseError(AfbundleError):
    """Base of what the supervising side raises."""


class LaunchError(SuperviseError):
    """The bundle's process could not be started or did not connect.

    Arguments:
        message: what happened and how to mend it.
        bundle: the file that was to run.
        stderr_tail: the last lines that the process wrote to stderr, masked; empty when there were none.
    """

    def __init__(self, message: str, *, bundle: Path, stderr_tail: str = "") -> None:
        super().__init__(message)
        self.bundle = bundle
        self.stderr_tail = stderr_tail


class ExitedBeforeConnecting(LaunchError):
    """The process ended before both of its connections were made.

    Arguments:
        exit_code: its exit code; negative for the signal that ended it.
    """

    def __init__(self, *, bundle: Path, exit_code: int, stderr_tail: str) -> None:
        how = f"was ended by signal {-exit_code}" if exit_code < 0 else f"exited with code {exit_code}"
        super().__init__(
            f"{bundle.name} {how} before it connected to the supervisor",
            bundle=bundle,
            stderr_tail=stderr_tail,
        )
        self.exit_code = exit_code


class StartupTimeout(LaunchError):
    """The process did not connect in time and was killed.

    Arguments:
        timeout: how long was waited, in seconds.
        missing: which of the two connections, ``comm`` and ``logs``, were not made.
    """

    def __init__(self, *, bundle: Path, timeout: float, missing: tuple[str, ...], stderr_tail: str) -> None:
        super().__init__(
            f"{bundle.name} did not connect to the supervisor within {timeout:g} s (missing: "
            f"{', '.join(missing)}). Does it understand --comm and --logs?",
            bundle=bundle,
            stderr_tail=stderr_tail,
        )
        self.timeout = timeout
        self.missing = missing
