"""The model that answers a request of a species with a rollout."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from typing import Protocol, TypeVar

from flask import g, has_request_context

from app.catalogue.entries import ModelEntry, RolloutEntry, SpeciesEntry
from app.components import component
from app.rollouts.assignment import client, gets_candidate, group_of
from app.rollouts.failures import cannot_be_opened, is_about_the_request
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
    who = client()
    group = group_of(rollout, who)
    if gets_candidate(rollout, who):
        return _by_candidate(rollout, active, answer, measures, group)
    given = _by_active(rollout, active, answer, measures, group)
    measures.answered(rollout.id, "active", given.measured, group)
    return given


def model_for_client(species: SpeciesEntry) -> ModelEntry | None:
    """Return the model that is going to answer the client of the present request, so that a form is that of its answer.

    It is the candidate only if it can be opened.
    """
    rollout = species.rollout
    if rollout is None or rollout.shadow or species.model is None or component(Measures).is_stopped(rollout.id):
        return species.model
    if has_request_context():
        g.in_rollout = True
    if not gets_candidate(rollout, client()) or cannot_be_opened(rollout.candidate):
        return species.model
    return rollout.candidate


def _by_active(
    rollout: RolloutEntry, active: ModelEntry, answer: Callable[[ModelEntry], T], measures: Measures, group: int
) -> T:
    """Return the answer of the active model, and count a failure of it."""
    try:
        return answer(active)
    except Exception as failure:
        if not is_about_the_request(failure):
            measures.failed(rollout.id, "active", group)
        raise


def _by_candidate(
    rollout: RolloutEntry, active: ModelEntry, answer: Callable[[ModelEntry], T], measures: Measures, group: int
) -> T:
    try:
        given = answer(rollout.candidate)
    except Exception as failure:
        # also where it refuses what the active model accepts: the client knows the conditions of the active one
        try:
            instead = answer(active)
        except Exception as error:
            if not is_about_the_request(error):
                measures.failed_both(rollout.id)
            raise
        if is_about_the_request(failure):
            # whoever looks for such requests must not be able to stop a rollout by sending them
            measures.refused(rollout.id)
            return instead
        _failure.warning(
            "the candidate %s fails, the active model answers: %s", rollout.candidate.id, type(failure).__name__
        )
        measures.failed(rollout.id, "candidate", group, unopened=cannot_be_opened(rollout.candidate))
        return instead
    measures.answered(rollout.id, "candidate", given.measured, group)
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
    group = group_of(rollout, client())
    given = _by_active(rollout, active, answer, measures, group)
    component(Shadows).add(Copy(rollout, given.measured, group, shadow(rollout.candidate, given)))
    return given
