"""Servers that are down, silent, slow, or answer something else: a training goes on, and says so."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ml.tracking.address import parse
from ml.tracking.tracker import MOST_FAILURES, Tracked, Tracker
from tests.collectors import silence
from tools.live.ports import free_port

SECRET = "hush-hush"
Handling = Callable[[BaseHTTPRequestHandler], None]


@contextlib.contextmanager
def serving(handle: Handling) -> Iterator[tuple[int, list[str]]]:
    """Serve on a free port; yields the port and the requests."""
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def _any(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            seen.append(f"{self.command} {self.path}")
            with contextlib.suppress(OSError):
                handle(self)

        do_GET = do_POST = do_PUT = _any  # noqa: N815 (the names of the base class)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server.server_address[1], seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def answer(status: int, body: bytes = b"", **headers: str) -> Handling:
    def handle(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    return handle


def track(port: int, model: Path, n: int = 1, patience: float = 20.0) -> Tracked:
    with Tracker(parse(f"http://eco:{SECRET}@127.0.0.1:{port}"), patience=patience) as tracker:
        for _ in range(n):
            tracker.add(model)
    tracked = tracker.close()
    assert SECRET not in tracked.sentence and "127.0.0.1" not in tracked.sentence
    return tracked


def test_without_a_server_nothing_is_logged(trained):
    with Tracker(None) as tracker:
        tracker.add(trained)
    assert tracker.close() == Tracked(0, 0)
    assert tracker.close().sentence == ""


def test_a_server_that_is_down(trained):
    tracked = track(free_port(), trained, n=5)
    assert (tracked.logged, tracked.not_logged) == (0, 5)
    assert tracked.sentence == "MLflow: 5 of 5 models not logged (ConnectionError)"


def test_a_server_that_never_answers_is_not_waited_for(trained):
    with silence() as port:
        tracked = track(port, trained, n=2, patience=0.3)
    assert tracked.not_logged == 2
    assert tracked.problem == "it took more than 0 s"


def test_a_server_that_sends_its_answer_byte_by_byte_is_not_waited_for(trained):
    ended = threading.Event()

    def drip(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        while not ended.wait(0.05):
            request.wfile.write(b" ")
            request.wfile.flush()

    with serving(drip) as (port, _):
        tracked = track(port, trained, patience=0.5)
        ended.set()
    assert (tracked.logged, tracked.not_logged) == (0, 1)


def test_a_server_that_answers_500_is_asked_a_few_times(trained):
    with serving(answer(500, b"the database is gone")) as (port, seen):
        tracked = track(port, trained, n=MOST_FAILURES + 4)
    assert tracked.sentence == f"MLflow: {MOST_FAILURES + 4} of {MOST_FAILURES + 4} models not logged (it answered 500)"
    assert len(seen) == MOST_FAILURES


def test_a_redirect_is_not_followed(trained):
    with (
        serving(answer(200, b"{}")) as (other, asked),
        serving(answer(302, Location=f"http://127.0.0.1:{other}/")) as (port, _),
    ):
        tracked = track(port, trained)
    assert tracked.problem == "it answered 302"
    assert asked == []


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"experiment": 1}', b"\xff", b"[" * 100_000])
def test_another_kind_of_server(trained, body):
    with serving(answer(200, body)) as (port, _):
        assert track(port, trained).problem == "its answer is not that of an MLflow server"


def test_an_endless_answer_is_not_read(trained):
    def endless(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        for _ in range(10_000):
            request.wfile.write(b" " * 65_536)

    with serving(endless) as (port, _):
        assert track(port, trained).problem == "its answer is too long"


@pytest.mark.parametrize(
    "place", ["s3://bucket/1", "file:///etc", "mlflow-artifacts://other:1/x", "mlflow-artifacts:/../x"]
)
def test_files_go_to_no_other_server(trained, place):
    def handle(request: BaseHTTPRequestHandler) -> None:
        run = b'{"experiment": {"experiment_id": "7"}, "run": {"info": {"run_id": "r", "artifact_uri": "%s"}}}'
        answer(200, run % place.encode())(request)

    with serving(handle) as (port, seen):
        tracked = track(port, trained)
    assert tracked.problem == "the server does not take files; start it with --serve-artifacts"
    assert not any(line.startswith("PUT") for line in seen)
    # the run is not left as one that goes on
    assert seen[-1] == "POST /api/2.0/mlflow/runs/update"


def test_a_model_that_is_gone(trained, tmp_path):
    with serving(answer(500)) as (port, seen):
        assert track(port, tmp_path / "none").problem == "ArtifactError"
    assert seen == []
