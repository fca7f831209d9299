"""Uploads through nginx: not limited like other bodies, not stored by nginx, a few of one address at a time."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.nginx.conftest import CALLERS, PROBLEM, ask
from tools import live

BLOCK = bytes(range(256)) * 256
SIZE = 40 * 1024 * 1024


@pytest.fixture
def study(front: live.Front) -> Iterator[str]:
    headers = {"Content-Type": "application/json"}
    answer = ask(front.port, "/api/v1/studies", "POST", headers=headers, body=b'{"title": "Behind nginx"}')
    assert answer.status == 201, answer.body
    yield answer.headers["location"]
    assert ask(front.port, answer.headers["location"], "DELETE").status == 200


def put(port: int, address: str, size: int, headers: dict[str, str]) -> tuple[int, bytes, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    with contextlib.closing(connection):
        chunked = "Transfer-Encoding" in headers
        body = (BLOCK for _ in range(size // len(BLOCK)))
        connection.request("PUT", address, body, headers, encode_chunked=chunked)
        response = connection.getresponse()
        return response.status, response.read(), response.headers["Content-Type"]


@pytest.mark.parametrize("port", ["port", "api"])
@pytest.mark.parametrize("headers", [{"Content-Length": str(SIZE)}, {"Transfer-Encoding": "chunked"}])
def test_a_large_file(front: live.Front, site: live.Site, study: str, port: str, headers: dict[str, str]) -> None:
    status, body, _ = put(getattr(front, port), f"{study}/files/large.bin", SIZE, headers)
    assert status == 201, body
    (path,) = (site.data_dir / "studies").glob("*/files/large.bin")
    assert path.stat().st_size == SIZE
    assert hashlib.sha256(path.read_bytes()).hexdigest().encode() in body


def test_the_application_has_what_arrived_while_the_rest_is_under_way(
    front: live.Front, site: live.Site, study: str
) -> None:
    head = f"PUT {study}/files/slow.bin HTTP/1.1\r\nHost: localhost\r\nContent-Length: {SIZE}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", front.port), 20) as link:
        link.sendall(head.encode() + BLOCK * 40)
        parts = site.data_dir / "studies"
        live.wait_until(
            lambda: sum(part.stat().st_size for part in parts.glob("*/parts/*.part")) > 2_000_000, 20, "a part"
        )
        assert list((front.folder / "client_body").rglob("*")) == []


def test_other_addresses_keep_their_limit(front: live.Front) -> None:
    for address in ("/api/v1/studies", "/api/v1/studies/a/filesystem", "/studies/a/title", "/species"):
        status, _, kind = put(front.port, address, 3 * 1024 * 1024, {"Content-Length": str(3 * 1024 * 1024)})
        assert status == 413, address
        assert kind.startswith(("text/html", PROBLEM))


@pytest.fixture
def patient() -> Iterator[int]:
    """The port of an application that answers GET requests and waits for the end of all others."""

    def answer(link: socket.socket) -> None:
        if link.recv(65536).startswith(b"GET"):
            link.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")

    def serve() -> None:
        # the end of the test closes the server
        with contextlib.suppress(OSError):
            while True:
                links.append(server.accept()[0])
                threading.Thread(target=answer, args=(links[-1],), daemon=True).start()

    links: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        for link in links:
            link.close()


def test_one_address_has_few_uploads_at_a_time(patient: int, workroom: Path) -> None:
    caller, address = next(CALLERS), "/api/v1/studies/a/files"
    head = f"PUT {address}/%d.bin HTTP/1.1\r\nHost: localhost\r\nContent-Length: {SIZE}\r\n\r\n"
    with live.nginx(workroom / "nginx-few", patient) as front, contextlib.ExitStack() as stack:
        opened: list[int] = []

        def is_full() -> bool:
            """Open another upload, because one may have been lost, and tell whether the next request is refused."""
            link = socket.create_connection(("127.0.0.1", front.port), 20, source_address=(caller, 0))
            stack.enter_context(link).sendall((head % len(opened)).encode() + b"x")
            opened.append(len(opened))
            return ask(front.port, address, caller=caller).status == 429

        live.wait_until(is_full, 20, "an upload is refused")
        assert 4 <= len(opened) <= 8
        # other requests of the address, and uploads of others, are served
        assert ask(front.port, "/api/v1/studies", caller=caller).status == 200
        assert ask(front.port, address).status == 200
