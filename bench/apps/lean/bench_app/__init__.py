"""A task bundle written by hand, for the packagers to pack: what it takes to run one task, and nothing more.

No `socket`, `json` or `logging` on purpose: what is measured is the packager, not the app. Its metadata is the bundle's.
"""

import sys
from _socket import AF_INET, SOCK_STREAM, socket

from . import codec


def dial(flag: str) -> socket:
    """Connect to the address that the supervisor passed as ``--flag=host:port``."""
    address = next(argument.partition("=")[2] for argument in sys.argv if argument.startswith(flag + "="))
    host, _, port = address.rpartition(":")
    connection = socket(AF_INET, SOCK_STREAM)
    connection.connect((host, int(port)))
    return connection


def receive(connection: socket, count: int) -> bytes:
    """Receive exactly so many bytes."""
    data = b""
    while len(data) < count:
        chunk = connection.recv(count - len(data))
        if not chunk:
            raise EOFError("the supervisor is gone")
        data += chunk
    return data


def read(connection: socket) -> object:
    """Receive one frame."""
    return codec.unpack(receive(connection, int.from_bytes(receive(connection, 4), "big")))


def main() -> None:
    """Take the first frame, run the task, report success and wait until that is known."""
    comm = dial("--comm")
    logs = dial("--logs")
    frame = read(comm)
    assert isinstance(frame, list)
    assert frame[1]["type"] == "StartupDetails"
    body = {
        "type": "SucceedTask",
        "end_date": codec.now(),
        "task_outlets": [],
        "outlet_events": [],
    }
    payload = codec.pack([1, body])
    comm.sendall(len(payload).to_bytes(4, "big") + payload)
    read(comm)
    logs.close()
    comm.close()
