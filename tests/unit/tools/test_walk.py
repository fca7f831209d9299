"""The parts of ``make containers`` that need no engine; the walk itself is a command of its own."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import rasterio

from tools.containers import __main__ as command
from tools.containers import engine, made
from tools.containers.engine import WalkError
from tools.containers.load import Client, Load
from tools.containers.stack import Stack, wait_for
from tools.live import PROJECT


class _Half(BaseHTTPRequestHandler):
    """Answers every second request."""

    count = 0

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        type(self).count += 1
        good = self.count % 2 == 0
        body = json.dumps({"id": str(self.count)}).encode()
        self.send_response(200 if good else 503)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Half) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_the_load_counts_every_failure(port: int) -> None:
    with Load(port, threads=1) as load:
        wait_for("answers", lambda: len(load.ids) >= 3, 30)
    assert load.failures["503"] in (len(load.ids), len(load.ids) + 1)
    assert set(load.failures) == {"503"}
    assert f"{load.failures['503']} failed {{'503'" in load.line()


def test_the_load_counts_requests_that_were_not_sent() -> None:
    with Load(1, threads=2) as load:
        wait_for("failures", lambda: load.failures["not sent"] >= 2, 30)
    assert not load.ids


class _Closing(_Half):
    """Ends every second connection without an answer."""

    def send_response(self, code: int, message: str | None = None) -> None:
        if code == 503:
            raise ConnectionAbortedError
        super().send_response(code, message)


@pytest.fixture
def closing() -> Iterator[int]:
    class Server(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            pass

    with Server(("127.0.0.1", 0), _Closing) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("repeats", [False, True])
def test_the_load_repeats_requests_without_an_answer_where_it_should(closing: int, repeats: bool) -> None:
    with Load(closing, threads=1, repeats=repeats) as load:
        wait_for("answers", lambda: len(load.ids) >= 3, 30)
    (counted, other) = (load.repeated, load.failures) if repeats else (load.failures, load.repeated)
    assert set(counted) == {"no answer"}
    assert not other
    assert counted["no answer"] >= 3
    assert f"{'repetitions' if repeats else 'failed'} {{'no answer'" in load.line()


def test_an_answer_that_is_no_success_ends_the_walk(port: int) -> None:
    _Half.count = 0
    with pytest.raises(WalkError, match=r"POST /api/v1/predictions: 503"):
        Client(port).predict()


def test_waiting_ends() -> None:
    with pytest.raises(WalkError, match=r"not after 0 s: the end"):
        wait_for("the end", lambda: False, 0.2)


def test_the_made_grids_are_read_with_their_projection(tmp_path: Path) -> None:
    for name, content in made.files().items():
        (tmp_path / name).write_bytes(content)
    with rasterio.open(tmp_path / "bio1.asc") as grid:
        assert (grid.width, grid.height, grid.crs.is_geographic) == (60, 40, True)
        warmth = grid.read(1)
        rows = np.loadtxt(tmp_path / "records.csv", delimiter=",", skiprows=1, usecols=(1, 2))
        values = np.array([value[0] for value in grid.sample(rows)])
    assert len(values) == 60
    # the species lives in the warm half
    assert values.min() > warmth.mean() - 1.5


def _fake(folder: Path, name: str, script: str) -> Path:
    path = folder / name
    path.write_text(f'#!/bin/sh\necho "$*" >>{folder}/log\n{script}\n')
    path.chmod(0o755)
    return path


def test_images_that_cannot_be_pulled_have_stand_ins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = 'case "$*" in "image inspect postgres"*) ;; "image inspect"*|pull*) exit 1 ;; esac'
    monkeypatch.setenv("DOCKER", str(_fake(tmp_path, "docker", script)))
    made_of: list[str] = []
    monkeypatch.setattr(engine, "_make_standin", lambda kind, name: made_of.append(name))
    for kind, name in engine.BASES.items():
        assert engine.get_base(kind) == (None if kind == "postgres" else name)
    assert made_of == [engine.BASES[kind] for kind in ("python", "redis", "nginx")]


def test_a_failure_ends_the_commands_beside_it() -> None:
    def fail() -> None:
        wait_for("the other command", lambda: bool(engine._RUNNING), 10)
        raise WalkError("first")

    with pytest.raises(WalkError, match=r"^first$"):
        engine.together(lambda: engine.run(["sleep", "60"]), fail)
    assert not engine._RUNNING


def test_the_version_before_differs_in_its_static_files_and_in_nginx(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trees: list[dict[str, str]] = []

    def build(source: Path, tag: str) -> None:
        names = ("nginx/site.conf", "nginx/install.sh", "app/static/walk.txt")
        trees.append({name: (source / name).read_text() for name in names})

    monkeypatch.setattr(engine, "build", build)
    engine.build_earlier("HEAD", "old")
    (tree,) = trees
    address, file = engine.MARKS
    assert f"location = {address} {{" in tree["nginx/site.conf"]
    assert f"app{file}" in tree


@pytest.mark.parametrize(("status", "commit"), [(0, "HEAD^"), (1, "HEAD")])
def test_a_shallow_clone_is_upgraded_from_itself(
    status: int, commit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fake(tmp_path, "git", f"exit {status}")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert engine.find_previous() == commit


def test_a_certificate_is_there_before_the_start_and_can_be_renewed(tmp_path: Path) -> None:
    stack = Stack(tmp_path)
    stack.make_certificate()
    first = (tmp_path / "tls" / "fullchain.pem").read_text()
    stack.make_certificate()
    assert (tmp_path / "tls" / "fullchain.pem").read_text() != first


def test_the_names_of_bases_are_those_of_compose() -> None:
    texts = (PROJECT / "docker-compose.yml").read_text() + (PROJECT / "Dockerfile").read_text()
    for name in engine.BASES.values():
        assert name in texts
    for kind in ("postgres", "redis", "nginx"):
        assert (Path(engine.__file__).parent / "standins" / kind / "Dockerfile").exists()
    for stage, name in engine.IMAGES.items():
        assert f" AS {stage}\n" in texts
        assert f"image: {name}:${{TAG:-local}}" in texts


def test_the_walk_publishes_on_the_loopback_address_alone(tmp_path: Path) -> None:
    environ = Stack(tmp_path).environ
    assert environ["PUBLISH"] == "127.0.0.1"
    assert len({environ[name] for name in ("PAGES_PORT", "API_PORT", "TLS_PORT")}) == 3


def test_everything_is_removed_after_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DOCKER", str(_fake(tmp_path, "docker", 'case "$*" in build*) echo broken >&2; exit 3 ;; esac')))
    monkeypatch.setenv("COMPOSE", str(_fake(tmp_path, "compose", "")))
    assert command.main(["--step", "postgres"]) == 1
    assert "broken" in capsys.readouterr().err
    log = (tmp_path / "log").read_text()
    assert "down --volumes --remove-orphans" in log
    for name in engine.IMAGES.values():
        assert f"image rm --force {name}:walk" in log


def test_a_kill_needs_something_that_trains(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main(["--step", "worker"])
    assert ended.value.code == 2
    assert "needs the step train" in capsys.readouterr().err
