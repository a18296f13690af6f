"""What can go wrong between two ends of the wire, as types.

`EncodeError` and `DecodeError` belong to the codec. `RemoteProtocolError` means that the other end sent
something wrong, `LocalProtocolError` that this end was about to. No error quotes a payload: it may hold secrets.
"""

from __future__ import annotations

__all__ = [
    "DecodeError",
    "EncodeError",
    "FrameTooLarge",
    "InvalidMessage",
    "LocalProtocolError",
    "MalformedFrame",
    "RemoteProtocolError",
    "TruncatedFrame",
    "WireError",
]

_PATH_SHOWN = 200


class WireError(Exception):
    """Base of every error of the wire."""


class EncodeError(WireError):
    """A value cannot be written as MessagePack.

    Arguments:
        reason: what is wrong, and the remedy where there is one.
        path: where in the value, for example ``body.value[3]``; containers extend it to the left.
    """

    def __init__(self, reason: str, path: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.path = path

    def __str__(self) -> str:
        path = self.path if len(self.path) <= _PATH_SHOWN else f"{self.path[:_PATH_SHOWN]}…"
        return f"{path}: {self.reason}" if path else self.reason


class DecodeError(WireError):
    """Bytes are not one well-formed MessagePack value."""


class LocalProtocolError(WireError):
    """What this end was about to send breaks the protocol."""


class RemoteProtocolError(WireError):
    """What the other end sent breaks the protocol."""


class FrameTooLarge(RemoteProtocolError):
    """A frame announces more payload than the reader accepts; nothing after it can be read."""


class TruncatedFrame(RemoteProtocolError):
    """The stream ended in the middle of a frame."""


class MalformedFrame(RemoteProtocolError):
    """A whole frame's payload is not MessagePack of the right shape; the frames after it can be read."""


class InvalidMessage(RemoteProtocolError):
    """A frame's body is not a message of the supervisor schema."""
