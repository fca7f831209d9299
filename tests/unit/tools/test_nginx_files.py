"""nginx/ and what must agree with it: the application's words, gunicorn's times and limits, the containers."""

from __future__ import annotations

import re

from app.config.settings import Settings
from app.studies.files import INSPECT_S
from app.studies.own_views import FORM_OVERHEAD
from app.web.faces import DECISIVE
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
    listed = {
        int(status)
        for line in re.findall(r"^error_page (.*) /\.error/", CONFIG["errors.conf"], re.MULTILINE)
        for status in (re.findall(r"=(\d{3})", line) or re.findall(r"\d{3}", line))
    }
    # every status that nginx can make itself in this configuration
    assert listed >= {400, 403, 404, 405, 408, 411, 412, 413, 414, 416, 421, 429, 431, 500, 501, 503, 504, 505, 507}
    titles = re.search(r"map \$status \$problem_title \{(.*?)\n\}", CONFIG["problems.conf"], re.DOTALL)
    assert titles
    assert listed == set(_details()) == {int(status) for status in re.findall(r"(\d{3}) \"", titles[1])}


def test_every_server_has_the_error_pages() -> None:
    for name in ("site.conf", "api.conf", "other_hosts.conf"):
        assert "include /etc/nginx/errors.conf;" in CONFIG[name], name


def test_vary_names_every_header_that_decides() -> None:
    assert f'"{", ".join(("Accept", *DECISIVE))}"' in CONFIG["problems.conf"]


def test_other_hosts_are_the_default_on_every_port() -> None:
    text = CONFIG["nginx.conf"] + CONFIG["tls.conf"]
    servers = re.findall(r"server \{(.*?)\n *\}", text, re.DOTALL)
    default = {port for server in servers for port in re.findall(r"listen (\d+)[ a-z]* default_server;", server)}
    assert default == set(re.findall(r"listen (\d+)", text)) == {"8501", "8000", "443"}
    for server in servers:
        hosts = "other_hosts.conf" if "default_server" in server else "/run/nginx/hosts.conf"
        assert hosts in server


def test_every_zone_counts_by_client() -> None:
    text = "".join(CONFIG.values())
    keys = re.findall(r"limit_(?:req|conn)_zone (\S+) ", text)
    assert set(keys) == {"$client"}
    assert len(keys) == 5


def test_nginx_lets_go_of_a_connection_before_gunicorn_does() -> None:
    from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER

    idle = _number(r"keepalive_timeout (\d+)s;\s+\}", CONFIG["nginx.conf"])
    assert idle + 1 <= STOP_KEEPALIVE_LINGER
    assert idle + 1 < _number(r"^keepalive = (\d+)$", GUNICORN)
    assert _number(r"proxy_read_timeout (\d+)s", CONFIG["nginx.conf"]) > _number(r"^timeout = (\d+)$", GUNICORN)


def test_uploads_have_room_and_are_not_stored_twice() -> None:
    uploads = CONFIG["uploads.conf"]
    largest = Settings.model_fields["max_upload"].default + FORM_OVERHEAD
    assert _number(r"client_max_body_size (\d+)m;", uploads) * 1024**2 >= largest
    assert "proxy_request_buffering off;" in uploads
    # as long as reading a file may take, and waiting for other files that are read
    assert _number(r"proxy_read_timeout (\d+)s", uploads) > INSPECT_S + 60
    for name in ("site.conf", "api.conf"):
        assert CONFIG[name].count("include /etc/nginx/uploads.conf;") == 1, name


def test_gunicorn_takes_what_nginx_passes_on() -> None:
    longest = _number(r"large_client_header_buffers \d+ (\d+);", CONFIG["limits.conf"])
    assert longest < _number(r"^limit_request_line = (\d+)$", GUNICORN)
    assert longest < _number(r"^limit_request_field_size = (\d+)$", GUNICORN)


def test_containers_meet_on_the_same_port() -> None:
    dockerfile = (PROJECT / "Dockerfile").read_text()
    port = _number(r"server app:(\d+)", CONFIG["upstream.conf"])
    assert f"--bind=0.0.0.0:{port}" in dockerfile
    # liveness has a port of its own, which answers while all threads are busy
    health_port = _number(r"HEALTH_PORT=(\d+)", dockerfile)
    assert f"/dev/tcp/127.0.0.1/{health_port} && printf 'GET /health/live " in dockerfile
    assert health_port != port
    compose = (PROJECT / "docker-compose.yml").read_text()
    for listened in re.findall(r"listen (\d+)", CONFIG["nginx.conf"] + CONFIG["tls.conf"]):
        assert re.search(rf':-{listened}}}:{listened}"', compose), listened
