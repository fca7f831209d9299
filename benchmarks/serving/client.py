"""The caller: keep-alive connections that each ask the next question when they have their answer.

A process of its own, told over standard input what to do, so that its work is in no server's CPU time. It reads no more
of an answer than its status and length: every microsecond it takes is one the servers on the same cores do not have.
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

from benchmarks.serving.questions import Questions

_PATIENCE_S = 30.0


@dataclass
class Heard:
    """What came back in one round.

    Attributes
    ----------
    answers : int
        Answers with status 200, those that came after the time was up included.
    in_time : int
        Answers with status 200 that came within it.
    seconds : float
        How long it was.
    latencies : list of float
        Milliseconds from asking to the whole answer, of those in time.
    others : dict of str to int
        Other statuses, counted.
    broken : list of str
        Connections that the server closed with a question under way; each was opened anew and asked the next one.
    """

    answers: int = 0
    in_time: int = 0
    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    others: dict[str, int] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)


class Closed(ConnectionError):
    """The server closed a connection that had a question under way."""


class _Connection:
    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.began = 0.0
        self.got = b""
        self.wanted = -1
        self.answered = 0

    def ask(self, request: bytes) -> None:
        self.began = time.perf_counter()
        self.socket.sendall(request)

    def hear(self) -> bytes | None:
        """Return the status when the answer is whole."""
        part = self.socket.recv(262144)
        if not part:
            took = time.perf_counter() - self.began
            what = f"after {self.answered} answers and {took:.3f} s, {len(self.got)} bytes of this one there"
            raise Closed(what)
        self.got = self.got + part if self.got else part
        if self.wanted < 0:
            end = self.got.find(b"\r\n\r\n")
            if end < 0:
                return None
            head = self.got[:end].lower() + b"\r\n"
            at = head.find(b"\r\ncontent-length:")
            if at < 0:
                raise ConnectionError(f"an answer without a length: {head[:200]!r}")
            self.wanted = end + 4 + int(head[at + 17 : head.index(b"\r\n", at + 2)])
        if len(self.got) < self.wanted:
            return None
        status, self.got, self.wanted = self.got[9:12], b"", -1
        self.answered += 1
        return status


def ask_for(port: int, requests: Iterator[bytes], connections: int, seconds: float) -> Heard:
    """Ask for some time, then wait for what is under way.

    Parameters
    ----------
    port : int
        On loopback.
    requests : iterator of bytes
        Complete requests; there must be enough of them.
    connections : int
    seconds : float

    Raises
    ------
    ConnectionError
        The server closed a connection or sent what is no answer.
    """
    heard = Heard()
    poll = select.epoll()
    opened = {one.socket.fileno(): one for one in (_Connection(port) for _ in range(connections))}
    for number in opened:
        poll.register(number, select.EPOLLIN)
    began = time.perf_counter()
    end = began + seconds
    for one in opened.values():
        one.ask(next(requests))
    waiting = len(opened)
    while waiting:
        ready = poll.poll(_PATIENCE_S)
        if not ready:
            raise ConnectionError(f"{waiting} questions without an answer for {_PATIENCE_S:.0f} s")
        for number, _ in ready:
            one = opened[number]
            try:
                status = one.hear()
            except Closed as error:
                heard.broken.append(str(error))
                poll.unregister(number)
                one = _Connection(port)
                opened[one.socket.fileno()] = one
                poll.register(one.socket.fileno(), select.EPOLLIN)
                status = b""
            if status is None:
                continue
            now = time.perf_counter()
            if status == b"200":
                heard.answers += 1
                if now <= end:
                    heard.in_time += 1
                    heard.latencies.append(1000 * (now - one.began))
            elif status:
                heard.others[status.decode()] = heard.others.get(status.decode(), 0) + 1
            if now < end:
                one.ask(next(requests))
            else:
                waiting -= 1
    heard.seconds = seconds
    for one in opened.values():
        one.socket.close()
    poll.close()
    return heard


def _main() -> None:
    """Take one line of JSON for each round and answer with one."""
    prepared: tuple[object, list[bytes]] = (None, [])
    for line in sys.stdin:
        order = json.loads(line)
        wanted = (order["repeated"], order["round"])
        if prepared[0] != wanted:
            questions = Questions(order["fields"], order["species"], order["callers"])
            prepared = (wanted, list(islice(questions.requests(*wanted), order["at_most"])))
        try:
            if order["connections"]:
                found = ask_for(order["port"], iter(prepared[1]), order["connections"], order["seconds"])
                answer = asdict(found)
            else:
                answer = {}
        except (OSError, StopIteration) as error:
            answer = {"error": f"{type(error).__name__}: {error}" if str(error) else "more answers than questions"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    _main()
