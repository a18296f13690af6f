"""A task process for the tests of the supervising side, as small as the protocol allows.

A test writes the body of a script; the names here are what it can use. Real bundles are run elsewhere: this one exists
because it can also do what no real bundle would do.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from datetime import datetime, timezone
from typing import Any, NoReturn

from afbundle.wire import frames, messages

__all__ = [
    "Peer",
    "address",
    "datetime",
    "json",
    "messages",
    "os",
    "signal",
    "socket",
    "subprocess",
    "sys",
    "timezone",
]

# Tests that run in the background of a shell inherit that SIGINT is ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)


def address(name: str) -> tuple[str, int]:
    """Return the host and port that the supervisor passed as --comm or --logs."""
    given = next(arg for arg in sys.argv if arg.startswith(f"--{name}="))
    host, _, port = given.partition("=")[2].rpartition(":")
    return host, int(port)


class Peer:
    """Both connections, and requests that wait for their answer."""

    def __init__(self) -> None:
        self.comm = socket.create_connection(address("comm"))
        self.logs = socket.create_connection(address("logs"))
        self.reader = frames.FrameReader("response")
        self.next_id = 1

    def receive(self) -> frames.Frame:
        """Return the next frame."""
        while (frame := self.reader.next_frame()) is None:
            data = self.comm.recv(65536)
            if not data:
                raise EOFError("the supervisor is gone")
            self.reader.feed(data)
        return frame

    def start(self) -> messages.StartupDetails:
        """Return the details that the supervisor sends first."""
        frame = self.receive()
        assert frame.id == 0
        details = messages.from_body(frame.body)
        assert isinstance(details, messages.StartupDetails)
        return details

    def send(self, body: dict[str, Any]) -> int:
        """Send a request and do not wait."""
        self.next_id += 1
        self.comm.sendall(frames.encode_request(self.next_id, body))
        return self.next_id

    def ask(self, body: dict[str, Any]) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
        """Send a request; return its response's body and error."""
        sent = self.send(body)
        frame = self.receive()
        assert frame.id == sent
        return frame.body, frame.error

    def log(self, event: str, level: str = "info", **fields: Any) -> None:
        """Write a record."""
        record = {
            "event": event,
            "level": level,
            "timestamp": datetime.now(timezone.utc).isoformat(),
            **fields,
        }
        self.logs.sendall(json.dumps(record).encode() + b"\n")

    def succeed(self) -> None:
        """Report success."""
        now = datetime.now(timezone.utc)
        self.ask({"type": "SucceedTask", "end_date": now, "task_outlets": [], "outlet_events": []})

    def fail(self, state: str = "failed") -> None:
        """Report a state that is not success."""
        self.ask({"type": "TaskState", "state": state, "end_date": datetime.now(timezone.utc)})

    def retry(self, reason: str) -> None:
        """Ask for another try."""
        self.ask({"type": "RetryTask", "end_date": datetime.now(timezone.utc), "retry_reason": reason})

    def hang(self) -> NoReturn:
        """Wait for a signal for ever."""
        while True:
            signal.pause()
