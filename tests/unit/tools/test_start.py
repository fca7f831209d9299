"""`tools/start.py` in a small tree: the same script, with steps that take no time and can be told to hang or fail."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil
import pytest

from tools import live
from tools.live import PROJECT

STEPS = ["fetch", "upgrade", "train", "register"]
STOPPED = "Stopped. The next `make run` goes on from here."
# The command that stands for each step. While a file `hang-NAME` exists, it waits with a child process; `stubborn-NAME`
# makes both ignore SIGTERM, `fail-NAME` makes it fail.
STEP = """
import os, signal, subprocess, sys, time
from pathlib import Path

name = next(word for word in ("fetch", "upgrade", "train", "register") if word in " ".join(sys.argv))
data = Path(os.environ["DATA_DIR"])
with open("log", "a") as log:
    log.write(name + "\\n")
if Path(f"stubborn-{name}").exists():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if Path(f"hang-{name}").exists():
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
    Path("draft").write_text(f"{os.getpid()} {child.pid}")
    Path("draft").rename("pids")
    while Path(f"hang-{name}").exists():
        time.sleep(0.02)
    child.kill()
if Path(f"fail-{name}").exists():
    sys.exit(3)
result = {
    "fetch": Path("app/static/vendor/htmx.min.js"),
    "upgrade": data / "ecopredict.db",
    "train": data / "models/study/species/model/manifest.json",
    "register": data / "registered",
}[name]
result.parent.mkdir(parents=True, exist_ok=True)
result.touch()
"""
# As gunicorn with the shipped settings, it closes the lock when it listens.
SERVER = """
import os, socket, time
with open("log", "a") as log:
    log.write("serve\\n")
server = socket.create_server(("127.0.0.1", int(os.environ["PORT"])))
os.close(int(os.environ["START_LOCK_FD"]))
print("ready", flush=True)
time.sleep(300)
"""


class Tree:
    """A tree that `tools/start.py` starts in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "instance"
        self.port = live.free_port()
        self.started: list[subprocess.Popen[str]] = []
        self._write(
            "tools/start.py", (PROJECT / "tools/start.py").read_text().replace("_GRACE_S = 10.0", "_GRACE_S = 0.5")
        )
        for path in ("requirements.txt", "tools/fetched.toml", "migrations/env.py"):
            self._write(path, "")
        self._write("tools/fetch.py", STEP)
        self._write("ml/__main__.py", STEP)
        interpreter = Path(sys.executable).resolve()
        self._write(".venv/bin/flask", f"#!{interpreter}\n{STEP}").chmod(0o755)
        self._write(".venv/bin/gunicorn", f"#!{interpreter}\n{SERVER}").chmod(0o755)
        (folder / ".venv/bin/python").symlink_to(interpreter)

    def _write(self, path: str, text: str) -> Path:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def touch(self, name: str) -> None:
        (self.folder / name).touch()

    def remove(self, name: str) -> None:
        (self.folder / name).unlink()

    def start(self, port: int | str | None = None, prefix: Sequence[str] = ()) -> subprocess.Popen[str]:
        environ = {name: value for name, value in os.environ.items() if name not in ("DATA_DIR", "PORT")}
        process = subprocess.Popen(
            [*prefix, self.folder / ".venv/bin/python", "tools/start.py"],
            cwd=self.folder, env=environ | {"PORT": str(port or self.port)}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            # nohup's SIG_IGN would be inherited
            preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
        )  # fmt: skip
        self.started.append(process)
        return process

    def fails(self, port: int | str | None = None, prefix: Sequence[str] = ()) -> str:
        """Start, expect exit code 1, and return what was written to standard error."""
        process = self.start(port, prefix)
        error = process.communicate(timeout=20)[1]
        assert process.returncode == 1, error
        return error

    def serves(self, port: int | None = None) -> list[str]:
        """Start, wait for the server, end it, and return the steps that were run."""
        self.remove_log()
        process = self.start(port)
        live.wait_until(lambda: live.listens(port or self.port), 20, "the server listens")
        process.terminate()
        process.communicate(timeout=20)
        assert self.log().pop() == "serve"
        return self.log()[:-1]

    def log(self) -> list[str]:
        file = self.folder / "log"
        return file.read_text().splitlines() if file.exists() else []

    def remove_log(self) -> None:
        (self.folder / "log").unlink(missing_ok=True)

    def hanging(self) -> list[int]:
        """Wait for the step that hangs; return the ids of its process and of the child of that."""
        pids = self.folder / "pids"
        live.wait_until(pids.exists, 20, "the step hangs")
        return [int(pid) for pid in pids.read_text().split()]

    def stamps(self) -> list[str]:
        return sorted(path.name for path in self.data.glob(".ready*"))


