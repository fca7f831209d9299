"""The model that answers a request of a species with a rollout."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from typing import Protocol, TypeVar

from flask import g, has_request_context

from app.catalogue.entries import ModelEntry, RolloutEntry
from app.components import component
from app.errors import AppError
from app.rollouts.assignment import client, gets_candidate
from app.rollouts.measures import Answered, Measures
from app.rollouts.shadows import Copy, Shadows
from app.throttled_log import ThrottledLog

log = logging.getLogger(__name__)
_failure = ThrottledLog(log)


class Measured(Protocol):
    """An answer with what the measures of a rollout need."""

    @property
    def measured(self) -> Answered:
        """Return it."""
        ...


T = TypeVar("T", bound=Measured)


def answer_in_rollout(
    rollout: RolloutEntry,
    active: ModelEntry,
    answer: Callable[[ModelEntry], T],
    shadow: Callable[[ModelEntry, T], Callable[[], Answered]],
) -> T:
    """Answer a request by the arm of its client, and count what happened.

    Parameters
    ----------
    rollout : RolloutEntry
    active : ModelEntry
    answer : callable
        Returns the answer of a model.
    shadow : callable
        Returns what computes the same answer again, by another model and outside of the request.

    Raises
    ------
    AppError
        As `answer` does by the active model. A failure of the candidate is never the client's.
    """
    if has_request_context():
        # the answer depends on who asks
        g.in_rollout = True
    measures = component(Measures)
    if measures.is_stopped(rollout.id):
        return answer(active)
    if rollout.shadow:
        return _shadowed(rollout, active, answer, shadow, measures)
    if gets_candidate(rollout, client()):
        return _by_candidate(rollout, active, answer, measures)
    return _by_active(rollout, active, answer, measures)


def _by_active(rollout: RolloutEntry, active: ModelEntry, answer: Callable[[ModelEntry], T], measures: Measures) -> T:
    try:
        given = answer(active)
    except AppError as error:
        # anything below 500 is about the request
        if error.status >= 500:
            measures.failed(rollout.id, "active")
        raise
    except Exception:
        measures.failed(rollout.id, "active")
        raise
    measures.answered(rollout.id, "active", given.measured)
    return given


def _by_candidate(
    rollout: RolloutEntry, active: ModelEntry, answer: Callable[[ModelEntry], T], measures: Measures
) -> T:
    try:
        given = answer(rollout.candidate)
    except Exception as failure:
        # also where it refuses what the active model accepts: the client knows the conditions of the active one
        try:
            instead = answer(active)
        except AppError as error:
            if error.status >= 500:
                measures.failed_both(rollout.id)
            raise
        except Exception:
            measures.failed_both(rollout.id)
            raise
        _failure.warning(
            "the candidate %s fails, the active model answers: %s", rollout.candidate.id, type(failure).__name__
        )
        measures.failed(rollout.id, "candidate")
        return instead
    measures.answered(rollout.id, "candidate", given.measured)
    return given


def _shadowed(
    rollout: RolloutEntry,
    active: ModelEntry,
    answer: Callable[[ModelEntry], T],
    shadow: Callable[[ModelEntry, T], Callable[[], Answered]],
    measures: Measures,
) -> T:
    if random.random() * 100 >= rollout.percent:  # noqa: S311 (a sample of requests is no secret)
        return answer(active)
    try:
        given = answer(active)
    except AppError as error:
        if error.status >= 500:
            measures.failed(rollout.id, "active")
        raise
    except Exception:
        measures.failed(rollout.id, "active")
        raise
    component(Shadows).add(Copy(rollout, given.measured, shadow(rollout.candidate, given)))
    return given
