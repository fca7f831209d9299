"""Errors that nginx answers itself: no application, too many requests, requests that are too long."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import socket
import time
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from htmx_flask import Htmx

from app.web.faces import DECISIVE, face
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
        link.sendall(b'GET /a"b\\c HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
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
    assert b"Reload the page then" in page.body
    # neither health, nor static files, nor other callers are counted
    assert ask(alone.port, "/health/live", caller=caller).status == 503
    assert ask(alone.port, "/static/css/base.css", caller=caller).status == 200
    assert ask(alone.port, "/api/v1/species", caller=next(CALLERS)).status == 503


def test_one_address_has_only_so_many_requests_under_way(alone: live.Front, caller: str) -> None:
    def is_refused() -> bool:
        # nginx gives the bodies up after ten seconds, so a machine that was too slow for 64 of them sends them again
        with contextlib.ExitStack() as held:
            for _ in range(64):
                held.enter_context(slow_body(alone.port, caller))
            with contextlib.suppress(TimeoutError):
                live.wait_until(lambda: ask(alone.port, "/", caller=caller).status == 429, 5)
                assert ask(alone.port, "/", caller=next(CALLERS)).status == 503
                return True
        return False

    live.wait_until(is_refused, 60, "the 65th is refused")


def test_long_headers_and_addresses(alone: live.Front, caller: str) -> None:
    long = ask(alone.api, "/api/v1/species", headers={"X-Long": "x" * 9000}, caller=caller)
    assert (long.status, long.headers["content-type"]) == (431, PROBLEM)
    many = ask(alone.api, "/api/v1/species", headers={f"X-{i}": "x" * 1000 for i in range(60)}, caller=caller)
    assert many.status == 431
    address = ask(alone.api, "/api/v1/species?q=" + "x" * 9000, caller=caller)
    assert (address.status, address.headers["content-type"]) == (414, PROBLEM)


# every status that nginx makes itself

RAW = {
    400: ("/species", "GET {path} HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n"),
    403: ("/static/css/", "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    404: ("/static/none.css", "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    405: ("/static/css/base.css", "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"),
    412: ("/static/css/base.css", 'GET {path} HTTP/1.1\r\nHost: localhost\r\nIf-Match: "other"\r\n\r\n'),
    413: ("/species", "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999999\r\n\r\n"),
    414: ("/" + "x" * 9000, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    416: ("/static/css/base.css", "GET {path} HTTP/1.1\r\nHost: localhost\r\nRange: bytes=99999999-\r\n\r\n"),
    421: ("/species", "GET {path} HTTP/1.1\r\nHost: evil.example\r\n\r\n"),
    431: ("/species", "GET {path} HTTP/1.1\r\nHost: localhost\r\nX-Long: {long}\r\n\r\n"),
    501: ("/species", "POST {path} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n"),
    503: ("/species", "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    505: ("/species", "GET {path} HTTP/3.0\r\nHost: localhost\r\n\r\n"),
}
#: nginx finds these errors before it reads the headers that decide about the form.
BEFORE_HEADERS = {414, 505}


def _raw(port: int, text: str, caller: str) -> tuple[int, dict[str, str], bytes]:
    with socket.create_connection(("127.0.0.1", port), 5, source_address=(caller, 0)) as link:
        link.sendall(text.encode())
        response = http.client.HTTPResponse(link)
        response.begin()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()


@pytest.mark.parametrize("status", RAW)
@pytest.mark.parametrize("form", ["page", "fragment", "json", "api"])
def test_every_own_error_has_our_form(alone: live.Front, caller: str, status: int, form: str) -> None:
    path, text = RAW[status]
    decisive = {
        "page": "Accept: text/html\r\n",
        "fragment": "HX-Request: true\r\n",
        "json": "Accept: application/json\r\n",
        "api": "Accept: text/html\r\n",
    }[form]
    head, _, rest = text.format(path=path, long="x" * 9000).partition("\r\n")
    port = alone.api if form == "api" else alone.port
    if form == "api":
        # the API port has no page
        head = head.replace("/species", "/api/v1/species")
    got, headers, body = _raw(port, f"{head}\r\n{decisive}{rest}", caller)
    assert got == status
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert b"<!--#" not in body
    if status in BEFORE_HEADERS and form != "api":
        form = "page"
    if form in ("api", "json"):
        assert headers["content-type"] == PROBLEM
        problem = json.loads(body)
        assert (problem["status"], problem["title"]) == (status, _title(status))
        assert problem["detail"] not in ("", "The request could not be answered.")
    else:
        assert headers["content-type"] == "text/html; charset=utf-8"
        assert body.startswith(b"<!doctype html>" if form == "page" else b"<section")
        assert _title(status).encode() in body
    if form != "api":
        for name in ("Accept", "HX-Request", "HX-Boosted", "HX-History-Restore-Request"):
            assert name in headers["vary"].split(", "), headers["vary"]


def _title(status: int) -> str:
    return HTTPStatus(status).phrase.replace("Content Too Large", "Request Entity Too Large")


def test_plain_http_on_the_tls_port(alone: live.Front, caller: str, openssl: str) -> None:
    text = "GET /species HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n\r\n"
    status, headers, body = _raw(alone.tls, text, caller)
    assert (status, headers["content-type"]) == (400, PROBLEM)
    assert json.loads(body)["title"] == "Bad Request"


# the rule that chooses the form

_BOOLEANS = (None, "true", "TRUE", "false")
_ACCEPTED = (
    None,
    "*/*",
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    "application/json",
    "application/problem+json",
    "APPLICATION/JSON",
    "application/json, text/html",
    "application/json, text/html;q=0.9",
    "text/html;q=0.85, application/json;q=0.9",
    "text/html;q=0.9, application/json;q=0.85",
    "text/html; q=0.5 , application/json ; q=0.50",
    "text/html;q=1.0, application/json;q=1",
    "text/html;q=0, */*",
    "application/*;q=0.3, text/*;q=0.2",
    "application/*;q=0.2, text/*;q=0.3",
    "*/*;q=0.1, application/problem+json;q=0.101",
    "application/json;q=0, */*;q=0.5",
    "application/json;profile=x",
    "application/jsonx, text/plain",
    "text/htmlx, application/json;q=0.001",
    "nonsense",
)


def _face_of_the_application(application: Flask, path: str, headers: dict[str, str]) -> str:
    with application.test_request_context(path, headers=headers):
        return face(for_error=True)


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/species", "/api/v1", "/api/v1/x", "/api/v10", "/api", "/%61pi/v1/x", "/health/x", "/health"),
        *("/healthy/x", "/openapi.json", "/openapi.json/", "/openapi.jsonx", "/metrics", "/metrics/", "/docs"),
    ],
)
def test_the_path_decides_as_in_the_application(alone: live.Front, caller: str, path: str) -> None:
    application = Flask(__name__)
    Htmx(application)
    answer = ask(alone.port, path, headers={"Accept": "text/html"}, caller=caller)
    assert _face(answer) == _face_of_the_application(application, path, {"Accept": "text/html"})


def test_the_headers_decide_as_in_the_application(workroom: Path) -> None:
    application = Flask(__name__)
    Htmx(application)
    cases = [
        {name: value for name, value in zip((*DECISIVE, "Accept"), values, strict=True) if value is not None}
        for values in itertools.product(_BOOLEANS, _BOOLEANS, _BOOLEANS, _ACCEPTED)
    ]
    changes = [("rate=50r/s", "rate=100000r/s")]
    differences = []
    with live.nginx(workroom / "nginx-faces", live.free_port(), changes=changes) as front:
        link = http.client.HTTPConnection("127.0.0.1", front.port, timeout=20)
        with contextlib.closing(link):
            for headers in cases:
                link.request("GET", "/species", headers=headers)
                response = link.getresponse()
                answer = Answer(
                    response.status, response.read(), {name.lower(): value for name, value in response.getheaders()}
                )
                expected = _face_of_the_application(application, "/species", headers)
                if _face(answer) != expected:
                    differences.append((headers, _face(answer), expected))
    assert differences == []
    assert len(cases) == 1344


def _face(answer: Answer) -> str:
    if answer.headers["content-type"] == PROBLEM:
        return "json"
    return "page" if answer.body.startswith(b"<!doctype html>") else "fragment"


# limits at every address


@pytest.mark.parametrize(
    ("path", "allowed", "rate"),
    [
        *(("/", 100, 50), ("/species", 100, 50), ("/docs", 100, 50), ("/metrics", 100, 50), ("/models/x.md", 100, 50)),
        *(("/health/live", 20, 10), ("/static/css/icon.svg", 400, 200), ("/static/none.css", 400, 200)),
    ],
)
def test_a_flood_of_any_address_is_limited(alone: live.Front, caller: str, path: str, allowed: int, rate: int) -> None:
    statuses, began = [], time.monotonic()
    link = http.client.HTTPConnection("127.0.0.1", alone.port, timeout=20, source_address=(caller, 0))
    with contextlib.closing(link):
        for _ in range(2 * allowed + 100):
            link.request("GET", path, headers={"Accept": "application/json"})
            response = link.getresponse()
            body = response.read()
            statuses.append(response.status)
            if response.status == 429:
                assert (response.headers["Content-Type"], json.loads(body)["status"]) == (PROBLEM, 429)
                assert response.headers["Retry-After"] == "1"
    let_through = len(statuses) - statuses.count(429)
    assert allowed <= let_through <= allowed + 2 + rate * (time.monotonic() - began)
    assert statuses.count(429) > 0


def test_a_flood_of_other_host_names_is_limited(alone: live.Front, caller: str) -> None:
    statuses = [ask(alone.port, headers={"Host": "evil.example"}, caller=caller).status for _ in range(220)]
    assert set(statuses) == {421, 429}
