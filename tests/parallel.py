"""Tests on two cores: which run side by side, what is made once for all, and how all of it ends."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

WORKERS = 2
# the longest first, so that no worker is left with a long file while the other has nothing to do
BY_LENGTH = (
    "tests/services/",
    *(
        f"tests/unit/ml/test_{name}.py"
        for name in ("training", "interval_coverage", "benchmark", "workers", "commands")
    ),
    "tests/browser/",
    "tests/contract/",
)
# files whose tests share something that is dear to start
TOGETHER = ("tests/services/nginx/",)
_rooms: list[Path] = []


def worker_of(config: pytest.Config) -> dict[str, Any] | None:
    """What this process was told if it is a worker of pytest-xdist."""
    return getattr(config, "workerinput", None)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Two workers for folders of tests, none for single files, whose tests are over before a worker has started."""
    cores = len(os.sched_getaffinity(0))
    folders = any(Path(argument).is_dir() for argument in config.args)
    return WORKERS if cores >= WORKERS and folders else 0


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from xdist.scheduler import LoadFileScheduling

    class ByFile(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            if nodeid in _alone_in(common_room(config)):
                return "alone"
            return next((folder for folder in TOGETHER if nodeid.startswith(folder)), super()._split_scope(nodeid))

    return ByFile(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> tuple[bool, int]:
        found = (at for at, start in enumerate(BY_LENGTH) if item.nodeid.startswith(start))
        return _is_alone(item), next(found, len(BY_LENGTH))

    if worker_of(config) is not None:
        items.sort(key=place)
        # for the scheduler, which has never seen the tests
        _list_of_alone(common_room(config)).write_text("\n".join(item.nodeid for item in items if _is_alone(item)))


def _is_alone(item: pytest.Item) -> bool:
    return item.get_closest_marker("alone") is not None


def _list_of_alone(room: Path) -> Path:
    return room / "alone"


@functools.cache
def _alone_in(room: Path) -> frozenset[str]:
    return frozenset(_list_of_alone(room).read_text().splitlines())


# a room that all workers share


def common_room(config: pytest.Config) -> Path:
    told = worker_of(config)
    if told is not None:
        return Path(told["common_room"])
    if not _rooms:
        room = Path(tempfile.mkdtemp(prefix="ecopredict-tests-"))
        # other users may enter: PostgreSQL does not run as root
        room.chmod(0o755)
        _rooms.append(room)
    return _rooms[0]


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    node.workerinput["common_room"] = str(common_room(node.config))


@pytest.fixture(scope="session")
def once(request: pytest.FixtureRequest) -> Callable[[str, Callable[[Path], object]], Path]:
    """Have a folder made by whichever worker comes first; others wait for it."""
    room = common_room(request.config)

    def have(name: str, make: Callable[[Path], object]) -> Path:
        folder, unfinished = room / name, room / f"{name}.unfinished"
        with _locked(room / f"{name}.lock", fcntl.LOCK_EX):
            if not folder.exists():
                shutil.rmtree(unfinished, ignore_errors=True)
                make(unfinished)
                unfinished.rename(folder)
        return folder

    return have


@contextlib.contextmanager
def _locked(file: Path, how: int) -> Iterator[None]:
    with file.open("a") as lock:
        fcntl.flock(lock, how)
        yield


# tests that measure time are alone while they do


@contextlib.contextmanager
def _company(item: pytest.Item, alone: bool) -> Iterator[None]:
    """Be among other tests, or alone: then no other begins any more, and those that have begun are waited for."""
    if worker_of(item.config) is None:
        yield
        return
    room = common_room(item.config)
    with contextlib.ExitStack() as inside:
        with _locked(room / "door", fcntl.LOCK_EX):
            inside.enter_context(_locked(room / "inside", fcntl.LOCK_EX if alone else fcntl.LOCK_SH))
        yield


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    with _company(item, alone=False):
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    with _company(item, alone=_is_alone(item)):
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    with _company(item, alone=False):
        return (yield)


# the end


def pytest_configure(config: pytest.Config) -> None:
    """Being told to stop runs the fixtures' ends, so that no server is left behind."""
    config.addinivalue_line("markers", "alone: no other test runs meanwhile, because this one measures time")
    signals = [signal.SIGTERM, signal.SIGHUP]
    if worker_of(config) is not None:
        signals.append(signal.SIGINT)

    def stop(number: int, _frame: object) -> None:
        if worker_of(config) is not None:
            # the terminal, the controller and pytest-xdist may all say so: the ends are not to be interrupted
            for one in signals:
                signal.signal(one, signal.SIG_IGN)
        raise KeyboardInterrupt(f"signal {number}")

    for number in signals:
        signal.signal(number, stop)
    if config.getoption("tx", None):
        # read as numpy is imported, in the workers that start from here: they share the cores out among themselves
        os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"))


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Let workers end their servers: pytest-xdist gives them seconds, and then kills them but not their servers."""
    if exitstatus != pytest.ExitCode.INTERRUPTED or not session.config.getoption("tx", None):
        return
    room, workers = common_room(session.config), psutil.Process().children()
    for worker in workers:
        worker.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and any(w.is_running() and not _ended(room, w.pid).exists() for w in workers):
        time.sleep(0.05)


def pytest_unconfigure(config: pytest.Config) -> None:
    if worker_of(config) is not None:
        _ended(common_room(config), os.getpid()).touch()
    while _rooms:
        shutil.rmtree(_rooms.pop(), ignore_errors=True)


def _ended(room: Path, pid: int) -> Path:
    return room / f"ended-{pid}"
