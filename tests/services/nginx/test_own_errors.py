"""Errors that nginx answers itself: no application, too many requests, requests that are too long."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from typing import Any

from tests.services.nginx.conftest import CALLERS, PROBLEM, Answer, ask, slow_body
from tools import live


def test_without_the_application_everybody_is_told_in_his_format(alone: live.Front, caller: str) -> None:
    browser = ask(alone.port, "/species", headers={"Accept": "text/html,*/*"}, caller=caller)
    fragment = ask(alone.port, "/species", headers={"HX-Request": "true"}, caller=caller)
    boosted = ask(alone.port, "/species", headers={"HX-Request": "true", "HX-Boosted": "true"}, caller=caller)
    wants_json = ask(alone.port, "/species", headers={"Accept": "application/json"}, caller=caller)
    program = ask(alone.port, "/api/v1/species?q=%22", caller=caller)
    for answer in (browser, fragment, boosted, wants_json, program):
        assert answer.status == 503
        assert answer.headers["retry-after"] == "5"
        assert answer.headers["cache-control"] == "no-store"
    assert browser.body.startswith(b"<!doctype html>")
    assert b"<h1>Service Unavailable</h1>" in browser.body
    assert "default-src 'none'" in browser.headers["content-security-policy"]
    assert boosted.body.startswith(b"<!doctype html>")
    assert fragment.body.startswith(b"<section")
    for answer, instance in ((wants_json, "/species"), (program, "/api/v1/species")):
        assert answer.headers["content-type"] == PROBLEM
        assert answer.json == {
            "type": "about:blank",
            "title": "Service Unavailable",
            "status": 503,
            "detail": "Part of the service is not available right now. Try again in a moment.",
            "instance": instance,
        }


def test_an_odd_path_cannot_break_the_json(alone: live.Front, caller: str) -> None:
    with socket.create_connection(("127.0.0.1", alone.api), 5, source_address=(caller, 0)) as link:
        link.sendall(b'GET /a"b\\c HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
        head, body = b"".join(iter(lambda: link.recv(65536), b"")).split(b"\r\n\r\n", 1)
    assert b" 404 " in head
    content = body[body.index(b"{") : body.rindex(b"}") + 1]
    assert json.loads(content)["instance"] == "/"


def _refused(front: live.Front, path: str, method: str = "GET", **options: Any) -> Answer:
    """Return a refused request. On a busy machine one more is let through after each fiftieth of a second."""
    for _ in range(300):
        answer = ask(front.port, path, method, **options)
        if answer.status != 503:
            break
    return answer


def test_a_flood_is_answered_429_and_others_are_not(alone: live.Front, caller: str) -> None:
    began = time.monotonic()
    flood = [ask(alone.port, "/api/v1/species", caller=caller).status for _ in range(220)]
    # nobody is behind it, so what is let through is 503
    let_through = flood.count(503)
    assert let_through + flood.count(429) == 220
    assert 100 <= let_through <= 102 + 50 * (time.monotonic() - began)
    refused = _refused(alone, "/api/v1/predictions", "POST", body=b"{}", caller=caller)
    assert (refused.status, refused.headers["content-type"], refused.headers["retry-after"]) == (429, PROBLEM, "1")
    assert refused.json["detail"] == "Too many requests from this address. Wait a moment, then try again."
    page = _refused(alone, "/", headers={"Accept": "text/html"}, caller=caller)
    assert (page.status, page.headers["retry-after"]) == (429, "1")
    assert b"Wait a few seconds and try again" in page.body
    # neither health, nor static files, nor other callers are counted
    assert ask(alone.port, "/health/live", caller=caller).status == 503
    assert ask(alone.port, "/static/css/base.css", caller=caller).status == 200
    assert ask(alone.port, "/api/v1/species", caller=next(CALLERS)).status == 503


def test_one_address_has_only_so_many_requests_under_way(alone: live.Front, caller: str) -> None:
    with contextlib.ExitStack() as held:
        for _ in range(64):
            held.enter_context(slow_body(alone.port, caller))
        live.wait_until(lambda: ask(alone.port, "/", caller=caller).status == 429, 20, "the 65th is refused")
        assert ask(alone.port, "/", caller=next(CALLERS)).status == 503


def test_long_headers_and_addresses(alone: live.Front, caller: str) -> None:
    long = ask(alone.api, "/api/v1/species", headers={"X-Long": "x" * 9000}, caller=caller)
    assert (long.status, long.headers["content-type"]) == (431, PROBLEM)
    many = ask(alone.api, "/api/v1/species", headers={f"X-{i}": "x" * 1000 for i in range(60)}, caller=caller)
    assert many.status == 431
    address = ask(alone.api, "/api/v1/species?q=" + "x" * 9000, caller=caller)
    assert (address.status, address.headers["content-type"]) == (414, PROBLEM)
