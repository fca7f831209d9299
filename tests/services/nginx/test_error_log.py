"""nginx's error log contains neither query strings nor referrers, and loses no line when nginx stops."""

from __future__ import annotations

import http.client
import re
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from tests.services.nginx.conftest import ask
from tools import live


def _lines(front: live.Front, text: str) -> list[str]:
    return [line for line in front.output().splitlines() if text in line]


@pytest.mark.parametrize(
    ("target", "referrer"),
    [
        ("/species?q=SECRET", "http://other.example/page?SECRET"),
        ('/species?q="SECRET', "SECRET"),
        ('/species?q=",SECRET?SECRET', 'x", request: "GET /SECRET HTTP/1.1'),
        ("/species?q=a%20b&SECRET#SECRET", "http://u:SECRET@other.example/"),
        ("http://localhost/species?SECRET", "SECRET, referrer: SECRET"),
    ],
)
def test_a_dead_application_is_logged_without_the_question(
    alone: live.Front, caller: str, target: str, referrer: str
) -> None:
    with socket.create_connection(("127.0.0.1", alone.port), 5, source_address=(caller, 0)) as link:
        head = f"GET {target} HTTP/1.1\r\nHost: localhost\r\nReferer: {referrer}\r\nConnection: close\r\n\r\n"
        link.sendall(head.encode())
        assert b" 503 " in link.recv(65536)
    live.wait_until(lambda: bool(_lines(alone, f"client: {caller},")), 5, "the line")
    (line,) = _lines(alone, f"client: {caller},")
    assert re.search(r"\[error\] .*connecting to upstream, client: .* request: \"GET .*/species.* host: ", line), line
    assert "SECRET" not in alone.output()
    assert "referrer" not in line


def test_a_file_error_is_logged_without_the_question(alone: live.Front, caller: str) -> None:
    assert ask(alone.port, "/static/css/?SECRET=1", headers={"Referer": "SECRET"}, caller=caller).status == 403
    live.wait_until(lambda: bool(_lines(alone, f"client: {caller},")), 5, "the line")
    (line,) = _lines(alone, f"client: {caller},")
    assert "is forbidden, client: " in line
    assert line.endswith(f'request: "GET /static/css/ HTTP/1.1", host: "127.0.0.1:{alone.port}"')
    assert "SECRET" not in alone.output()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT])
def test_no_line_is_lost_when_nginx_stops(workroom: Path, number: signal.Signals) -> None:
    changes = [("rate=50r/s", "rate=100000r/s"), ("burst=100", "burst=10000")]
    folder = workroom / f"nginx-stops-{number.name}"
    with live.nginx(folder, live.free_port(), changes=changes) as front:

        def flood(share: int) -> None:
            link = http.client.HTTPConnection("127.0.0.1", front.port, timeout=20)
            for turn in range(500):
                link.request("GET", f"/x{share}-{turn}-?SECRET", headers={"Referer": "SECRET"})
                assert link.getresponse().read()
            link.close()

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(flood, range(4)))
        # at once after the last response
        assert front.stop(number) == 0
        logged = set(re.findall(r'request: "GET /(x\d+-\d+)- HTTP/1.1"', front.output()))
    assert len(logged) == 2000
    assert "SECRET" not in front.output()


def test_nginx_is_reloaded_by_its_parent_and_by_its_own_command(workroom: Path) -> None:
    with live.nginx(workroom / "nginx-reloads", live.free_port()) as front:
        script = psutil.Process(front.process.pid)

        def workers() -> set[int]:
            (master,) = [child for child in script.children() if child.name() == "nginx"]
            return {worker.pid for worker in master.children()}

        for reload in (
            lambda: script.send_signal(signal.SIGHUP),
            lambda: psutil.Popen(
                [live.nginx_binary(), "-p", front.folder, "-c", front.folder / "etc" / "nginx.conf", "-s", "reload"]
            ).wait(10),
        ):
            before = workers()
            reload()
            live.wait_until(lambda before=before: bool(workers()) and not workers() & before, 10, "new workers")
            assert ask(front.port, "/x?SECRET").status == 503
        assert front.stop() == 0
        assert "SECRET" not in front.output()


def test_without_its_filter_nginx_stops(workroom: Path) -> None:
    """A container that logs nothing would stay unnoticed; one that ends is restarted."""
    with live.nginx(workroom / "nginx-no-filter", live.free_port()) as front:
        tree = psutil.Process(front.process.pid).children(recursive=True)
        (log_filter,) = [process for process in tree if "awk" in process.name()]
        log_filter.kill()
        front.process.wait(10)
        assert not live.listens(front.port)


def test_the_script_ends_with_an_nginx_that_is_killed(workroom: Path) -> None:
    with live.nginx(workroom / "nginx-killed", live.free_port()) as front:
        (master,) = [one for one in psutil.Process(front.process.pid).children() if one.name() == "nginx"]
        for process in (master, *master.children()):
            process.kill()
        assert front.process.wait(10) == 128 + signal.SIGKILL
