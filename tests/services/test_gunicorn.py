"""gunicorn with the shipped settings, and nginx in front of it with the shipped configuration."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlencode

import psutil
import pytest

from app.config.settings import load_settings
from tests.services.conftest import ENVIRONMENT, WHEATEAR, call, predict
from tests.variants import thorough
from tools import live

# A request whose body never arrives.
UNFINISHED = (
    b"POST /api/v1/predictions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Content-Length: 50\r\n\r\n{"
)


@pytest.fixture(scope="module")
def environ(workroom: Path, prepared: Path) -> dict[str, str]:
    return live.copy_site(prepared, workroom / "gunicorn")


@pytest.fixture(scope="module")
def site(environ: dict[str, str]) -> Iterator[live.Site]:
    with live.serving(environ, forked=False) as running:
        yield running


def test_two_workers_answer(site: live.Site) -> None:
    assert len(psutil.Process(site.program.process.pid).children()) == 2
    answer = predict(site.url)
    assert answer.status == 200, answer.body
    assert 0 <= answer.json["suitability"] <= 1
    assert call(f"{site.url}/predictions/{answer.json['id']}").status == 200


def test_workers_share_the_cores_out_also_after_a_reload(site: live.Site) -> None:
    allowed = psutil.Process().cpu_affinity()
    old: set[int] = set()
    for _ in range(2):
        live.wait_until(lambda old=old: _workers(site).isdisjoint(old) and len(_workers(site)) == 2, 20, "new workers")
        live.wait_until(lambda: _cores(site) == (allowed if len(allowed) > 1 else allowed * 2), 15, "shared cores")
        old = _workers(site)
        site.program.process.send_signal(signal.SIGHUP)
    live.wait_until(lambda: _workers(site).isdisjoint(old) and len(_workers(site)) == 2, 20, "new workers")
    assert psutil.Process(site.program.process.pid).cpu_affinity() == allowed


def test_lines_of_gunicorn_are_json_also_after_a_reload(environ: dict[str, str]) -> None:
    with live.serving(environ, forked=False, ENVIRONMENT="production", SECRET_KEY="k" * 32) as site:
        old = _workers(site)
        site.program.process.send_signal(signal.SIGHUP)
        live.wait_until(lambda: len(_workers(site)) == 2 and _workers(site).isdisjoint(old), 20, "new workers")
        psutil.Process(min(_workers(site))).kill()
        live.wait_until(lambda: "SIGKILL" in site.program.output(), 20, "a line about the worker")
        lines = [line for line in site.program.output().splitlines() if "SIGKILL" in line]
        assert [json.loads(line)["logger"] for line in lines] == ["gunicorn.error"]


def _workers(site: live.Site) -> set[int]:
    return {child.pid for child in psutil.Process(site.program.process.pid).children()}


def _cores(site: live.Site) -> list[int]:
    """The cores of all workers."""
    return sorted(core for pid in _workers(site) for core in psutil.Process(pid).cpu_affinity() or [])


def _counters(worker: psutil.Process) -> Path:
    """The directory that holds a worker's counters."""

    def found() -> set[Path]:
        maps = Path(f"/proc/{worker.pid}/maps").read_text().splitlines()
        return {Path(line.split()[-1]).parent for line in maps if "/ecopredict-metrics-" in line}

    live.wait_until(lambda: bool(found()), 15, "the worker counts")
    (directory,) = found()
    return directory


def test_a_request_without_its_body_does_not_keep_a_stopped_server(environ: dict[str, str]) -> None:
    with live.serving(environ, forked=False, ENVIRONMENT="development") as site:
        family = psutil.Process(site.program.process.pid).children(recursive=True)
        with socket.create_connection(("127.0.0.1", site.program.port)) as connection:
            connection.sendall(UNFINISHED)
            assert predict(site.url).status == 200
            assert site.program.stop(signal.SIGINT) == 0, site.program.output()
        assert psutil.wait_procs(family, timeout=5)[1] == []


