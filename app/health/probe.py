"""Checks that keep nobody waiting: a part that hangs is down, whatever it hangs in."""

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

    found: T
    done: threading.Event = field(default_factory=threading.Event)


class Probe(Generic[T]):
    """One check, in a thread of its own; all who ask while it runs wait for the same run.

    Parameters
    ----------
    check : callable
    otherwise : object
        What is told where the check does not end in time, or fails.
    """

    def __init__(self, check: Callable[[], T], otherwise: T) -> None:
        self._check = check
        self._otherwise = otherwise
        self._lock = threading.Lock()
        self._run: _Run[T] | None = None

    def begin(self, app: Flask) -> Callable[[float], T]:
        """Start the check unless it runs already.

        Parameters
        ----------
        app : Flask

        Returns
        -------
        callable
            Waits until a moment of the steady clock, and returns what was found until then.
        """
        with self._lock:
            run = self._run
            if run is None or run.done.is_set():
                run = self._run = _Run(self._otherwise)
                # a daemon, so that a check that hangs does not keep the process from ending
                threading.Thread(target=self._work, args=(app, run), name="probe", daemon=True).start()
        started = run

        def wait(until: float) -> T:
            started.done.wait(max(0.0, until - time.monotonic()))
            return started.found

        return wait

    def _work(self, app: Flask, run: _Run[T]) -> None:
        try:
            with app.app_context():
                run.found = self._check()
        except Exception:
            log.exception("a check of the health failed")
        finally:
            run.done.set()
