"""Client addresses and upstreams: forged headers, limits for each client, an application that moves."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.services.conftest import predict
from tests.services.nginx.conftest import CALLERS, ask
from tools import live


def test_callers_behind_nginx_are_counted_one_by_one(environ: dict[str, str], workroom: Path) -> None:
    with (
        live.serving(environ, RATE_LIMIT="4/hour", WEB_CONCURRENCY="1") as site,
        live.nginx(workroom / "nginx-callers", site.program.port) as front,
    ):
        one, other = next(CALLERS), next(CALLERS)
        statuses = [ask(front.port, "/api/v1/species", caller=one).status for _ in range(6)]
        assert statuses == [200] * 4 + [429] * 2
        for name in ("X-Forwarded-For", "X-Real-IP", "Forwarded"):
            assert ask(front.port, "/api/v1/species", headers={name: "10.9.8.7"}, caller=one).status == 429
        limited = ask(front.port, "/api/v1/species", caller=one)
        assert limited.headers["ratelimit-limit"] == "4"
        assert ask(front.port, "/api/v1/species", caller=other).status == 200


def test_behind_a_load_balancer_the_last_address_that_is_not_its_own_counts(
    environ: dict[str, str], workroom: Path
) -> None:
    """With the file of kubernetes/, where the balancer has an address of 127.0.0.0/8 here."""
    trusted = (live.PROJECT / "kubernetes" / "overlays" / "production" / "trusted.conf").read_text()
    changes = [((live.PROJECT / "nginx" / "trusted.conf").read_text(), trusted.replace("10.0.0.0/8", "127.0.0.0/8"))]
    with (
        live.serving(environ, RATE_LIMIT="4/hour", WEB_CONCURRENCY="1", TRUSTED_PROXIES="1") as site,
        live.nginx(workroom / "nginx-balanced", site.program.port, changes=changes) as front,
    ):

        def status(forwarded: str) -> int:
            headers = {"X-Forwarded-For": forwarded}
            return ask(front.port, "/api/v1/species", headers=headers, caller=next(CALLERS)).status

        assert [status("203.0.113.7") for _ in range(5)] == [200] * 4 + [429]
        # what a client sends stands before what the balancer adds
        assert status("198.51.100.1, 203.0.113.7") == 429
        assert status("203.0.113.7, 198.51.100.1") == 200


def test_no_header_of_a_caller_pretends_another_road(front: live.Front) -> None:
    for name, value in (
        ("X-Forwarded-Ssl", "on"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "evil.example"),
    ):
        answer = ask(front.port, "/openapi.json", headers={name: value})
        assert answer.status == 200, name
        assert b"evil.example" not in answer.body


def test_an_instance_that_is_gone_costs_no_request(site: live.Site, workroom: Path) -> None:
    with live.nginx(workroom / "nginx-two", [live.free_port(), site.program.port]) as front:
        answers = [predict(f"http://127.0.0.1:{front.port}", temperature=turn) for turn in range(40)]
    assert [answer.status for answer in answers] == [200] * 40


@dataclass
class NameServer:
    """Answers every question with one address, which can change, as when a container is made anew."""

    address: str
    link: socket.socket = field(default_factory=lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))

    def __post_init__(self) -> None:
        self.link.bind(("127.0.0.1", 0))
        self.port = int(self.link.getsockname()[1])

    def serve(self) -> None:
        """Until something that is no question comes."""
        while True:
            question, sender = self.link.recvfrom(512)
            if len(question) < 12:
                return
            end = question.index(b"\0", 12) + 5
            # an answer with one record: the name asked for, address, internet, for a second
            head = question[:2] + struct.pack(">5H", 0x8180, 1, 1, 0, 0)
            record = struct.pack(">3HIH", 0xC00C, 1, 1, 1, 4) + socket.inet_aton(self.address)
            self.link.sendto(head + question[12:end] + record, sender)


@pytest.fixture
def names() -> Iterator[NameServer]:
    server = NameServer("127.0.0.2")
    thread = threading.Thread(target=server.serve)
    thread.start()
    yield server
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
        last.sendto(b"", ("127.0.0.1", server.port))
    thread.join(5)
    server.link.close()


def test_an_application_that_moves_is_found_again(site: live.Site, workroom: Path, names: NameServer) -> None:
    with live.nginx(workroom / "nginx-names", site.program.port, name_server=names.port) as front:
        # gunicorn is not at this address
        assert ask(front.port, "/health/live").status == 503
        names.address = "127.0.0.1"
        live.wait_until(lambda: ask(front.port, "/health/live").status == 200, 10, "the new address")
