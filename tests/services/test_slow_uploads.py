"""Clients that send their tables byte by byte leave threads for others."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path

import pytest

from tests.services.conftest import ENVIRONMENT, WHEATEAR, call
from tools import live

N_CLIENTS = 8
HEAD = (
    f"POST /api/v1/predictions/batch?species={WHEATEAR} HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/csv\r\n"
    "Content-Length: 500000\r\n\r\ns"
)


def _answer(link: socket.socket) -> bytes:
    """Return what was answered since the last call."""
    link.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        return link.recv(65536)
    return b""


@pytest.mark.parametrize(("environment", "n_waiting"), [("production", 1), ("development", 3)])
def test_other_clients_are_answered(prepared: Path, workroom: Path, environment: str, n_waiting: int) -> None:
    environ = live.copy_site(prepared, workroom / f"slow-{environment}", ENVIRONMENT=environment, WEB_CONCURRENCY="1")
    with live.serving(environ) as site, contextlib.ExitStack() as stack:
        links = [
            stack.enter_context(socket.create_connection(("127.0.0.1", site.program.port), 20))
            for _ in range(N_CLIENTS)
        ]
        for link in links:
            link.sendall(HEAD.encode())
        answers = [b""] * N_CLIENTS

        def n_refused() -> int:
            for number, link in enumerate(links):
                answers[number] += _answer(link)
            # the body may come after the head
            return sum(answer.rstrip().endswith(b"}") for answer in answers)

        live.wait_until(lambda: n_refused() == N_CLIENTS - n_waiting, 20, "all but a few are refused")
        for answer in filter(None, answers):
            assert answer.startswith(b"HTTP/1.1 503 ")
            assert b"retry-after: 5\r\n" in answer.lower()
            assert b"Too many uploads" in answer
        answer = call(f"{site.url}/api/v1/predictions", {"species": WHEATEAR, "environment": ENVIRONMENT})
        assert answer.status == 200, answer.body
        assert call(f"{site.url}/health/ready").status == 200
        # the place of a client that has gone is free again
        for link in links:
            link.close()
        table = ",".join(ENVIRONMENT) + "\n" + ",".join(map(str, ENVIRONMENT.values())) + "\n"

        def is_answered() -> bool:
            head = HEAD.replace("500000", str(len(table))).removesuffix("s")
            with socket.create_connection(("127.0.0.1", site.program.port), 20) as link:
                link.sendall((head + table).encode())
                return link.recv(65536).startswith(b"HTTP/1.1 200 ")

        live.wait_until(is_answered, 20, "a table is answered")
