"""Slow clients do not delay others, and a reload under load fails no request."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from tests.services.conftest import ENVIRONMENT, WHEATEAR, call, predict
from tests.services.nginx.conftest import slow_body, workers
from tools import live


@contextlib.contextmanager
def _half_open(port: int, caller: str) -> Iterator[socket.socket]:
    """A request whose header never comes whole."""
    with socket.create_connection(("127.0.0.1", port), 10, source_address=(caller, 0)) as link:
        link.sendall(b"GET / HTTP/1.1\r\nHo")
        yield link


def _last_words(link: socket.socket) -> bytes:
    try:
        return link.recv(65536)
    except ConnectionResetError:
        return b""


def test_slow_callers_are_dropped_and_hold_up_nobody(site: live.Site, workroom: Path, caller: str) -> None:
    # the times as they ship are ten seconds; nothing else differs
    shorter = [(f"client_{part}_timeout 10s;", f"client_{part}_timeout 2s;") for part in ("header", "body")]
    before = workers(site)
    with (
        live.nginx(workroom / "nginx-slow", site.program.port, changes=shorter) as front,
        contextlib.ExitStack() as held,
    ):
        links = [held.enter_context(slow(front.port, caller)) for slow in (slow_body, _half_open) for _ in range(40)]
        # callers who wait behind the slow ones would get no answer while these are connected
        for _ in range(20):
            assert predict(f"http://127.0.0.1:{front.port}").status == 200
        # either 408 or nothing, and then the end
        assert {_last_words(link)[:12] for link in links} <= {b"", b"HTTP/1.1 408"}
    assert workers(site) == before


@dataclass
class Load:
    """Clients that ask without a pause, and what became of it."""

    port: int
    stop: threading.Event = field(default_factory=threading.Event)
    answered: int = 0
    failures: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def client(self, number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        with contextlib.closing(connection):
            for turn in itertools.count():
                if self.stop.is_set():
                    return
                self._ask(connection, number, turn)
                # now and then longer than nginx keeps an idle connection to gunicorn
                time.sleep(1.05 if turn % 40 == 39 else 0)

    def _ask(self, connection: http.client.HTTPConnection, number: int, turn: int) -> None:
        try:
            if number % 2:
                connection.request("GET", "/api/v1/species?limit=1")
            else:
                changed = {**ENVIRONMENT, "temperature": number + turn % 7}
                body = json.dumps({"species": WHEATEAR, "environment": changed})
                connection.request("POST", "/api/v1/predictions", body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            said = response.read()
            failure = "" if response.status == 200 else f"{response.status} {said[:100]!r}"
        except (OSError, http.client.HTTPException) as error:
            failure = repr(error)
            connection.close()
        with self.lock:
            self.answered += not failure
            if failure:
                self.failures.append(failure)


@pytest.fixture
def faster(site: live.Site, workroom: Path) -> Iterator[live.Front]:
    """nginx without its limit on one address, from which all the load comes."""
    unlimited = [("rate=50r/s", "rate=100000r/s")]
    with live.nginx(workroom / "nginx-reload", site.program.port, changes=unlimited) as program:
        yield program


def test_reloading_under_load_fails_no_request(
    site: live.Site, faster: live.Front, record_summary: Callable[[str, str], None]
) -> None:
    load, scrapes = Load(faster.port), []
    master = site.program.process.pid

    def scrape() -> None:
        while not load.stop.is_set():
            scrapes.append(call(f"{site.url}/metrics").status)
            time.sleep(0.1)

    with ThreadPoolExecutor(9) as pool:
        clients = [pool.submit(load.client, number) for number in range(8)]
        scraper = pool.submit(scrape)
        try:
            for _ in range(3):
                old, answered = workers(site), load.answered
                psutil.Process(master).send_signal(signal.SIGHUP)
                live.wait_until(lambda old=old: _reloaded(site, old), 25, "all workers are new")
                live.wait_until(lambda n=answered: load.answered > n + 50, 25, "the new workers answer")
        finally:
            load.stop.set()
        for future in (*clients, scraper):
            future.result(40)
    record_summary(
        "reload under load",
        f"{load.answered + len(load.failures)} requests through nginx during 3 reloads, {len(load.failures)} failed; "
        f"{len(scrapes)} scrapes, {sum(status != 200 for status in scrapes)} failed",
    )
    assert load.failures == []
    assert load.answered > 150
    assert set(scrapes) == {200}


def _reloaded(site: live.Site, old: set[int]) -> bool:
    now = workers(site)
    return len(now) == 2 and not now & old
