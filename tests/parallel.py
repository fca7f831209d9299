"""Tests in three processes: order of files, folders that are made once, tests that run alone, and an orderly end."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

# One more than a machine of two cores has: tests of running programs often wait.
WORKERS = 3
# First what only computes, because the walk through the containers may run beside it (.ci/run). Then files that wait
# for running programs come between files that compute, so that the machine always has something to compute. Long files
# run before short ones, so that no worker is left with a long file while the others are idle.
COMPUTING = (
    "tests/unit/ml/training/test_train.py",
    "tests/unit/ml/benchmark/test_run.py",
    "tests/unit/ml/test_workers.py",
    "tests/unit/ml/",
    "tests/unit/",
    "tests/contract/trainings/",
    "tests/contract/",
)
WAITING = (
    "tests/services/test_schemathesis.py",
    "tests/services/nginx/",
    "tests/services/test_jobs.py",
    "tests/browser/test_own_cases.py",
    "tests/services/test_mlflow.py",
    "tests/services/test_outbox.py",
    "tests/services/test_gunicorn.py",
    "tests/services/test_migrations.py",
    "tests/services/test_shared_cache.py",
    "tests/browser/test_pages.py",
    "tests/services/",
    "tests/browser/",
)
#: Where the files that wait begin and end among those that compute.
_WAITING_PART = (0.35, 0.95)
# Folders whose files share a fixture that takes long to set up.
TOGETHER = ("tests/services/nginx/",)
_folders: list[Path] = []


def worker_of(config: pytest.Config) -> dict[str, Any] | None:
    """Return the input of this process if it is a worker of pytest-xdist, else None."""
    return getattr(config, "workerinput", None)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Use three workers for folders of tests, and none for single files, which take less time than a worker's start."""
    cores = len(os.sched_getaffinity(0))
    folders = any(Path(argument).is_dir() for argument in config.args)
    return WORKERS if cores > 1 and folders else 0


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from xdist.scheduler import LoadFileScheduling

    class ByFile(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return "alone" if nodeid in _tests_alone(shared_folder(config)) else _scope_of(nodeid)

    return ByFile(config, log)


def _scope_of(nodeid: str) -> str:
    """Return what runs in one worker: a file, or a folder of `TOGETHER`."""
    return next((folder for folder in TOGETHER if nodeid.startswith(folder)), nodeid.partition("::")[0])


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if worker_of(config) is not None:
        places = _places(list(dict.fromkeys(_scope_of(item.nodeid) for item in items)))
        items.sort(key=lambda item: (_is_alone(item), places[_scope_of(item.nodeid)]))
        # for the scheduler in the controller, which does not collect the tests and so knows no markers
        alone = "\n".join(item.nodeid for item in items if _is_alone(item))
        (shared_folder(config) / "alone").write_text(alone)


def _places(scopes: list[str]) -> dict[str, float]:
    """Return the place of each scope in the order, from 0 to 1."""

    def in_order(starts: tuple[str, ...], some: list[str]) -> list[str]:
        def rank(scope: str) -> int:
            return next(at for at, start in enumerate((*starts, "")) if scope.startswith(start))

        return sorted(some, key=rank)

    waiting = in_order(WAITING, [scope for scope in scopes if scope.startswith(WAITING)])
    computing = in_order(COMPUTING, [scope for scope in scopes if not scope.startswith(WAITING)])
    begin, end = _WAITING_PART
    return {
        **{scope: at / len(computing) for at, scope in enumerate(computing)},
        **{scope: begin + (end - begin) * at / len(waiting) for at, scope in enumerate(waiting)},
    }


def _is_alone(item: pytest.Item) -> bool:
    return item.get_closest_marker("alone") is not None


@functools.cache
def _tests_alone(folder: Path) -> frozenset[str]:
    return frozenset((folder / "alone").read_text().splitlines())


def shared_folder(config: pytest.Config) -> Path:
    """Return a folder that the controller and all workers share."""
    worker = worker_of(config)
    if worker is not None:
        return Path(worker["shared_folder"])
    if not _folders:
        folder = Path(tempfile.mkdtemp(prefix="ecopredict-tests-"))
        # PostgreSQL does not run as root, and must be able to read it
        folder.chmod(0o755)
        _folders.append(folder)
    return _folders[0]


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    node.workerinput["shared_folder"] = str(shared_folder(node.config))
    node.workerinput["is_compiled"] = _is_compiled()


@functools.cache
def _is_compiled() -> bool:
    """Return whether pytest has compiled the tests before, or keeps nothing; asked before it compiles them."""
    return sys.dont_write_bytecode or any(Path(__file__).with_name("unit").glob("__pycache__/test_*.pyc"))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection(session: pytest.Session) -> Iterator[object]:
    """Let one worker compile the tests, which takes as long as their collection, before the others collect them."""
    worker = worker_of(session.config)
    if worker is None or worker["is_compiled"]:
        return (yield)
    lock = shared_folder(session.config) / "collection"
    with lock.open("a") as first:
        try:
            fcntl.flock(first, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            fcntl.flock(first, fcntl.LOCK_SH)
        return (yield)


@pytest.fixture(scope="session")
def once(request: pytest.FixtureRequest) -> Callable[[str, Callable[[Path], object]], Path]:
    """Return a function that has a folder made by the first worker that needs it; the others wait."""
    shared = shared_folder(request.config)

    def made(name: str, make: Callable[[Path], object]) -> Path:
        folder, unfinished = shared / name, shared / f"{name}.unfinished"
        with _locked(shared / f"{name}.lock", fcntl.LOCK_EX):
            if not folder.exists():
                shutil.rmtree(unfinished, ignore_errors=True)
                make(unfinished)
                unfinished.rename(folder)
        return folder

    return made


@contextlib.contextmanager
def _locked(file: Path, mode: int) -> Iterator[None]:
    with file.open("a") as lock:
        fcntl.flock(lock, mode)
        yield


@contextlib.contextmanager
def _turn(item: pytest.Item, alone: bool) -> Iterator[None]:
    """Run a phase of a test together with others, or alone.

    A phase that runs alone keeps the lock ``next`` while it waits for the others to end, so that no other one starts.
    """
    if worker_of(item.config) is None:
        yield
        return
    shared = shared_folder(item.config)
    with contextlib.ExitStack() as stack:
        with _locked(shared / "next", fcntl.LOCK_EX):
            stack.enter_context(_locked(shared / "running", fcntl.LOCK_EX if alone else fcntl.LOCK_SH))
        yield


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    with _turn(item, alone=False):
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    with _turn(item, alone=_is_alone(item)):
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    with _turn(item, alone=False):
        return (yield)


def pytest_configure(config: pytest.Config) -> None:
    """Let SIGTERM and SIGHUP end the tests as Ctrl-C does, so that fixtures end their servers."""
    config.addinivalue_line("markers", "alone: no other test runs at the same time, because this one measures time")
    config.addinivalue_line("markers", "thorough: for `make thorough`; another test of the same code always runs")
    signals = [signal.SIGTERM, signal.SIGHUP]
    if worker_of(config) is not None:
        signals.append(signal.SIGINT)

    def stop(number: int, _frame: object) -> None:
        if worker_of(config) is not None:
            # the terminal, the controller and pytest-xdist may send more, which must not interrupt the fixtures
            for other in signals:
                signal.signal(other, signal.SIG_IGN)
        raise KeyboardInterrupt(f"signal {number}")

    for number in signals:
        signal.signal(number, stop)
    if config.getoption("tx", None):
        # read when the workers import numpy; each of them has one core
        os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"))


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Wait until workers have ended their servers: pytest-xdist would kill the workers after a few seconds."""
    if exitstatus != pytest.ExitCode.INTERRUPTED or not session.config.getoption("tx", None):
        return
    folder, workers = shared_folder(session.config), psutil.Process().children()
    for worker in workers:
        worker.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and any(w.is_running() and not _ended(folder, w.pid).exists() for w in workers):
        time.sleep(0.05)


def pytest_unconfigure(config: pytest.Config) -> None:
    # a failed test may have left one, for which multiprocessing would wait; joblib ends its own
    for child in multiprocessing.active_children():
        if not type(child).__module__.startswith("joblib."):
            child.kill()
    if worker_of(config) is not None:
        _ended(shared_folder(config), os.getpid()).touch()
    while _folders:
        shutil.rmtree(_folders.pop(), ignore_errors=True)


def _ended(folder: Path, pid: int) -> Path:
    """Return the file that a worker creates when it has ended its servers."""
    return folder / f"ended-{pid}"
