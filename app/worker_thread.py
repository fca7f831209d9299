"""Work that no request waits for: a thread of this process that runs soon after it is asked to."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable

log = logging.getLogger(__name__)


class WorkerThread:
    """A daemon thread that is started when it is first needed, and again after a fork.

    Parameters
    ----------
    name : str
    work : callable
        Does all there is to do. What it raises is logged, and it is called again the next time.
    pause : float
        Seconds from one time to the next, in which more work may come together; the first time it is done at once.
    """

    def __init__(self, name: str, work: Callable[[], object], pause: float = 0.0) -> None:
        self._name = name
        self._work = work
        self._pause = pause
        self._woken = threading.Event()
        self._starting = threading.Lock()
        self._thread: tuple[int, threading.Thread] | None = None

    def wake(self) -> None:
        """See to it that the work is done, if it is not about to be."""
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
                log.exception("%s met something unexpected and goes on", self._name)
