"""Requests that nginx passes to the application, on the ports for pages and for the API."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import itertools
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.services.conftest import Answer, call, predict
from tests.services.nginx.conftest import CALLERS, PROBLEM, ask
from tools import live

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
        ready = ask(port, "/health/ready")
        # components are for operators
        assert (ready.status, set(ready.json)) == (200, {"status"})


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


def test_what_nginx_lets_through_gunicorn_takes(front: live.Front) -> None:
    headers = {"X-Long": "x" * 7900} | {f"X-{i}": "x" for i in range(80)}
    answer = ask(front.port, "/api/v1/species?q=" + "x" * 7900, headers=headers)
    # too long for the search, which says so itself
    assert answer.status == 422, answer.body[:300]
    assert answer.json["errors"][0]["pointer"] == "/q"


@pytest.mark.parametrize("size", [1536 * 1024, 10 * 1024 * 1024])
def test_large_bodies_are_refused_in_the_format_of_the_api(front: live.Front, size: int) -> None:
    def send(caller: str) -> Answer:
        return ask(front.port, "/api/v1/predictions", "POST", body=b" " * size, headers=json, caller=caller)

    # several at a time, because an answer could be lost only where the machine had more to do
    json = {"Content-Type": "application/json"}
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(send, itertools.islice(CALLERS, 20)))
    for answer in answers:
        assert (answer.status, answer.headers["content-type"]) == (413, PROBLEM)
        assert answer.json["detail"] == "The request is larger than this server accepts."
