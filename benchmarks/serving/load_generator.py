"""The load generator: keep-alive connections that each send the next request after the previous response.

It is a process of its own, controlled over standard input, so that its CPU time is not counted for a server. It reads
only the status and the length of a response, because it shares the cores with the servers.
"""

from __future__ import annotations

import json
import select
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from itertools import islice

from benchmarks.serving.workload import Workload

_TIMEOUT_S = 30.0


@dataclass
class Responses:
    """The responses of one round.

    Attributes
    ----------
    answers : int
        Responses with status 200, including those after the end of the round.
    in_time : int
        Responses with status 200 before the end of the round.
    seconds : float
        Length of the round.
    latencies : list of float
        Milliseconds from request to complete response, for those in time.
    others : dict of str to int
        Number of responses by other status.
    broken : list of str
        Connections that the server closed while a response was expected. Each was opened again for the next request.
    """

    answers: int = 0
    in_time: int = 0
    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    others: dict[str, int] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)


class ConnectionClosedError(ConnectionError):
    """The server closed a connection while a response was expected."""


class _Connection:
    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=_TIMEOUT_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.started = 0.0
        self.buffer = b""
        self.length = -1
        self.answered = 0

    def send(self, request: bytes) -> None:
        self.started = time.perf_counter()
        self.socket.sendall(request)

    def receive(self) -> bytes | None:
        """Read what is available; return the status when the response is complete."""
        part = self.socket.recv(262144)
        if not part:
            seconds = time.perf_counter() - self.started
            raise ConnectionClosedError(
                f"after {self.answered} responses and {seconds:.3f} s, with {len(self.buffer)} bytes of the next one"
            )
        self.buffer = self.buffer + part if self.buffer else part
        if self.length < 0:
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                return None
            head = self.buffer[:end].lower() + b"\r\n"
            at = head.find(b"\r\ncontent-length:")
            if at < 0:
                raise ConnectionError(f"a response without a length: {head[:200]!r}")
            self.length = end + 4 + int(head[at + 17 : head.index(b"\r\n", at + 2)])
        if len(self.buffer) < self.length:
            return None
        status, self.buffer, self.length = self.buffer[9:12], b"", -1
        self.answered += 1
        return status


def generate_load(port: int, requests: Iterator[bytes], connections: int, seconds: float) -> Responses:
    """Send requests for some time, then wait for the outstanding responses.

    Parameters
    ----------
    port : int
        Loopback port of the server.
    requests : iterator of bytes
        Complete HTTP requests; there must be enough of them.
    connections : int
    seconds : float

    Raises
    ------
    ConnectionError
        No response came for 30 s, or a response is malformed.
    """
    responses = Responses()
    poll = select.epoll()
    opened = {one.socket.fileno(): one for one in (_Connection(port) for _ in range(connections))}
    for number in opened:
        poll.register(number, select.EPOLLIN)
    end = time.perf_counter() + seconds
    for one in opened.values():
        one.send(next(requests))
    outstanding = len(opened)
    while outstanding:
        ready = poll.poll(_TIMEOUT_S)
        if not ready:
            raise ConnectionError(f"{outstanding} requests without a response for {_TIMEOUT_S:.0f} s")
        for number, _ in ready:
            one = opened[number]
            try:
                status = one.receive()
            except ConnectionClosedError as error:
                responses.broken.append(str(error))
                poll.unregister(number)
                one = _Connection(port)
                opened[one.socket.fileno()] = one
                poll.register(one.socket.fileno(), select.EPOLLIN)
                status = b""
            if status is None:
                continue
            now = time.perf_counter()
            if status == b"200":
                responses.answers += 1
                if now <= end:
                    responses.in_time += 1
                    responses.latencies.append(1000 * (now - one.started))
            elif status:
                responses.others[status.decode()] = responses.others.get(status.decode(), 0) + 1
            if now < end:
                one.send(next(requests))
            else:
                outstanding -= 1
    responses.seconds = seconds
    for one in opened.values():
        one.socket.close()
    poll.close()
    return responses


def _main() -> None:
    """Read one JSON object for each round and write one."""
    round_of: tuple[float, int] | None = None
    requests: list[bytes] = []
    for line in sys.stdin:
        order = json.loads(line)
        if round_of != (order["repeated"], order["round"]):
            round_of = (order["repeated"], order["round"])
            workload = Workload(order["fields"], order["species"], order["n_addresses"])
            requests = list(islice(workload.requests(*round_of), order["at_most"]))
        reply: dict[str, object] = {}
        try:
            if order["connections"]:
                reply = asdict(generate_load(order["port"], iter(requests), order["connections"], order["seconds"]))
        except StopIteration:
            reply = {"error": "more responses than requests"}
        except OSError as error:
            reply = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(reply), flush=True)


if __name__ == "__main__":
    _main()
