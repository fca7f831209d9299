"""Liveness on HEALTH_PORT, with gunicorn."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack, suppress
from pathlib import Path

import psutil
import pytest

from tests.services.conftest import call
from tools import live

# A request whose body never arrives.
UNFINISHED = (
    b"POST /api/v1/predictions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Content-Length: 50\r\n\r\n{"
)


@pytest.fixture(scope="module")
def environ(workroom: Path, prepared: Path) -> dict[str, str]:
    return live.copy_site(prepared, workroom / "gunicorn")


def _workers(site: live.Site) -> set[int]:
    return {child.pid for child in psutil.Process(site.program.process.pid).children()}


def test_liveness_answers_on_its_own_port_while_all_threads_are_busy(environ: dict[str, str]) -> None:
    port = live.free_port()
    with live.serving(environ, HEALTH_PORT=str(port), WEB_CONCURRENCY="2") as site, ExitStack() as connections:
        for _ in range(16):
            connection = connections.enter_context(socket.create_connection(("127.0.0.1", site.program.port)))
            connection.sendall(UNFINISHED)
        # twice the number of threads, so that every thread waits for a body
        with pytest.raises((TimeoutError, OSError)):
            urllib.request.urlopen(f"{site.url}/health/live", timeout=2)
        for _ in range(20):
            answer = call(f"http://127.0.0.1:{port}/health/live")
            assert (answer.status, answer.json) == (200, {"status": "live"})
        assert call(f"http://127.0.0.1:{port}/").status == 404
        # a client that sends nothing does not keep the check waiting
        for _ in range(2):
            connections.enter_context(socket.create_connection(("127.0.0.1", port)))
        assert call(f"http://127.0.0.1:{port}/health/live").status == 200
        # nor do clients that send one byte after another
        slow = [connections.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(8)]
        for turn in range(12):
            for connection in slow:
                with suppress(OSError):
                    connection.sendall(b"G")
            assert call(f"http://127.0.0.1:{port}/health/live").status == 200, turn
            time.sleep(0.25)
        # they are closed after two seconds, whatever they send
        for connection in slow:
            connection.settimeout(5)
            with suppress(ConnectionError):
                assert connection.recv(100) == b""
        # new workers have the socket too
        for worker in _workers(site):
            psutil.Process(worker).kill()
        live.wait_until(lambda: call(f"{site.url}/health/live").status == 200, 20, "new workers")
        assert call(f"http://127.0.0.1:{port}/health/live").status == 200


def test_a_health_port_that_is_taken_stops_the_start(environ: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = environ | {"PORT": str(live.free_port()), "HEALTH_PORT": str(taken.getsockname()[1])}
        settings["PROMETHEUS_MULTIPROC_DIR"] = ""
        result = subprocess.run(
            [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"],
            cwd=live.PROJECT, env=settings, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
    assert result.returncode != 0
    assert "EcoPredict cannot start: HEALTH_PORT=" in result.stderr
