"""A supervisor in a thread: the far end of a socket pair, written with the wire room's own frames."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any

from afbundle.runtime.channel import Channel
from afbundle.wire.frames import Frame, FrameReader, encode_response


class End:
    """The supervisor's end of the connection."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._reader = FrameReader("request")

    def receive(self) -> Frame | None:
        """Return the next request; None when the task has hung up."""
        while True:
            frame = self._reader.next_frame()
            if frame is not None:
                return frame
            try:
                count = self.sock.recv_into(self._reader.get_buffer())
            except ConnectionResetError:
                return None  # The task hung up before it read everything.
            if not count:
                return None
            self._reader.buffer_filled(count)

    def request(self) -> Frame:
        """Return the next request; there must be one."""
        frame = self.receive()
        assert frame is not None, "the task hung up"
        return frame

    def reply(self, id: int, body: dict[str, Any] | None = None, error: dict[str, Any] | None = None) -> None:
        """Send a response."""
        self.sock.sendall(encode_response(id, body, error))

    def echo(self, request: Frame) -> None:
        """Answer a GetVariable with its own key as the value."""
        self.reply(request.id, variable(key_of(request)))

    def echo_all(self) -> None:
        """Answer every request with `echo`, until the task hangs up."""
        while (request := self.receive()) is not None:
            self.echo(request)


def key_of(request: Frame) -> str:
    assert request.body is not None
    key: str = request.body["key"]
    return key


def variable(value: str) -> dict[str, Any]:
    return {"type": "VariableResult", "key": "k", "value": value}


class FakeSupervisor:
    """Runs a script at the far end while the body of the ``with`` block talks to it through ``channel``.

    An error in the script fails the test; the end is closed when the script returns.
    """

    def __init__(self, script: Callable[[End], object]) -> None:
        near, far = socket.socketpair()
        self.channel = Channel(near)
        self._far = far
        self._script = script
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        with self._far:
            try:
                self._script(End(self._far))
            except BaseException as error:  # noqa: BLE001 - raised again in the test
                self._error = error

    def __enter__(self) -> Channel:
        self._thread.start()
        return self.channel

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.channel.close()
        self._thread.join(timeout=60)
        assert not self._thread.is_alive(), "the fake supervisor still waits for something"
        if self._error is not None:
            raise self._error from error
