"""Clients that announce a body and are silent: they get an answer, and do not block a real gunicorn."""

from __future__ import annotations

import contextlib
import socket
import time
from pathlib import Path

import pytest

from tests.services.conftest import predict
from tests.services.test_gunicorn import UNFINISHED
from tests.variants import thorough
from tools import live


@pytest.fixture(scope="module")
def environ(workroom: Path, prepared: Path) -> dict[str, str]:
    return live.copy_site(prepared, workroom / "silent")


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("PUT /api/v1/studies/none/files/h.csv", 413),
        thorough("POST /api/v1/predictions", 413),
        thorough("POST /api/v1/none", 404),
    ],
)
def test_silent_clients_with_large_bodies_do_not_block_the_server(
    environ: dict[str, str], head: str, status: int
) -> None:
    request = f"{head} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99999999999"
    with live.serving(environ, ENVIRONMENT="development") as site, contextlib.ExitStack() as links:
        connections = [
            links.enter_context(socket.create_connection(("127.0.0.1", site.program.port), 20)) for _ in range(12)
        ]
        for connection in connections:
            connection.sendall(f"{request}\r\n\r\n{{".encode())
        first = connections[0].recv(65536)
        assert int(first.split()[1]) == status
        assert predict(site.url).status == 200
        for connection in connections:
            # the server ends the connection, although the client goes on byte by byte
            until = time.monotonic() + 30
            with contextlib.suppress(OSError):
                connection.settimeout(0.2)
                while time.monotonic() < until:
                    connection.sendall(b" ")
                    with contextlib.suppress(TimeoutError):
                        if not connection.recv(65536):
                            break
            assert time.monotonic() < until


def test_a_silent_client_with_a_small_body_is_given_up(environ: dict[str, str]) -> None:
    with live.serving(environ) as site, socket.create_connection(("127.0.0.1", site.program.port), 20) as connection:
        connection.sendall(UNFINISHED)
        assert connection.recv(65536).startswith(b"HTTP/1.1 400 ")
