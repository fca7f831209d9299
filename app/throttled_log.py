"""Warnings about lasting problems, logged once a minute instead of once a request."""

from __future__ import annotations

import logging
import threading
import time

# In seconds.
EVERY = 60.0


class ThrottledLog:
    """A logger for one kind of warning.

    Parameters
    ----------
    log : logging.Logger
    """

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._lock = threading.Lock()
        self._next = 0.0

    def warning(self, message: str, *args: object) -> None:
        """Log a warning, unless one was logged within the last minute."""
        now = time.monotonic()
        with self._lock:
            if now < self._next:
                return
            self._next = now + EVERY
        self._log.warning(message, *args)
