"""Background work: a daemon thread that works soon after it is woken, and work at the end of the process."""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

log = logging.getLogger(__name__)


class WorkerThread:
    """A daemon thread that starts when it is first woken, and again after a fork.

    It ends when nothing else refers to this object: an application that is not used any more does not stay in memory.

    Parameters
    ----------
    name : str
    work : callable
        Does all the waiting work. Its exceptions are logged, and it is called again the next time.
    pause : float
        Seconds between two calls, so that work is done in batches. The first call is immediate.
    delay : float
        Seconds from a wake to the call.
    """

    def __init__(self, name: str, work: Callable[[], object], pause: float = 0.0, delay: float = 0.0) -> None:
        self._name = name
        self._work = work
        self._pauses = pause, delay
        # Locks that the thread waits for. A garbage collection, which may interrupt anything, can release a lock, and
        # could not set an event that the interrupted code is about to set.
        self._woken = _held()
        self._locks: list[threading.Lock] = []
        weakref.finalize(self, _release, self._locks).atexit = False
        self._starting = threading.Lock()
        self._thread: tuple[int, threading.Thread] | None = None

    def wake(self) -> None:
        """Start the work soon, unless it is about to start."""
        if self._runs() and not self._woken.locked():
            return
        with self._starting:
            if not self._runs():
                # new ones: a fork copies a lock also in the middle of a change
                self._woken, ended = _held(), _held()
                self._locks[:] = ended, self._woken
                arguments = weakref.ref(self), self._woken, ended, *self._pauses
                thread = threading.Thread(target=_run, args=arguments, name=self._name, daemon=True)
                self._thread = os.getpid(), thread
                thread.start()
        _release([self._woken])

    def _runs(self) -> bool:
        return self._thread is not None and self._thread[0] == os.getpid() and self._thread[1].is_alive()

    def call(self) -> None:
        """Do the work in the present thread."""
        try:
            self._work()
        except Exception:
            log.exception("unexpected error in the thread %s, it continues", self._name)


def _run(
    owner: weakref.ref[WorkerThread], woken: threading.Lock, ended: threading.Lock, pause: float, delay: float
) -> None:
    last = time.monotonic() - pause
    while woken.acquire():
        if ended.acquire(timeout=max(0.0, delay, last + pause - time.monotonic())):
            return
        # what was put down until now is worked on now
        woken.acquire(blocking=False)
        last = time.monotonic()
        _call(owner)


def _call(owner: weakref.ref[WorkerThread]) -> None:
    worker = owner()
    if worker is not None:
        worker.call()


def _held() -> threading.Lock:
    lock = threading.Lock()
    lock.acquire()
    return lock


def _release(locks: list[threading.Lock]) -> None:
    """Release locks that may be free already."""
    for lock in locks:
        with contextlib.suppress(RuntimeError):
            lock.release()


def at_exit(method: Callable[..., object], *arguments: Any) -> None:
    """Call a method at the end of the process, if its object is still used then."""
    reference = weakref.WeakMethod(method)

    def call() -> None:
        alive = reference()
        if alive is not None:
            alive(*arguments)

    atexit.register(call)
