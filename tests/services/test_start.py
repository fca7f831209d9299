"""`tools/start.py` with the real server: a prepared data directory is served, by one start for each port."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tools import live
from tools.live import PROJECT
from tools.start import sources_key


@pytest.fixture
def environ(prepared: Path, workroom: Path) -> dict[str, str]:
    """An environment whose data directory is ready."""
    if not (PROJECT / "app/static/vendor/htmx.min.js").exists():
        pytest.skip("the assets are not there; get them with `make fetch`")
    environ = live.copy_site(prepared, workroom / "start", ENVIRONMENT="development", PORT=str(live.free_port()))
    layers = Path(environ["DATA_DIR"], "layers", "a-study", "key")  # their presence alone is looked at
    layers.mkdir(parents=True)
    (layers / "layers.json").write_text("{}")
    Path(environ["DATA_DIR"], ".ready").write_text(sources_key(PROJECT, environ) + "\n")
    return environ


def test_a_prepared_directory_is_served_and_the_lock_is_released(environ: dict[str, str], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tools.start"]
    port = int(environ["PORT"])
    with live.running(command, tmp_path / "start.log", port, environ=environ) as program:
        live.wait_until(lambda: "EcoPredict is ready" in program.output(), 30, "the server is ready")
        assert program.output().splitlines()[:2] == [
            "== Starting the server; Ctrl-C stops it",
            f"EcoPredict is ready: http://127.0.0.1:{port}",
        ]
        lock = os.open(Path(environ["DATA_DIR"], ".start.lock"), os.O_RDWR)
        live.wait_until(lambda: _is_free(lock), 5, "the lock is released")
        os.close(lock)
        start = psutil.Process(program.process.pid)
        live.wait_until(lambda: len(_processes(start, "gunicorn")) == 3, 20, "a server with two processes")
        live.wait_until(lambda: "is ready: 1 at a time" in program.output(), 30, "the worker for jobs is ready")

        second = subprocess.run(command, cwd=PROJECT, env=environ, capture_output=True, text=True, check=False)
        assert (second.returncode, second.stdout) == (1, "")
        assert second.stderr == f"make run: port {port} is taken; choose another with PORT=8123\n"

        assert len(_processes(start, "jobs")) == 1
        family = start.children(recursive=True)
        assert program.stop(signal.SIGINT) == 0
        assert not any(process.is_running() for process in family)


def _processes(start: psutil.Process, word: str) -> list[psutil.Process]:
    return [child for child in start.children(recursive=True) if word in child.cmdline()[1:6] or word in child.name()]


def _is_free(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
