"""Free loopback ports. No port is given out twice, not even to another process that runs at the same time."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

BLOCK = 256
_sources: dict[int, Iterator[int]] = {}
# Bound sockets that keep other processes from using the blocks of this process, for as long as it lives.
_guards: list[socket.socket] = []


def free_port() -> int:
    """Return a port that no program listens on and that was not returned before.

    The system's own choice (port 0) is not enough: it may choose the same port again, or use it for an outgoing
    connection before the program that should listen on it has started.
    """
    # a forked process needs blocks of its own
    ports = _sources.setdefault(os.getpid(), _ports())
    for port in ports:
        with contextlib.suppress(OSError), _bound(port):
            return port
    raise RuntimeError("every loopback port is taken")


def _ports() -> Iterator[int]:
    """Yield the ports of one block after the other. The first port of a block stays bound and marks it as taken."""
    for first in _blocks():
        try:
            _guards.append(_bound(first))
        except OSError:
            continue
        yield from range(first + 1, first + BLOCK)


def _blocks() -> range:
    """Return the first ports of all blocks outside the range that the system uses for outgoing connections."""
    low, high = (int(part) for part in Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    below, above = range(10_240, low - BLOCK, BLOCK), range(high + 1, 65_536 - BLOCK, BLOCK)
    # when that range covers nearly all ports, the blocks have to lie within it
    return max(below, above, key=len) or range(10_240, 65_536 - BLOCK, BLOCK)


def _bound(port: int) -> socket.socket:
    bound = socket.socket()
    try:
        bound.bind(("127.0.0.1", port))
    except OSError:
        bound.close()
        raise
    return bound
