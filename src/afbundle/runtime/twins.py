"""`twins`: a conversation with Airflow, written once, as a blocking and as an awaitable method."""

from __future__ import annotations

from afbundle.exceptions import ApiError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator
    from typing import Any, Concatenate, ParamSpec, Protocol, TypeAlias, TypeVar

    from afbundle.wire.messages import Message

    Result = TypeVar("Result")
    Self = TypeVar("Self", bound="Asking")
    Params = ParamSpec("Params")
    Dialogue: TypeAlias = Generator[Message, Message | None, Result]

    class Requester(Protocol):
        """What answers messages: a `Channel`, or whatever stands for it."""

        def request(self, message: Message) -> Message | None: ...

        async def arequest(self, message: Message) -> Message | None: ...

    class Asking(Protocol):
        """What has such methods."""

        @property
        def _channel(self) -> Requester: ...


__all__ = ["twins"]


def twins(
    core: Callable[Concatenate[Self, Params], Dialogue[Result]],
) -> tuple[
    Callable[Concatenate[Self, Params], Result],
    Callable[Concatenate[Self, Params], Coroutine[Any, Any, Result]],
]:
    """Return the blocking and the awaitable method that a generator describes.

    Arguments:
        core: yields messages, receives answers (an `ApiError` is raised at the ``yield``), returns the result. Its name is
            that of the blocking method with an underscore in front.
    """

    def blocking(self: Self, /, *args: Params.args, **kwargs: Params.kwargs) -> Result:
        dialogue = core(self, *args, **kwargs)
        try:
            message = next(dialogue)
            while True:
                try:
                    answer = self._channel.request(message)
                except ApiError as error:
                    message = dialogue.throw(error)
                else:
                    message = dialogue.send(answer)
        except StopIteration as end:
            result: Result = end.value
            return result

    async def awaitable(self: Self, /, *args: Params.args, **kwargs: Params.kwargs) -> Result:
        dialogue = core(self, *args, **kwargs)
        try:
            message = next(dialogue)
            while True:
                try:
                    answer = await self._channel.arequest(message)
                except ApiError as error:
                    message = dialogue.throw(error)
                else:
                    message = dialogue.send(answer)
        except StopIteration as end:
            result: Result = end.value
            return result

    name = core.__name__[1:]
    home = core.__qualname__[: -len(name) - 1]
    for method, own_name in ((blocking, name), (awaitable, f"a{name}")):
        method.__name__ = own_name
        method.__qualname__ = home + own_name
        method.__doc__ = core.__doc__
        # What `inspect` and documentation tools show as the signature.
        method.__wrapped__ = core  # type: ignore[union-attr]
    return blocking, awaitable
