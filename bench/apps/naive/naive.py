"""A task bundle as one writes it first: the standard library's own `socket`, `json` and `logging`, and msgpack."""

import argparse
import datetime
import json
import logging
import socket
import struct
import sys
from typing import Any

import msgpack  # type: ignore[import-not-found]  # an environment of its own has it


class LogsHandler(logging.Handler):
    """Sends records to the supervisor, one JSON object a line."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__()
        self.connection = connection

    def emit(self, record: logging.LogRecord) -> None:
        """Send one record."""
        line = {
            "event": record.getMessage(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "timestamp": datetime.datetime.fromtimestamp(record.created, datetime.timezone.utc).isoformat(),
        }
        self.connection.sendall(json.dumps(line).encode() + b"\n")


def dial(address: str) -> socket.socket:
    """Connect to ``host:port``."""
    host, _, port = address.rpartition(":")
    return socket.create_connection((host, int(port)))


def receive(stream: Any) -> Any:
    """Read one frame."""
    (length,) = struct.unpack(">I", stream.read(4))
    return msgpack.unpackb(stream.read(length), timestamp=3)


def main() -> int:
    """Run one task."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--comm", required=True)
    parser.add_argument("--logs", required=True)
    options = parser.parse_args()
    comm = dial(options.comm)
    logging.basicConfig(level=logging.INFO, handlers=[LogsHandler(dial(options.logs))])
    stream = comm.makefile("rb")
    startup = receive(stream)[1]
    if startup["type"] != "StartupDetails":
        return 1
    body = {
        "type": "SucceedTask",
        "end_date": datetime.datetime.now(datetime.timezone.utc),
        "task_outlets": [],
        "outlet_events": [],
    }
    payload = msgpack.packb([1, body], datetime=True)
    comm.sendall(struct.pack(">I", len(payload)) + payload)
    receive(stream)
    return 0


if __name__ == "__main__":
    sys.exit(main())
