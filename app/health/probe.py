"""Health checks with a time limit: a component is down if its check does not end in time."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from flask import Flask

log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass
class _Run(Generic[T]):
    """One run of a check."""

    result: T
    done: threading.Event = field(default_factory=threading.Event)


class Probe(Generic[T]):
    """One check in its own thread; requests that arrive while it runs share the run.

    Parameters
    ----------
    check : callable
    fallback : object
        The result of a check that fails or does not end in time.
    """

    def __init__(self, check: Callable[[], T], fallback: T) -> None:
        self._check = check
        self._fallback = fallback
        self._lock = threading.Lock()
        self._run: _Run[T] | None = None

    def start(self, app: Flask) -> Callable[[float], T]:
        """Start the check unless it is running.

        Parameters
        ----------
        app : Flask

        Returns
        -------
        callable
            Takes a time of ``time.monotonic``, waits until then at most, and returns the result.
        """
        with self._lock:
            run = self._run
            if run is None or run.done.is_set():
                run = self._run = _Run(self._fallback)
                # a daemon thread, so that a check that hangs does not keep the process from ending
                threading.Thread(target=self._work, args=(app, run), name="probe", daemon=True).start()
        current = run

        def wait(until: float) -> T:
            current.done.wait(max(0.0, until - time.monotonic()))
            return current.result

        return wait

    def _work(self, app: Flask, run: _Run[T]) -> None:
        try:
            with app.app_context():
                run.result = self._check()
        except Exception:
            log.exception("a health check failed")
        finally:
            run.done.set()
