"""Host names: the names of HOST_NAME and of the machine itself are answered, all others get 421."""

from __future__ import annotations

import itertools
import os
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.nginx.conftest import PROBLEM, ask
from tools import live

# upper case, a name that is always answered, and a long one
HOST_NAME = f"eco.example.org,WWW.example.org,localhost,{'a.' * 100}example"


@pytest.fixture(scope="module")
def named(environ: dict[str, str], workroom: Path) -> Iterator[live.Front]:
    """nginx and the application with the same host names, as compose starts them."""
    with (
        live.serving(environ, ALLOWED_HOSTS="eco.example.org,www.example.org,app") as site,
        live.nginx(
            workroom / "nginx-named",
            site.program.port,
            host_name=HOST_NAME,
        ) as program,
    ):
        yield program


@pytest.mark.parametrize(
    "host", ["eco.example.org", "ECO.example.org:8501", "www.example.org", "localhost", "127.0.0.1:1", "[::1]:8501"]
)
def test_published_names_are_answered(named: live.Front, host: str, caller: str) -> None:
    for port, path in ((named.port, "/"), (named.api, "/api/v1/species"), (named.port, "/health/live")):
        assert ask(port, path, headers={"Host": host}, caller=caller).status == 200, path
    assert ask(named.port, "/static/css/base.css", headers={"Host": host}, caller=caller).status == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8501",
        "eco.example.org.evil.example",
        "xeco.example.org",
        "10.0.0.7",
        "app",
        "_",
    ],
)
def test_other_names_get_421(named: live.Front, host: str, caller: str) -> None:
    paths = ("/", "/species", "/api/v1/species", "/openapi.json", "/health/live", "/health/ready", "/metrics")
    for port, path in itertools.product((named.port, named.api), (*paths, "/static/css/base.css", "/docs")):
        answer = ask(port, path, headers={"Host": host, "Accept": "application/json"}, caller=caller)
        assert (answer.status, answer.headers["content-type"]) == (421, PROBLEM), path
        assert (answer.json["status"], answer.json["title"]) == (421, "Misdirected Request")
        assert "access-control-allow-origin" not in answer.headers
    page = ask(named.port, "/", headers={"Host": host, "Accept": "text/html"}, caller=caller)
    assert page.status == 421
    assert b"<h1>Misdirected Request</h1>" in page.body


def test_other_names_get_421_over_tls(named: live.Front, openssl: str) -> None:
    trust = ssl.create_default_context(cafile=str(named.folder / "etc" / "tls" / "fullchain.pem"))
    assert ask(named.tls, "/", headers={"Host": "eco.example.org"}, trust=trust).status == 200
    assert ask(named.tls, "/", headers={"Host": "evil.example"}, trust=trust).status == 421


def _send(port: int, text: str, caller: str) -> bytes:
    with socket.create_connection(("127.0.0.1", port), 5, source_address=(caller, 0)) as link:
        link.sendall(text.encode())
        return b"".join(iter(lambda: link.recv(65536), b""))


@pytest.mark.parametrize(
    "request_head",
    [
        "GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        # nginx chooses by the address, and the application refuses the header
        "GET http://localhost/ HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
        "GET /species HTTP/1.0\r\n\r\n",
    ],
)
def test_a_name_in_the_address_or_none_at_all(named: live.Front, request_head: str, caller: str) -> None:
    assert b" 421 " in _send(named.port, request_head, caller).split(b"\r\n", 1)[0]


def test_redirects_contain_no_host_name(named: live.Front) -> None:
    # the first is nginx's own, the others the application's
    for path, target in (
        ("/static/css", "/static/css/"),
        ("/api/v1//species?q=a", "/api/v1/species?q=a"),
        ("/docs/assets//swagger-ui.css", "/docs/assets/swagger-ui.css"),
    ):
        answer = ask(named.port, path, headers={"Host": "eco.example.org"})
        assert answer.status in (301, 308), path
        assert answer.headers["location"] == target
        assert b"example.org" not in answer.body


@pytest.mark.parametrize("name", ["eco example;", "a;return 200", "~.*", "*", "$host", "eco.example/x"])
def test_a_name_that_is_none_stops_the_start(tmp_path: Path, name: str) -> None:
    script = tmp_path / "start.sh"
    script.write_text((live.PROJECT / "nginx" / "start.sh").read_text().replace("/run/nginx", str(tmp_path / "run")))
    done = subprocess.run(
        ["sh", script],
        env={"PATH": os.environ["PATH"], "HOST_NAME": name},
        capture_output=True,
        text=True,
        check=False,
        timeout=10,
    )
    assert done.returncode == 2
    assert "which is not a host name" in done.stderr
    assert not (tmp_path / "run" / "hosts.conf").exists()
