"""An instance stops while another answers, as in an upgrade: no request may fail."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.services.conftest import ENVIRONMENT, WHEATEAR
from tests.services.load import Load
from tests.services.nginx.conftest import ask
from tools import live


def test_no_request_fails_when_one_of_two_instances_stops(environ: dict[str, str], workroom: Path) -> None:
    unlimited = [("rate=50r/s", "rate=100000r/s")]
    # in production a worker has 20 s to end what it has begun
    settings = {"RATE_LIMIT": "100000/second", "WEB_CONCURRENCY": "1", "ENVIRONMENT": "production"}
    settings |= {"ALLOWED_HOSTS": "127.0.0.1", "TRUSTED_PROXIES": "1"}
    with (
        live.serving(environ, **settings) as first,
        live.serving(environ, **settings) as second,
        live.nginx(workroom / "stops", [first.program.port, second.program.port], changes=unlimited) as front,
        Load(f"http://127.0.0.1:{front.port}", threads=8, pause=0.02) as load,
        ThreadPoolExecutor(1) as pool,
    ):
        load.until(100)
        # The worker has to end this request first. Meanwhile it must not take connections that it will never answer.
        with _slow_request(first.program.port) as (connection, rest):
            ended = pool.submit(first.program.stop)
            load.until(200)
            connection.sendall(rest)
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        assert ended.result() == 0, first.program.output()
        load.until(100)
        load.stop()
        assert (load.refused, load.broken) == ({}, 0)


class _Good(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_no_request_fails_when_the_address_of_an_instance_answers_no_more(workroom: Path) -> None:
    """As that of a container that has ended, which the name server may still have given."""
    soon = [("proxy_connect_timeout 3s", "proxy_connect_timeout 200ms")]
    with contextlib.ExitStack() as stack:
        silent = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        # the system leaves connections unanswered where this many wait
        for _ in range(2):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(silent.getsockname())
        good = stack.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), _Good))
        thread = threading.Thread(target=good.serve_forever)
        thread.start()
        stack.callback(thread.join)
        stack.callback(good.shutdown)
        ports = [silent.getsockname()[1], good.server_address[1]]
        front = stack.enter_context(live.nginx(workroom / "silent", ports, changes=soon))
        statuses = [ask(front.port, "/api/v1/predictions", "POST", body=b"{}").status for _ in range(6)]
        assert statuses == [200] * 6
        assert "timed out" in front.output()


@contextlib.contextmanager
def _slow_request(port: int) -> Iterator[tuple[socket.socket, bytes]]:
    """Send a prediction without its last byte, so that a thread of the server waits for it."""
    body = json.dumps({"species": WHEATEAR, "environment": ENVIRONMENT}).encode()
    head = (
        f"POST /api/v1/predictions HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(head.encode() + body[:-1])
        yield connection, body[-1:]
