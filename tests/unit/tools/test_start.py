"""`tools/start.py` in a small tree whose steps take no time."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.unit.tools.start_tree import STEP, STEPS, Tree, runs
from tools import live
from tools.live import PROJECT

STOPPED = "Stopped. The next `make run` goes on from here."


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
    live.wait_until(lambda: not any(map(runs, pids)), 20, "the step and its child end")
    assert tree.stamps() == []
    tree.remove("hang-train")
    assert tree.serves() == STEPS


def test_a_stubborn_step_of_a_killed_start_ends(tree: Tree) -> None:
    tree.touch("hang-train")
    tree.touch("stubborn-train")
    process = tree.start()
    pids = tree.hanging()
    process.kill()
    process.wait(20)
    live.wait_until(lambda: not any(map(runs, pids)), 20, "the step and its child end")


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs setpriv (util-linux)")
@pytest.mark.parametrize("step", ["train", None])
def test_a_killed_make_ends_everything_that_it_started(tree: Tree, step: str | None) -> None:
    shutil.copy(PROJECT / "Makefile", tree.folder)
    (tree.folder / "tools/venv.sh").touch()
    if step is None:
        assert tree.serves() == STEPS
    else:
        tree.touch(f"hang-{step}")
    make = subprocess.Popen(
        ["make", "run", f"PORT={tree.port}"], cwd=tree.folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        env={name: value for name, value in os.environ.items() if name not in ("DATA_DIR", "MAKEFLAGS")},
    )  # fmt: skip
    tree.started.append(make)
    if step is None:
        live.wait_until(lambda: live.listens(tree.port), 20, "the server listens")
    else:
        tree.hanging()
    family = [child.pid for child in psutil.Process(make.pid).children(recursive=True)]
    assert family
    make.kill()
    make.wait(20)
    live.wait_until(lambda: not any(map(runs, family)), 20, "everything ends")
    assert not live.listens(tree.port)


def test_drafts_of_killed_starts_are_removed(tree: Tree) -> None:
    old, new = tree.data / "raw/a/.fetching-old", tree.folder / "app/static/vendor/.fetching-new"
    for draft in (old, new, tree.data / ".ready-12345"):
        draft.parent.mkdir(parents=True, exist_ok=True)
        draft.touch()
    os.utime(old, (0, 0))
    assert tree.serves() == STEPS
    assert (old.exists(), new.exists(), tree.stamps()) == (False, True, [".ready"])


@pytest.mark.parametrize(
    "path",
    [
        "instance/ecopredict.db",
        "instance/models/study/species/model/manifest.json",
        "instance/layers/study/key/layers.json",
        "app/static/vendor/htmx.min.js",
    ],
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
