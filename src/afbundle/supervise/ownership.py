"""Whether a TCP connection on this machine was made by a given process or one of its descendants.

The listeners of a supervisor are open to every process of the machine. As Airflow's coordinator does, only a
connection from the process tree of the bundle is taken for the bundle's.

The kernel is asked for the one connection through its socket diagnostics (sock_diag(7)), which takes a tenth of a
millisecond. The way through ``/proc/net/tcp``, which psutil goes, takes 10 to 25 ms a connection and is left for where
that is not allowed.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import struct
from pathlib import Path

import psutil

__all__ = ["is_from_process_tree"]

# A connection that was just accepted is not always in the process table yet.
_VISIBLE_WITHIN = 1.0
_LOOK_AGAIN_AFTER = 0.02

# linux/netlink.h, linux/sock_diag.h, linux/inet_diag.h
_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_NLM_F_REQUEST = 1
_ALL_STATES = 0xFFFFFFFF
_NO_COOKIE = 0xFFFFFFFF
_HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence, port
_REQUEST = struct.Struct("=BBBBI")  # family, protocol, extensions, padding, states
_PORTS = struct.Struct("!HH")
_REST = struct.Struct("=III")  # interface, cookie in two halves
_INODE = struct.Struct("=I")
_INODE_AT = _HEADER.size + 68  # the last field of struct inet_diag_msg

_Address = tuple[str, int]
_GONE = (psutil.Error, OSError)


async def is_from_process_tree(connection: socket.socket, pid: int) -> bool:
    """Return whether the peer of an accepted IPv4 connection belongs to the process tree below `pid`.

    Looks again for up to a second before it says no.
    """
    try:
        peer: _Address = connection.getpeername()
        local: _Address = connection.getsockname()
    except OSError:
        return False
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _VISIBLE_WITHIN
    while not await asyncio.to_thread(_tree_holds, pid, peer, local):
        if loop.time() >= deadline:
            return False
        await asyncio.sleep(_LOOK_AGAIN_AFTER)
    return True


def _tree_holds(pid: int, peer: _Address, local: _Address) -> bool:
    try:
        inode = _inode_of(peer, local)
    except OSError:
        inode = None
    try:
        root = psutil.Process(pid)
        # The process itself first: finding descendants means reading the whole process table.
        if _holds(root, inode, peer, local):
            return True
        return any(_holds(child, inode, peer, local) for child in root.children(recursive=True))
    except _GONE:
        return False


def _holds(process: psutil.Process, inode: int | None, peer: _Address, local: _Address) -> bool:
    try:
        if inode is not None:
            return _has_descriptor(process.pid, f"socket:[{inode}]")
        connections = process.net_connections(kind="tcp")
    except _GONE:
        return False
    return any(
        c.laddr and c.raddr and _plain(c.laddr) == peer and _plain(c.raddr) == local for c in connections
    )


def _has_descriptor(pid: int, target: str) -> bool:
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            if str(descriptor.readlink()) == target:
                return True
        except OSError:
            continue  # closed meanwhile
    return False


def _inode_of(peer: _Address, local: _Address) -> int:
    """Return the inode of the peer's socket, as ``/proc/<pid>/fd`` shows it.

    Raises:
        OSError: the kernel knows no such connection, or does not answer such questions here.
    """
    body = b"".join(
        (
            _REQUEST.pack(socket.AF_INET, socket.IPPROTO_TCP, 0, 0, _ALL_STATES),
            _PORTS.pack(peer[1], local[1]),
            socket.inet_aton(peer[0]).ljust(16, b"\0"),
            socket.inet_aton(local[0]).ljust(16, b"\0"),
            _REST.pack(0, _NO_COOKIE, _NO_COOKIE),
        )
    )
    head = _HEADER.pack(_HEADER.size + len(body), _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, _NETLINK_SOCK_DIAG) as kernel:
        kernel.send(head + body)
        answer = kernel.recv(4096)
    if len(answer) < _INODE_AT + _INODE.size or _HEADER.unpack_from(answer)[1] != _SOCK_DIAG_BY_FAMILY:
        raise OSError("no such connection")
    inode: int = _INODE.unpack_from(answer, _INODE_AT)[0]
    return inode


def _plain(value: tuple[str, int]) -> _Address:
    """Return host and port; an IPv4 host that a dual-stack runtime such as the JVM wraps in IPv6 is unwrapped."""
    host, port = value[0], value[1]
    try:
        parsed = ipaddress.ip_address(host)
    except ValueError:
        return host, port
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped), port
    return host, port