def runs(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Tree]:
    made = Tree(tmp_path / "tree")
    yield made
    for process in made.started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_the_second_start_only_serves(tree: Tree) -> None:
    assert tree.serves() == STEPS
    assert tree.serves() == []
    assert tree.stamps() == [".ready"]


@pytest.mark.parametrize(
    ("number", "step"), [(signal.SIGINT, "fetch"), (signal.SIGHUP, "upgrade"), (signal.SIGTERM, "train")]
)
def test_a_signal_ends_the_step_and_its_children(tree: Tree, number: signal.Signals, step: str) -> None:
    tree.touch(f"hang-{step}")
    process = tree.start()
    pids = tree.hanging()
    process.send_signal(number)
    error = process.communicate(timeout=20)[1]
    assert process.returncode == 128 + number
    assert error.splitlines()[-1] == STOPPED
    assert not any(map(runs, pids))
    assert tree.stamps() == []
    tree.remove(f"hang-{step}")
    assert tree.serves() == STEPS


def test_a_second_signal_does_not_leave_a_stubborn_step_behind(tree: Tree) -> None:
    tree.touch("hang-train")
    tree.touch("stubborn-train")
    process = tree.start()
    pids = tree.hanging()
    for _ in range(2):
        process.send_signal(signal.SIGINT)
        live.wait_until(lambda: not runs(pids[1]), 20, "the child ends")
    assert process.wait(20) == 128 + signal.SIGINT
    assert not any(map(runs, pids))


@pytest.mark.parametrize("step", STEPS)
def test_a_step_that_fails_is_one_line_and_is_run_again(tree: Tree, step: str) -> None:
    tree.touch(f"fail-{step}")
    error = tree.fails()
    assert error.count("\n") == 1
    assert error.startswith("make run: ")
    assert error.endswith("failed (exit 3); the next `make run` tries again\n")
    assert tree.log() == STEPS[: STEPS.index(step) + 1]
    assert tree.stamps() == []
    tree.remove(f"fail-{step}")
    assert tree.serves() == STEPS


def test_a_killed_start_leaves_no_stamp(tree: Tree) -> None:
    assert tree.serves() == STEPS
    # the stamp of other sources is removed before the first step
    tree.folder.joinpath("ml/__main__.py").write_text(STEP + "# changed\n")
    tree.touch("hang-train")
    process = tree.start()
    pids = tree.hanging()
    process.kill()
    process.wait(20)
    for pid in pids:
        psutil.Process(pid).kill()
    assert tree.stamps() == []
    tree.remove("hang-train")
    assert tree.serves() == STEPS


@pytest.mark.parametrize(
    "path",
    ["instance/ecopredict.db", "instance/models/study/species/model/manifest.json", "app/static/vendor/htmx.min.js"],
)
def test_a_stamp_without_its_results_does_not_count(tree: Tree, path: str) -> None:
    assert tree.serves() == STEPS
    tree.remove(path)
    assert tree.serves() == STEPS


