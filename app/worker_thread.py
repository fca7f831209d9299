"""Background work: a daemon thread that works soon after it is woken."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable

log = logging.getLogger(__name__)


class WorkerThread:
    """A daemon thread that starts when it is first woken, and again after a fork.

    Parameters
    ----------
    name : str
    work : callable
        Does all the waiting work. Its exceptions are logged, and it is called again the next time.
    pause : float
        Seconds between two calls, so that work is done in batches. The first call is immediate.
    """

    def __init__(self, name: str, work: Callable[[], object], pause: float = 0.0) -> None:
        self._name = name
        self._work = work
        self._pause = pause
        self._woken = threading.Event()
        self._starting = threading.Lock()
        self._thread: tuple[int, threading.Thread] | None = None

    def wake(self) -> None:
        """Start the work soon, unless it is about to start."""
        if self._woken.is_set() and self._runs():
            return
        with self._starting:
            if not self._runs():
                thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread = os.getpid(), thread
                thread.start()
        self._woken.set()

    def _runs(self) -> bool:
        return self._thread is not None and self._thread[0] == os.getpid() and self._thread[1].is_alive()

    def _run(self) -> None:
        last = time.monotonic() - self._pause
        while self._woken.wait():
            time.sleep(max(0.0, last + self._pause - time.monotonic()))
            self._woken.clear()
            last = time.monotonic()
            try:
                self._work()
            except Exception:
                log.exception("unexpected error in the thread %s, it continues", self._name)
