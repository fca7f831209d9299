"""Work in the background: done soon, also after a failure and after a fork."""

from __future__ import annotations

import gc
import multiprocessing
import subprocess
import sys
import threading
import weakref

import pytest

from app.worker_thread import WorkerThread
from tools import live


def test_it_works_soon_after_it_is_woken_and_goes_on_after_a_failure(caplog):
    done = threading.Semaphore(0)
    fails = [True]

    def work():
        if fails.pop() if fails else False:
            raise ValueError("once")
        done.release()

    background = WorkerThread("test", work)
    background.wake()
    live.wait_until(lambda: "unexpected error in the thread test" in caplog.text, 5)
    background.wake()
    assert done.acquire(timeout=5)


def test_what_is_put_down_while_it_works_is_seen_to():
    waiting, seen = [], []

    def work():
        while waiting:
            seen.append(waiting.pop())

    background = WorkerThread("test", work, pause=0.001)
    for number in range(2000):
        waiting.append(number)
        background.wake()
    live.wait_until(lambda: len(seen) == 2000, 10)


def test_it_works_after_a_fork_too():
    background = WorkerThread("test", lambda: None)
    background.wake()
    context = multiprocessing.get_context("fork")
    worked = context.Event()

    def child():
        background._work = worked.set
        background.wake()
        worked.wait(10)

    process = context.Process(target=child)
    process.start()
    try:
        assert worked.wait(10)
    finally:
        process.join(10)


class Owner:
    """Something that works in the background, such as a component of an application."""

    def __init__(self, pause=0.0, delay=0.0):
        self.worked = threading.Event()
        self.background = WorkerThread(f"thread of {id(self)}", self.work, pause, delay)

    def work(self):
        self.worked.set()

    def threads(self):
        return [one for one in threading.enumerate() if one.name == f"thread of {id(self)}"]


@pytest.mark.parametrize("waits", [{}, {"delay": 60.0}, {"pause": 60.0}])
def test_its_thread_ends_with_the_last_reference(waits):
    owner = Owner(**waits)
    owner.background.wake()
    if "delay" not in waits:
        assert owner.worked.wait(5)
        owner.background.wake()
    (thread,) = owner.threads()
    reference = weakref.ref(owner)
    del owner
    gc.collect()
    thread.join(5)
    assert (reference(), thread.is_alive()) == (None, False)


def test_it_works_after_a_delay():
    owner = Owner(delay=0.05)
    owner.background.wake()
    owner.background.wake()
    assert owner.worked.wait(5)


def test_at_the_end_of_a_process_what_is_still_used_is_called():
    code = (
        "from worker_thread import at_exit\n"
        "class Part:\n"
        "    def __init__(self, name): self.name = name\n"
        "    def end(self, word): print(word, self.name)\n"
        "used, forgotten = Part('used'), Part('forgotten')\n"
        "for part in (used, forgotten): at_exit(part.end, 'end of')\n"
        "del forgotten, part\n"
    )
    # from its own folder the module is imported alone, in a tenth of a second
    folder = live.PROJECT / "app"
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    assert done.stdout == "end of used\n"