@pytest.mark.parametrize("number", [signal.SIGTERM, *map(thorough, [signal.SIGINT, signal.SIGQUIT])])
def test_a_signal_leaves_nothing_behind(environ: dict[str, str], number: signal.Signals) -> None:
    with live.serving(environ, forked=False, PROMETHEUS_MULTIPROC_DIR="") as site:
        assert predict(site.url).status == 200
        master = psutil.Process(site.program.process.pid)
        family = [master, *master.children(recursive=True)]
        assert len(family) == 3
        (counters,) = {_counters(worker) for worker in master.children()}
        assert counters.parent == Path("/dev/shm")
        assert stat.S_IMODE(counters.stat().st_mode) == 0o700
        assert site.program.stop(number) == 0, site.program.output()
        assert psutil.wait_procs(family, timeout=5)[1] == []
        assert not live.listens(site.program.port)
        assert not counters.exists()


def _count(url: str) -> int:
    return call(f"{url}/metrics").body.decode().count("ecopredict_")


@pytest.mark.thorough
def test_a_start_that_fails_leaves_the_counters_of_the_running_server(environ: dict[str, str]) -> None:
    with live.serving(environ, forked=False, PROMETHEUS_MULTIPROC_DIR="") as site:
        assert predict(site.url).status == 200
        before = _count(site.url)
        settings = site.environ | {"PORT": str(site.program.port), "PROMETHEUS_MULTIPROC_DIR": ""}
        command = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"]
        second = subprocess.run(command, cwd=live.PROJECT, env=settings, capture_output=True, timeout=60, check=False)
        assert second.returncode == 1
        assert _count(site.url) == before > 0


@pytest.mark.thorough
def test_a_start_removes_what_killed_processes_left_and_nothing_of_a_running_server(environ: dict[str, str]) -> None:
    data = Path(environ["DATA_DIR"])
    with live.serving(environ, forked=False, PROMETHEUS_MULTIPROC_DIR="") as killed:
        (left,) = {_counters(worker) for worker in psutil.Process(killed.program.process.pid).children()}
    assert left.exists()
    names = ("models/study/species/.writing-x/card.json", "registry/tmpx.json", ".secret_key.999999999.ab")
    drafts = [data / name for name in names]
    for draft in drafts:
        draft.parent.mkdir(parents=True, exist_ok=True)
        draft.touch()
    with live.serving(environ, forked=False, PROMETHEUS_MULTIPROC_DIR="") as first:
        assert not left.exists()
        assert not any(draft.exists() for draft in drafts)
        assert predict(first.url).status == 200
        before = _count(first.url)
        (counters,) = {_counters(worker) for worker in psutil.Process(first.program.process.pid).children()}
        # another port of the same tree
        with live.serving(environ, forked=False, PROMETHEUS_MULTIPROC_DIR="") as second:
            assert predict(second.url).status == 200
            assert second.program.stop(signal.SIGTERM) == 0
        assert counters.exists()
        assert _count(first.url) == before > 0
        assert first.program.stop(signal.SIGTERM) == 0
    assert not (data / "models/study/species/.writing-x").exists()


def test_a_new_master_has_counters_of_its_own(environ: dict[str, str], tmp_path: Path) -> None:
    """SIGUSR2 starts a new master beside the old one; SIGTERM then ends the old one."""
    port = live.free_port()
    url = f"http://127.0.0.1:{port}"
    settings = environ | {"PORT": str(port), "WEB_CONCURRENCY": "2", "PROMETHEUS_MULTIPROC_DIR": ""}
    # the new master repeats the command line, and `python -m gunicorn` cannot be repeated
    command = [str(Path(sys.executable).parent / "gunicorn"), "-c", "gunicorn.conf.py", "wsgi:app"]
    with live.running(command, tmp_path / "log", port, environ=settings) as program:
        old = psutil.Process(program.process.pid)

        def new_masters() -> list[psutil.Process]:
            return [child for child in old.children() if len(child.children()) == 2]

        old.send_signal(signal.SIGUSR2)
        live.wait_until(lambda: len(new_masters()) == 1, 30, "a new master with two workers")
        (new,) = new_masters()
        try:
            old.send_signal(signal.SIGTERM)
            program.process.wait(30)
            first = {worker.pid for worker in new.children()}
            new.send_signal(signal.SIGHUP)
            live.wait_until(lambda: len({worker.pid for worker in new.children()} - first) == 2, 30, "new workers")
            assert predict(url).status == 200
            assert _count(url) > 0
        finally:
            new.send_signal(signal.SIGTERM)
            new.wait(30)


