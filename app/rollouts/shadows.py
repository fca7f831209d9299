"""Copies of requests that the candidate of a shadow computes beside the requests."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from flask import Flask

from app.catalogue.entries import RolloutEntry
from app.components import components
from app.rollouts.failures import cannot_be_opened, is_about_the_request
from app.rollouts.measures import Answered, Measures
from app.throttled_log import ThrottledLog
from app.worker_thread import WorkerThread

log = logging.getLogger(__name__)
_failure = ThrottledLog(log)
_EVERY_S = 0.1
#: Copies that wait at most; more are dropped.
MOST_WAITING = 500


@dataclass(frozen=True)
class Copy:
    """A request that the active model has answered.

    Attributes
    ----------
    rollout : RolloutEntry
    answered : Answered
        By the active model.
    group : int
        Of the client.
    compute : callable
        Computes the answer of the candidate.
    """

    rollout: RolloutEntry
    answered: Answered
    group: int
    compute: Callable[[], Answered]


class Shadows:
    """A bounded queue of copies, and the thread of this process that computes them.

    Parameters
    ----------
    app : Flask
    measures : Measures
    """

    def __init__(self, app: Flask, measures: Measures) -> None:
        self._app = app
        self._measures = measures
        self._waiting: deque[Copy] = deque()
        self._lock = threading.Lock()
        self._computing = threading.Lock()
        self._background = WorkerThread("shadows", self.compute, _EVERY_S)

    def add(self, copy: Copy) -> None:
        """Let a copy be computed later, unless too many wait."""
        with self._lock:
            is_full = len(self._waiting) >= MOST_WAITING
            if not is_full:
                self._waiting.append(copy)
        if is_full:
            self._measures.dropped(copy.rollout.id)
        else:
            self._background.wake()

    def compute(self) -> None:
        """Compute the copies that wait; at the end none waits and none is being computed by another thread."""
        with self._computing:
            while True:
                with self._lock:
                    if not self._waiting:
                        return
                    copy = self._waiting.popleft()
                with self._app.app_context():
                    self._compute(copy)

    def _compute(self, copy: Copy) -> None:
        rollout_id = copy.rollout.id
        if self._measures.is_stopped(rollout_id):
            return
        self._measures.answered(rollout_id, "active", copy.answered, copy.group)
        try:
            candidate = copy.compute()
        except Exception as error:
            # whatever the candidate does concerns nobody's answer
            if is_about_the_request(error):
                self._measures.refused(rollout_id)
                return
            _failure.warning("the candidate of rollout %d fails in the shadow: %s", rollout_id, type(error).__name__)
            unopened = cannot_be_opened(copy.rollout.candidate)
            self._measures.failed(rollout_id, "candidate", copy.group, unopened=unopened)
            return
        self._measures.answered(rollout_id, "candidate", candidate, copy.group)
        self._measures.compared(rollout_id, copy.answered, candidate)


def init_app(app: Flask) -> None:
    """Create the queue."""
    parts = components(app)
    parts.add(Shadows(app, parts.get(Measures)))
