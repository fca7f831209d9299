"""The one place that asks for a training because enough observations were accepted.

It counts anew each time, so that nothing is lost where a process dies between the acceptance and this: the next
acceptance asks, or the worker, which asks every ten minutes.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from app.database.db import db
from app.jobs import service as jobs
from app.jobs import starters
from app.jobs.tables import FINISHED, Job
from app.learning import tables
from app.learning.tables import Due
from app.throttled_log import ThrottledLog
from app.trail.actions import Action
from app.trail.recorder import Origin, acting

log = logging.getLogger(__name__)
_failure = ThrottledLog(log)
#: The kinds of jobs: what puts the observations into the records, and the training itself.
LEARNING, TRAINING = "learning", "training"
_ASK = Action("learning.ask", "job")


def after_acceptance(ids: Sequence[str]) -> None:
    """Ask for the trainings that observations make due, which were accepted and committed a moment ago."""
    try:
        _ask_all(tables.due(ids))
    except SQLAlchemyError as error:
        # the decision stands, and a worker asks later
        db.session.rollback()
        _failure.warning("whether a training is due is asked later: %s", type(error).__name__)


def ask_for_all() -> None:
    """Ask for all trainings that are due: the duty of workers."""
    _ask_all(tables.due())


def _ask_all(found: Sequence[Due]) -> None:
    db.session.rollback()
    for one in found:
        ask(one)


def why_not(study: Due) -> str:
    """Return why a study cannot ask for a training now, in words; "" where it can."""
    starter = starters.of_owner(study.owner_id)
    if starter is None:
        return "the account of the owner is enabled"
    if not starters.has_quota(starter):
        return "the owner has requests left; those of this month are used up"
    unfinished = why_not_for_all(study.slug)
    if unfinished:
        return unfinished
    if not starters.has_room(starter):
        return "a job of the owner has ended; more at once are not in the owner's plan"
    return ""


def why_not_for_all(slug: str) -> str:
    """Return why a study cannot ask for a training now, as far as everybody who reads the study may know it.

    The account of the owner, and what is left in the owner's plan, are no part of it.
    """
    unfinished = select(func.count()).where(
        Job.study == slug, Job.kind.in_((LEARNING, TRAINING)), Job.state.not_in(FINISHED)
    )
    return "the training that waits or runs has ended" if db.session.scalar(unfinished) else ""


def ask(study: Due) -> str | None:
    """Ask for a training if it is due, and return the id of the job that begins it.

    Of several at the same time one asks: the others wait for its transaction, and find nothing new.
    """
    with acting(Origin(_ASK, "program", named=study.slug)):
        known = tables.lock(study.study_id)
        new = tables.n_new(study.study_id) if known is not None else 0
        if known is None or new < known.number or why_not(study):
            db.session.rollback()
            return None
        # they count no more, whatever becomes of the training: the next one takes as many new ones
        tables.mark_new(study.study_id)
        job = jobs.enqueue(LEARNING, study.slug, {"new": new}, starter=starters.PROGRAM)
    log.info("study %s: %d newly accepted observations ask for a training, job %s", study.slug, new, job.id)
    return job.id
