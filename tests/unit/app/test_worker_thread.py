"""Work in the background: done soon, also after a failure and after a fork."""

from __future__ import annotations

import multiprocessing
import threading

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
