"""`make run` starts a worker for jobs beside the server, and ends both."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.unit.tools.start_tree import Tree, runs
from tools import live


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Tree]:
    made = Tree(tmp_path)
    made.serves()
    made.remove_log()
    (made.folder / "workers").unlink(missing_ok=True)
    yield made
    for process in made.started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def _start(tree: Tree) -> tuple[psutil.Process, psutil.Process, psutil.Process]:
    """Start; return the processes of the start, the server and the worker."""
    process = tree.start()
    live.wait_until(lambda: bool(tree.workers()), 20, "the worker starts")
    assert live.listens(tree.port), "the worker starts after the server"
    start = psutil.Process(process.pid)
    (server,) = (child for child in start.children() if "gunicorn" in " ".join(child.cmdline()))
    return start, server, psutil.Process(tree.workers()[0])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_server_and_the_worker(tree: Tree, number: signal.Signals) -> None:
    start, server, worker = _start(tree)
    start.send_signal(number)
    tree.started[-1].communicate(timeout=20)
    assert not runs(server.pid)
    assert not runs(worker.pid)
    assert not live.listens(tree.port)


def test_a_killed_start_leaves_neither_behind(tree: Tree) -> None:
    start, server, worker = _start(tree)
    start.kill()
    live.wait_until(lambda: not runs(server.pid) and not runs(worker.pid), 10, "both end")


def test_the_end_of_the_server_ends_the_worker(tree: Tree) -> None:
    _, server, worker = _start(tree)
    server.kill()
    tree.started[-1].communicate(timeout=20)
    assert tree.started[-1].returncode == 128 + signal.SIGKILL
    assert not runs(worker.pid)


def test_a_dead_worker_is_reported_and_started_again(tree: Tree) -> None:
    _, server, worker = _start(tree)
    worker.kill()
    live.wait_until(lambda: len(tree.workers()) == 2, 10, "another worker starts")
    assert runs(server.pid)
    tree.touch("dying-worker")
    psutil.Process(tree.workers()[1]).kill()
    live.wait_until(lambda: len(tree.workers()) == 3, 10, "a third worker starts")
    tree.started[-1].send_signal(signal.SIGINT)
    lines = tree.started[-1].communicate(timeout=20)[1].splitlines()
    assert lines[0] == "make run: the worker for jobs ended (exit -9); it starts again in 1 s"
    assert lines[1] == "make run: the worker for jobs ended (exit -9); it starts again in 2 s"
