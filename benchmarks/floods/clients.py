"""The two clients: the victim in this process, and the attacker in a process of its own."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context

from benchmarks.floods.kinds import Target, requests_of
from benchmarks.serving.load_generator import Connection, ConnectionClosedError, Responses, generate_load

#: Requests a second of the victim: less than the shipped limit of the application, 10/second.
VICTIM_RATE = 8
_VICTIM = "127.0.0.2"
# On a network the attacker has a machine of its own. With a low priority its process takes little from the servers.
_NICENESS = 10


@dataclass
class Latencies:
    """What the victim experienced.

    Attributes
    ----------
    milliseconds : list of float
        From request to complete response.
    others : dict of str to int
        Number of responses by status other than 200; "none" where there was no response.
    """

    milliseconds: list[float] = field(default_factory=list)
    others: dict[str, int] = field(default_factory=dict)


def run_victim(port: int, requests: Iterator[bytes], seconds: float) -> Latencies:
    """Send `VICTIM_RATE` requests a second on one connection, and measure each.

    While a response is late, no other request is sent, as a person or a program would wait for it. Every latency
    counts, whatever the status.
    """
    latencies = Latencies()
    connection = Connection(port, _VICTIM)
    due = time.perf_counter()
    end = due + seconds
    while due < end:
        time.sleep(max(0.0, due - time.perf_counter()))
        connection.send(next(requests))
        try:
            while (status := connection.receive()) is None:
                pass
        except (ConnectionClosedError, TimeoutError):
            status = b"none"
        now = time.perf_counter()
        latencies.milliseconds.append(1000 * (now - connection.started))
        if status != b"200":
            latencies.others[status.decode()] = latencies.others.get(status.decode(), 0) + 1
        if status == b"none" or connection.closing:
            connection.socket.close()
            connection = Connection(port, _VICTIM)
        due = max(due + 1 / VICTIM_RATE, now)
    connection.socket.close()
    return latencies


class Attacker:
    """A process that floods a service from a new address in each round, so that no limit is used up before.

    Parameters
    ----------
    connections : int
        Number of keep-alive connections.
    """

    def __init__(self, connections: int) -> None:
        self._connections = connections
        self._pool = ProcessPoolExecutor(1, get_context("spawn"), os.nice, (_NICENESS,))

    def prepare(self, kind: str, target: Target, number: int) -> None:
        """Start the process if necessary, and build the requests of a flood in its memory."""
        self._pool.submit(_prepare, kind, target, number).result()

    def start(self, port: int, number: int, seconds: float) -> Future[Responses]:
        """Start the prepared flood against a port."""
        source = f"127.1.{number >> 8 & 255}.{number & 255}"
        return self._pool.submit(_attack, port, source, self._connections, seconds)

    def close(self) -> None:
        """End the process."""
        self._pool.shutdown()


_prepared: list[Iterator[bytes]] = []


def _prepare(kind: str, target: Target, number: int) -> None:
    _prepared[:] = [requests_of(kind, target, number)]


def _attack(port: int, source: str, connections: int, seconds: float) -> Responses:
    return generate_load(port, _prepared[0], connections, seconds, source)
