"""nginx/ and what must agree with it: the application's words, gunicorn's times and limits, the containers."""

from __future__ import annotations

import re

from app.web.problems import DETAILS
from tools.live import PROJECT

CONFIG = {path.name: path.read_text() for path in (PROJECT / "nginx").glob("*.conf")}
GUNICORN = (PROJECT / "gunicorn.conf.py").read_text()


def _number(pattern: str, text: str) -> int:
    found = re.search(pattern, text, re.MULTILINE)
    assert found, pattern
    return int(found[1])


def _details() -> dict[int, str]:
    table = re.search(r"map \$status \$problem_detail \{(.*?)\n\}", CONFIG["problems.conf"], re.DOTALL)
    assert table
    return {int(status): text for status, text in re.findall(r'(\d{3}) "(.*?)";', table[1])}


def test_errors_are_told_in_the_words_of_the_application() -> None:
    details = _details()
    shared = set(details) & set(DETAILS)
    assert shared >= {404, 405, 413, 429, 500, 503}
    assert {status: details[status] for status in shared} == {status: DETAILS[status] for status in shared}


def test_every_error_page_has_words() -> None:
    for name in ("site.conf", "api.conf"):
        listed = {
            int(status)
            for line in re.findall(r"error_page (.*) /\.error/", CONFIG[name])
            for status in (re.findall(r"=(\d{3})", line) or re.findall(r"\d{3}", line))
        }
        assert listed <= set(_details()), name


def test_nginx_lets_go_of_a_connection_before_gunicorn_does() -> None:
    from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER

    idle = _number(r"keepalive_timeout (\d+)s;\s+\}", CONFIG["nginx.conf"])
    assert idle + 1 <= STOP_KEEPALIVE_LINGER
    assert idle + 1 < _number(r"^keepalive = (\d+)$", GUNICORN)
    assert _number(r"proxy_read_timeout (\d+)s", CONFIG["proxy.conf"]) > _number(r"^timeout = (\d+)$", GUNICORN)


def test_gunicorn_takes_what_nginx_passes_on() -> None:
    longest = _number(r"large_client_header_buffers \d+ (\d+);", CONFIG["limits.conf"])
    assert longest < _number(r"^limit_request_line = (\d+)$", GUNICORN)
    assert longest < _number(r"^limit_request_field_size = (\d+)$", GUNICORN)


def test_containers_meet_on_the_same_port() -> None:
    dockerfile = (PROJECT / "Dockerfile").read_text()
    port = _number(r"server app:(\d+)", CONFIG["nginx.conf"])
    assert f"--bind=0.0.0.0:{port}" in dockerfile
    assert f"http://127.0.0.1:{port}/health/live" in dockerfile
    compose = (PROJECT / "docker-compose.yml").read_text()
    for listened in re.findall(r"listen (\d+)", CONFIG["nginx.conf"] + CONFIG["tls.conf"]):
        assert f'"{listened}:{listened}"' in compose
