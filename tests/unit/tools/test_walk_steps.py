"""The steps of the walk under load, with a server that stands for the set-up."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import cast

import pytest

from tools.containers import engine, loaded
from tools.containers.engine import WalkError
from tools.containers.stack import Stack


class _Site:
    """What the walk uses of a set-up: answers, their rows, containers."""

    def __init__(self) -> None:
        self.rows: list[str] = []
        self.status = 200
        self.marked = True
        self.front = "nginx-1"
        self.counts = {"web-1": 0, "web-2": 0}
        self.certificates = itertools.count()
        self.pages = 0
        self.environ: dict[str, str] = {}

    # what upgrades and replacements do, as a test sets it
    def upgrade(self) -> str:
        self.marked = False
        return ""

    def up(self, *_: str) -> None:
        self.front = "nginx-2"

    def scale(self, service: str, count: int) -> None:
        pass

    def make_certificate(self) -> None:
        next(self.certificates)

    def execute(self, *_: str) -> str:
        return ""

    def container(self, service: str) -> str:
        return self.front

    def containers(self, service: str) -> list[str]:
        return list(self.counts)

    def is_healthy(self, service: str) -> bool:
        return True

    def sql(self, statement: str) -> str:
        return str(len(self.rows)) if "count" in statement else "\n".join(self.rows)

    def answer(self) -> str:
        self.rows.append(f"id-{len(self.rows)}")
        return self.rows[-1]


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[_Site]:
    site = _Site()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            body = json.dumps({"id": site.answer()}).encode() if site.status == 200 else b""
            self._send(site.status, body)

        def do_GET(self) -> None:
            self._send((204 if self.path == engine.MARKS[0] else 200) if site.marked else 404, b"")

        def _send(self, status: int, body: bytes) -> None:
            self.send_response(status)
            if status != 204:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    # a walk waits for seconds between its steps
    monkeypatch.setattr(
        loaded, "time", SimpleNamespace(sleep=lambda seconds: time.sleep(seconds / 20), monotonic=time.monotonic)
    )
    monkeypatch.setattr(loaded, "use", lambda tag: None)
    monkeypatch.setattr(engine, "build_other_nginx", lambda: "nginx:other")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        site.pages = server.server_address[1]
        yield site
        server.shutdown()
        thread.join()


def _stack(site: _Site) -> Stack:
    return cast(Stack, site)


def test_an_upgrade_replaces_what_nginx_reads(site: _Site) -> None:
    line = loaded.upgrade(_stack(site), "new")
    assert f"{len(site.rows)} requests, 0 failed" in line
    assert line.endswith(f"{len(site.rows)} answers, {len(site.rows)} rows")


def test_an_upgrade_that_leaves_the_files_of_nginx_fails(site: _Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site, "upgrade", lambda: "")
    with pytest.raises(WalkError, match=r"/walk, /static/walk.txt: \[204, 200\], not \[404, 404\]"):
        loaded.upgrade(_stack(site), "new")


def test_an_upgrade_with_a_failed_request_fails(site: _Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        site.status = 504
        time.sleep(0.3)
        site.status, site.marked = 200, False

    monkeypatch.setattr(site, "upgrade", fail)
    with pytest.raises(WalkError, match=r"requests failed: .* failed \{'504': \d+\}"):
        loaded.upgrade(_stack(site), "new")


def test_an_upgrade_that_replaces_nginx_fails(site: _Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def replace() -> None:
        site.marked, site.front = False, "nginx-2"

    monkeypatch.setattr(site, "upgrade", replace)
    with pytest.raises(WalkError, match="the container of nginx was replaced"):
        loaded.upgrade(_stack(site), "new")


def test_another_nginx_is_asked_for_by_its_image(site: _Site) -> None:
    line = loaded.replace_nginx(_stack(site))
    assert site.environ == {"NGINX_IMAGE": "nginx:other"}
    assert line.endswith("rows, 0 of requests that had to be repeated")


def test_an_nginx_that_stays_fails(site: _Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site, "up", lambda *_: None)
    with pytest.raises(WalkError, match="the container of nginx was not replaced"):
        loaded.replace_nginx(_stack(site))


def test_two_containers_share_the_answers(site: _Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(container: str, program: str) -> object:
        if "metrics" not in program:
            return [0.5]
        half = len(site.rows) // 2
        return half if container == "web-1" else len(site.rows) - half

    monkeypatch.setattr(loaded, "_asked", asked)
    assert "answers by container [" in loaded.scale(_stack(site))


@pytest.mark.parametrize(("idle", "reason"), [(True, r"answers by container: \[0, "), (False, "different answers")])
def test_a_container_that_does_nothing_or_something_else_fails(
    idle: bool, reason: str, site: _Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(container: str, program: str) -> object:
        if "metrics" not in program:
            return container
        share = 0 if idle else len(site.rows) // 2
        return share if container == "web-1" else len(site.rows) - share

    monkeypatch.setattr(loaded, "_asked", asked)
    with pytest.raises(WalkError, match=reason):
        loaded.scale(_stack(site))


def test_nginx_shows_a_new_certificate(site: _Site, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = itertools.count()
    monkeypatch.setattr(loaded, "_fingerprint", lambda stack: str(next(shown)))
    assert loaded.renew_certificate(_stack(site)).startswith("new certificate 0.0 s after the reload; ")
    assert next(site.certificates) == 1
