"""One task under supervision, as the handlers of its requests see it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from afbundle.supervise.backend import Backend
    from afbundle.supervise.masking import SecretMasker
    from afbundle.wire import messages

__all__ = ["TaskSession"]


class TaskSession:
    """What a task has said so far that concerns the supervisor itself.

    Arguments:
        backend: answers what the task asks.
        details: what the task was started with.
        masker: learns the secrets that the task is given.
    """

    def __init__(self, backend: Backend, details: messages.StartupDetails, masker: SecretMasker) -> None:
        self.backend = backend
        self.ti = details.ti
        self.should_retry = bool(details.ti_context.should_retry)
        self.masker = masker
        self.outcome: messages.Message | None = None
        self.outcome_at: float | None = None
        self.rendered_map_index: str | None = None
        self.timeout: float | None = None
        self.timeout_from: float | None = None
        # Set whenever the supervisor has to look at its deadlines again.
        self.changed = asyncio.Event()

    def report(self, outcome: messages.Message, rendered_map_index: str | None) -> None:
        """Keep a terminal message; the last one counts."""
        self.outcome = outcome
        self.outcome_at = asyncio.get_running_loop().time()
        if rendered_map_index is not None:
            self.rendered_map_index = rendered_map_index
        self.changed.set()

    def limit(self, seconds: float) -> None:
        """Limit the execution to so many seconds from now."""
        self.timeout = seconds
        self.timeout_from = asyncio.get_running_loop().time()
        self.changed.set()
