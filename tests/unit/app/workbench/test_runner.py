"""The program that works on files of users: a process with limits, without secrets, which ends with its starter."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest
from flask import Flask

from app.errors import Unavailable
from app.workbench import runner
from tools import live


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    app = Flask(__name__)
    app.config["SETTINGS"] = type("Settings", (), {"data_dir": tmp_path})
    return app


def program(code: str):
    """A starter of a program that is not the workbench."""
    return lambda watched: subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=(watched,),
        process_group=0,
    )


def test_an_operation_is_done_and_a_bad_one_is_said_in_one_line(app: Flask) -> None:
    with app.app_context():
        done = runner.run("crs", {"kind": "crs", "texts": ["EPSG:4326", "nonsense"]})
        assert done == {"unknown": ["nonsense"]}
        with pytest.raises(runner.WorkbenchError, match=r"^the payload has no member 'texts'$"):
            runner.run("crs", {"kind": "crs"})


def test_the_process_gets_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SECRET_KEY", "DATABASE_URL", "REDIS_URL", "SMTP_PASSWORD"):
        monkeypatch.setenv(name, "hunter2")
    reading, writing = os.pipe()
    process = runner.start(reading)
    try:
        os.close(reading)
        # the kernel shows no environment until it has loaded the program
        live.wait_until(lambda: bool(psutil.Process(process.pid).environ()), 30, "the program is loaded")
        environ = psutil.Process(process.pid).environ()
        assert "PATH" in environ
        assert "hunter2" not in environ.values()
        assert os.getpgid(process.pid) == process.pid
        # it waits for its request; the pipe is closed as the death of this process would close it
        os.close(writing)
        assert process.wait(30) == 4
    finally:
        runner._end(process)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (
            "import sys; print('x'); print('workbench: row 3: no number', file=sys.stderr); sys.exit(2)",
            "row 3: no number",
        ),
        ("import sys; sys.exit(3)", "Reading needs more memory than this server gives it."),
        (
            "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
            "Reading needs more memory than this server gives it.",
        ),
        ("1 / 0", "The file cannot be read: the program that reads it stopped with an error."),
    ],
)
def test_each_end_of_the_program_has_a_message(
    app: Flask, monkeypatch: pytest.MonkeyPatch, code: str, message: str
) -> None:
    monkeypatch.setattr(runner, "start", program(code))
    with app.app_context(), pytest.raises(runner.WorkbenchError) as refused:
        runner.run("crs", {})
    assert str(refused.value) == message


def test_what_takes_too_long_is_ended_with_its_processes(
    app: Flask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    code = (
        "import subprocess, sys, time, pathlib;"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
        f"pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(child.pid)); time.sleep(600)"
    )
    monkeypatch.setattr(runner, "start", program(code))
    with app.app_context(), pytest.raises(runner.WorkbenchError, match="took longer than 2 seconds"):
        runner.run("crs", {}, timeout_s=2)
    child = int((tmp_path / "pid").read_text())
    live.wait_until(lambda: not live_process(child), 10, "the child has ended")


def live_process(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_few_run_at_a_time(app: Flask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    go = tmp_path / "go"
    code = f"import pathlib, time\nwhile not pathlib.Path({str(go)!r}).exists(): time.sleep(0.01)\nprint('{{}}')"
    started: list[int] = []

    def start(watched: int) -> subprocess.Popen[bytes]:
        process = program(code)(watched)
        started.append(process.pid)
        return process

    monkeypatch.setattr(runner, "start", start)
    monkeypatch.setattr(runner, "_WAIT_S", 0.2)

    def one() -> None:
        with app.app_context():
            runner.run("crs", {})

    threads = [threading.Thread(target=one) for _ in range(runner.SLOTS)]
    for thread in threads:
        thread.start()
    try:
        live.wait_until(lambda: len(started) == runner.SLOTS, 20, "all slots are used")
        with app.app_context(), pytest.raises(Unavailable, match="Other files are being read"):
            runner.run("crs", {})
    finally:
        go.touch()
        for thread in threads:
            thread.join()
    with app.app_context():
        assert runner.run("crs", {}) == {}
