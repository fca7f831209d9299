"""nginx from the wheel with the shipped configuration, with an application behind it and without."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.services.conftest import Answer
from tools import live

# callers are told apart by address, and Linux answers on all of 127.0.0.0/8: each test floods from one of its own
CALLERS = (f"127.0.1.{number}" for number in itertools.count(1))
PROBLEM = "application/problem+json"


def ask(
    port: int,
    path: str = "/",
    method: str = "GET",
    *,
    headers: dict[str, str] | None = None,
    body: bytes | None = None,
    caller: str = "127.0.0.1",
    trust: ssl.SSLContext | None = None,
) -> Answer:
    """One request with exactly these headers, from this address, over TLS when there is something to trust."""
    given = {"timeout": 20, "source_address": (caller, 0)}
    if trust is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, **given)
    else:
        connection = http.client.HTTPSConnection("127.0.0.1", port, context=trust, **given)
    with contextlib.closing(connection):
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        names = {name.lower() for name, _ in response.getheaders()}
        return Answer(
            response.status, response.read(), {name: ", ".join(response.headers.get_all(name, [])) for name in names}
        )


@contextlib.contextmanager
def slow_body(port: int, caller: str) -> Iterator[socket.socket]:
    """A request whose body never comes whole."""
    with socket.create_connection(("127.0.0.1", port), 10, source_address=(caller, 0)) as link:
        head = "POST /api/v1/predictions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json"
        link.sendall(head.encode() + b'\r\nContent-Length: 100\r\n\r\n{"spec')
        yield link


def workers(site: live.Site) -> set[int]:
    return {child.pid for child in psutil.Process(site.program.process.pid).children()}


@pytest.fixture(scope="package")
def environ(workroom: Path, prepared: Path) -> dict[str, str]:
    return live.copy_site(prepared, workroom / "behind-nginx", TRUSTED_PROXIES="1")


@pytest.fixture(scope="package")
def site(environ: dict[str, str]) -> Iterator[live.Site]:
    with live.serving(environ) as running:
        yield running


@pytest.fixture(scope="package")
def front(site: live.Site, workroom: Path) -> Iterator[live.Front]:
    with live.nginx(workroom / "nginx", site.program.port) as program:
        yield program


@pytest.fixture(scope="package")
def url(front: live.Front) -> str:
    return f"http://127.0.0.1:{front.port}"


@pytest.fixture(scope="package")
def alone(workroom: Path) -> Iterator[live.Front]:
    """An nginx behind which nobody is, so that what it answers is its own."""
    with live.nginx(workroom / "nginx-alone", live.free_port()) as program:
        yield program


@pytest.fixture
def caller() -> str:
    return next(CALLERS)
