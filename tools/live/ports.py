"""Free ports of loopback, none of which is ever handed out twice."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

BLOCK = 256
_handed_out: dict[int, Iterator[int]] = {}
# what keeps others away from this process' blocks, for as long as it lives
_guards: list[socket.socket] = []


def free_port() -> int:
    """A port that nobody listens at, for this process alone and for once.

    Asking the system for any port gives no such promise: it may give the same one again, or give it to an outgoing
    connection before the program that it is for has started.
    """
    # a process made by a fork begins anew
    ports = _handed_out.setdefault(os.getpid(), _ports())
    for port in ports:
        with contextlib.suppress(OSError), _bound(port):
            return port
    raise RuntimeError("every port of loopback is taken")


def _ports() -> Iterator[int]:
    """Block after block that no other process has; its first port, which stays bound, says whose it is."""
    for first in _blocks():
        try:
            _guards.append(_bound(first))
        except OSError:
            continue
        yield from range(first + 1, first + BLOCK)


def _blocks() -> range:
    """Blocks among the ports from which the system takes none for outgoing connections."""
    low, high = (int(part) for part in Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    below, above = range(10_240, low - BLOCK, BLOCK), range(high + 1, 65_536 - BLOCK, BLOCK)
    # where the system keeps nearly all for itself, what is free now must do
    return max(below, above, key=len) or range(10_240, 65_536 - BLOCK, BLOCK)


def _bound(port: int) -> socket.socket:
    held = socket.socket()
    try:
        held.bind(("127.0.0.1", port))
    except OSError:
        held.close()
        raise
    return held
