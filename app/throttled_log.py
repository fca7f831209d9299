"""Warnings about a trouble that lasts: said once a minute, not once a request."""

from __future__ import annotations

import logging
import threading
import time

EVERY = 60.0


class ThrottledLog:
    """One kind of warning.

    Parameters
    ----------
    log : logging.Logger
        Where it is said.
    """

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._lock = threading.Lock()
        self._next = 0.0

    def warning(self, message: str, *args: object) -> None:
        """Say it, unless it was said within the last minute."""
        now = time.monotonic()
        with self._lock:
            if now < self._next:
                return
            self._next = now + EVERY
        self._log.warning(message, *args)
