"""The load generator: keep-alive connections that each send the next request after the previous response.

It is a process of its own, controlled over standard input, so that its CPU time is not counted for a server. It reads
only the status and the length of a response, because it shares the cores with the servers.
"""

from __future__ import annotations

import contextlib
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
    largest : dict of str to int
        Bytes of the largest response of each status, with its head.
    """

    answers: int = 0
    in_time: int = 0
    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    others: dict[str, int] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    largest: dict[str, int] = field(default_factory=dict)


class ConnectionClosedError(ConnectionError):
    """The server closed a connection while a response was expected."""


class Connection:
    """A keep-alive connection with at most one outstanding request.

    Parameters
    ----------
    port : int
        Loopback port of the server.
    source : str
        The address of the client: on Linux any in 127.0.0.0/8; chosen by the system when empty.
    """

    def __init__(self, port: int, source: str = "") -> None:
        address = (source, 0) if source else None
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=_TIMEOUT_S, source_address=address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.started = 0.0
        self.size = 0
        self.closing = False
        self._answered = 0
        self._head = b""
        self._status = b""
        # bytes of the body that have not arrived; None for a body in chunks
        self._left: int | None = 0
        self._tail = b""

    def send(self, request: bytes) -> None:
        """Send a request."""
        self.started = time.perf_counter()
        self.size = 0
        # receive() reports that the server has closed the connection
        with contextlib.suppress(ConnectionError):
            self.socket.sendall(request)

    def receive(self) -> bytes | None:
        """Read what is available; return the status when the response is complete.

        Raises
        ------
        ConnectionClosedError
        ConnectionError
            The response is malformed.
        """
        part = self._receive_part()
        if not self._status:
            self._head += part
            end = self._head.find(b"\r\n\r\n")
            if end < 0:
                return None
            self._read_head(self._head[:end].lower() + b"\r\n")
            part, self._head = self._head[end + 4 :], b""
        if self._left is None:
            self._tail = (self._tail + part)[-7:]
            complete = self._tail.endswith(b"\r\n0\r\n\r\n")
        else:
            self._left -= len(part)
            complete = self._left <= 0
        if not complete:
            return None
        status, self._status = self._status, b""
        self._answered += 1
        return status

    def _receive_part(self) -> bytes:
        with contextlib.suppress(ConnectionResetError):
            part = self.socket.recv(262144)
            if part:
                self.size += len(part)
                return part
        seconds = time.perf_counter() - self.started
        raise ConnectionClosedError(
            f"after {self._answered} responses and {seconds:.3f} s, with {len(self._head)} bytes of the next one"
        )

    def _read_head(self, head: bytes) -> None:
        """Read the status and the length of the body from a head in small letters."""
        self._status, self._tail = head[9:12], b"\r\n"
        self.closing = b"\r\nconnection: close\r\n" in head
        at = head.find(b"\r\ncontent-length:")
        if self._status in (b"204", b"304"):
            self._left = 0
        elif at >= 0:
            self._left = int(head[at + 17 : head.index(b"\r\n", at + 2)])
        elif b"\r\ntransfer-encoding: chunked\r\n" in head:
            self._left = None
        else:
            raise ConnectionError(f"a response without a length: {head[:200]!r}")


def generate_load(
    port: int, requests: Iterator[bytes], connections: int, seconds: float, source: str = ""
) -> Responses:
    """Send requests for some time, then wait for the outstanding responses.

    Parameters
    ----------
    port : int
        Loopback port of the server.
    requests : iterator of bytes
        Complete HTTP requests; there must be enough of them.
    connections : int
    seconds : float
    source : str
        The address of the client; chosen by the system when empty.

    Raises
    ------
    ConnectionError
        No response came for 30 s, or a response is malformed.
    """
    responses = Responses()
    poll = select.epoll()
    opened = {one.socket.fileno(): one for one in (Connection(port, source) for _ in range(connections))}
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
                status = b""
            if status is None:
                continue
            now = time.perf_counter()
            if status:
                key = status.decode()
                responses.largest[key] = max(responses.largest.get(key, 0), one.size)
            if status == b"200":
                responses.answers += 1
                if now <= end:
                    responses.in_time += 1
                    responses.latencies.append(1000 * (now - one.started))
            elif status:
                responses.others[key] = responses.others.get(key, 0) + 1
            if one.closing or not status:
                poll.unregister(number)
                one.socket.close()
                del opened[number]
                replacement = Connection(port, source)
                opened[replacement.socket.fileno()] = one = replacement
                poll.register(one.socket.fileno(), select.EPOLLIN)
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