def test_a_stamp_of_something_else_does_not_count(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    assert tree.serves() == STEPS
    for content in (b"0" * 64, b"", b"\xff\xfe"):
        (tree.data / ".ready").write_bytes(content)
        assert tree.serves() == STEPS
    monkeypatch.setenv("DATABASE_URL", "postgresql://localhost/eco")
    assert tree.serves() == STEPS


@pytest.mark.parametrize("port", ["web", "0", "65536", "-1"])
def test_a_port_that_is_none_is_one_line(tree: Tree, port: str) -> None:
    assert tree.fails(port) == f"make run: PORT={port} is not a port; choose a number from 1 to 65535\n"
    assert tree.log() == []


def test_a_port_that_is_taken_is_one_line(tree: Tree) -> None:
    with socket.create_server(("127.0.0.1", tree.port)):
        assert tree.fails() == f"make run: port {tree.port} is taken; choose another with PORT=8123\n"
    assert tree.log() == []


def test_a_port_that_is_taken_during_the_preparation_is_one_line(tree: Tree) -> None:
    tree.touch("hang-register")
    process = tree.start()
    tree.hanging()
    with socket.create_server(("127.0.0.1", tree.port)):
        tree.remove("hang-register")
        error = process.communicate(timeout=20)[1]
    assert process.returncode == 1
    assert error == f"make run: port {tree.port} is taken; choose another with PORT=8123\n"
    # the preparation itself was completed
    assert tree.serves() == []


def test_a_privileged_port_is_one_line(tree: Tree) -> None:
    lowest = int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text())
    if lowest <= 1:
        pytest.skip("this system lets every user listen on every port")
    # root without the capability to use such ports, as every other user is
    without = ["setpriv", "--bounding-set", "-net_bind_service"] if os.geteuid() == 0 else []
    error = tree.fails(lowest - 1, prefix=without)
    assert error == f"make run: port {lowest - 1} needs root; choose another with PORT=8123\n"


def test_a_data_directory_that_cannot_be_made_is_one_line(tree: Tree) -> None:
    tree.data.write_text("a file")
    error = tree.fails()
    assert error == f"make run: {tree.data}: File exists\n"


def test_starts_at_once_prepare_one_after_the_other(tree: Tree) -> None:
    tree.touch("hang-train")
    first = tree.start()
    tree.hanging()
    port = live.free_port()
    same_port, other_port = tree.start(), tree.start(port)
    waiting = f"== Another `make run` is preparing {tree.data}; waiting for it\n"
    assert [process.stdout.readline() for process in (same_port, other_port)] == [waiting, waiting]
    assert tree.log() == STEPS[:3]

    tree.remove("hang-train")
    error = same_port.communicate(timeout=20)[1]
    assert (same_port.returncode, error) == (1, f"make run: port {tree.port} is taken; choose another with PORT=8123\n")
    live.wait_until(lambda: live.listens(port), 20, "the server on the other port listens")
    assert tree.log() == [*STEPS, "serve", "serve"]
    assert first.poll() is None


def test_a_start_that_waits_takes_over_from_one_that_fails(tree: Tree) -> None:
    tree.touch("hang-train")
    tree.touch("fail-train")
    first = tree.start()
    tree.hanging()
    second = tree.start()
    assert "waiting for it" in second.stdout.readline()
    tree.remove("hang-train")
    assert first.wait(20) == 1
    assert second.wait(20) == 1
    assert tree.log() == STEPS[:3] * 2


def test_a_start_that_waits_can_be_stopped(tree: Tree) -> None:
    tree.touch("hang-fetch")
    first = tree.start()
    pids = tree.hanging()
    second = tree.start()
    assert "waiting for it" in second.stdout.readline()
    second.send_signal(signal.SIGINT)
    assert second.communicate(timeout=20)[1].splitlines()[-1] == STOPPED
    assert second.returncode == 128 + signal.SIGINT
    assert first.poll() is None
    assert all(map(runs, pids))
    first.terminate()
    assert first.wait(20) == 128 + signal.SIGTERM