def test_metrics_add_up_over_workers(site: live.Site, promtool: str) -> None:
    def counted(of: str) -> float:
        text = call(f"{site.url}/metrics").body.decode()
        lines = [line for line in text.splitlines() if line.startswith(of)]
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines)

    names = (
        "ecopredict_predictions_total{",
        "ecopredict_answers_total{",
        'ecopredict_requested_conditions_total{part="q',
    )
    before = [counted(of) for of in names]
    for i in range(12):
        assert predict(site.url, temperature=10 + i).status == 200
    # whichever worker answers, it reports what all of them counted; of the three conditions each is in some quarter
    for of, earlier, expected in zip(names, before, (12, 12, 36), strict=True):
        # what a request asked about is counted a little later
        live.wait_until(lambda of=of, most=earlier + expected - 0.5: counted(of) > most, 10, f"{of} are counted")
        assert [counted(of) - earlier for _ in range(6)] == pytest.approx([expected] * 6)
    text = call(f"{site.url}/metrics").body
    checked = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, check=False)
    assert checked.returncode == 0, checked.stderr.decode() + checked.stdout.decode()


def test_activation_reaches_every_worker_at_its_next_request(site: live.Site, newer_model: Path) -> None:
    before = predict(site.url).json["model"]["id"]
    target = site.data_dir / "models" / newer_model.relative_to(newer_model.parents[2])
    shutil.copytree(newer_model, target)
    live.flask(site.environ, "models", "register", target)
    assert {predict(site.url).json["model"]["id"] for _ in range(10)} == {before}
    live.flask(site.environ, "models", "activate", newer_model.name)
    assert {predict(site.url).json["model"]["id"] for _ in range(20)} == {newer_model.name}
    live.flask(site.environ, "models", "activate", before)
    assert {predict(site.url).json["model"]["id"] for _ in range(20)} == {before}


def test_a_bad_setting_is_one_line(environ: dict[str, str]) -> None:
    said = live.flask(environ | {"RATE_LIMIT": "often"}, "db", "current", fails=True)
    assert "RATE_LIMIT" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("path", "size", "status"),
    [
        ("/api/v1/predictions", 1_500_000, 413),
        ("/api/v1/comparisons/species", 7_000_000, 413),
        ("/api/v1/none", 900_000, 404),
        ("/api/v1/species", 900_000, 405),
    ],
)
def test_who_sends_what_nobody_reads_still_gets_the_answer(site: live.Site, path: str, size: int, status: int) -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: call(f"{site.url}{path}", raw=b" " * size).status, range(40)))
    assert answers == [status] * 40


@pytest.mark.parametrize("body", [b"zz\r\n{}\r\n0\r\n\r\n", b"5\r\n{}", b"2\r\n{}zz\r\n0\r\n\r\n"])
@pytest.mark.parametrize("path", ["/api/v1/predictions", "/", "/api/v1/none"])
def test_a_body_in_broken_pieces(site: live.Site, path: str, body: bytes) -> None:
    written = len(site.program.output())
    assert _in_pieces(site, path, body) == (404 if path.endswith("none") else 400)
    assert "Traceback" not in site.program.output()[written:]


@pytest.mark.parametrize("path", ["/api/v1/predictions", "/"])
def test_a_body_in_pieces_is_held_to_the_limit(site: live.Site, path: str) -> None:
    limit = load_settings({}).max_content_length
    asked = json.dumps({"species": WHEATEAR, "environment": ENVIRONMENT}).encode()
    if path == "/":
        asked = urlencode({"species": WHEATEAR, "threshold": "0.5"}).encode()
    # what was cut off at the limit would still be a whole question
    filled = asked + (b" " if path != "/" else b"&") * (limit - len(asked) - 1)
    accepted = 200 if path != "/" else 422
    for body, status in ((asked, accepted), (filled, accepted), (filled + b"}}", 413), (filled * 3, 413)):
        pieces = [body[at : at + 50_000] for at in range(0, len(body), 50_000)]
        sent = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
        assert _in_pieces(site, path, sent + b"0\r\n\r\n") == status, len(body)


def _in_pieces(site: live.Site, path: str, body: bytes) -> int:
    """Send a chunked body and return the status; a connection still used after it would answer what is left of it."""
    kind = "application/json" if path.startswith("/api") else "application/x-www-form-urlencoded"
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n"
    with socket.create_connection(("127.0.0.1", site.program.port), 20) as link:
        link.sendall(head.encode() + body)
        link.shutdown(socket.SHUT_WR)
        said = b""
        while part := link.recv(65536):
            said += part
    assert said.count(b"HTTP/1.1 ") == 1
    return int(said.split(b" ")[1])
