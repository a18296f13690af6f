"""The table of handlers, and what several of them need."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from afbundle.wire import messages

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from afbundle.supervise.session import TaskSession

    Handler = Callable[[TaskSession, Any], Awaitable[messages.Message | None]]
    _H = TypeVar("_H", bound=Handler)


def new_table() -> tuple[dict[str, Handler], Callable[..., Callable[[_H], _H]]]:
    """Return an empty table, and the decorator that enters a handler into it under the types of its messages."""
    table: dict[str, Handler] = {}

    def handles(*kinds: str) -> Callable[[_H], _H]:
        def enter(handler: _H) -> _H:
            table.update(dict.fromkeys(kinds, handler))
            return handler

        return enter

    return table, handles


def plain_index(map_index: int | None) -> int:
    """Return a message's map index, -1 where it has none."""
    return -1 if map_index is None or map_index < 0 else map_index


def done() -> messages.OKResponse:
    """Return the answer to a request that only wants to be done."""
    return messages.OKResponse(ok=True)
