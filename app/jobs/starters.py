"""Who starts a job, and how many of their jobs may wait or run."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select, update

from app.accounts.allowance import jobs_at_once
from app.accounts.tables import User
from app.catalogue import access
from app.components import component
from app.database.db import db
from app.errors import Conflict
from app.jobs.tables import FINISHED, Job
from app.plans import usage
from app.plans.service import Plans


@dataclass(frozen=True)
class Starter:
    """Who starts a job.

    Attributes
    ----------
    owner_id : str or None
        Id of the account that the job belongs to.
    allowed : tuple of str and int, or None
        The person and the limit of jobs; None for no limit.
    """

    owner_id: str | None = None
    allowed: tuple[str, int] | None = None


class NoRoom(Conflict):
    """The plan of a person allows no more jobs at once."""


#: The program itself: the job is nobody's, and counts for nobody.
PROGRAM = Starter()


def of_request() -> Starter:
    """Return who sends the present request."""
    return Starter(access.owner_of_new(), jobs_at_once())


def of_owner(owner_id: str | None) -> Starter | None:
    """Return the owner of a study as who starts a job that the program starts for them.

    Returns
    -------
    Starter or None
        None where their account is disabled. `PROGRAM` where the study has no owner, or one without an account.
    """
    query = select(User.plan, User.disabled).where(User.id == owner_id)
    row = db.session.execute(query).first() if owner_id is not None else None
    if owner_id is None or row is None:
        return PROGRAM
    if row.disabled:
        return None
    most = component(Plans).get(row.plan).jobs_at_once
    return Starter(owner_id, (owner_id, most) if most is not None else None)


def has_room(starter: Starter) -> bool:
    """Return whether one more job may wait or run."""
    if starter.allowed is None:
        return True
    user_id, most = starter.allowed
    return _n_unfinished(user_id) < most


def has_quota(starter: Starter) -> bool:
    """Return whether the month of an owner has requests left."""
    plan = db.session.scalar(select(User.plan).where(User.id == starter.owner_id)) if starter.owner_id else None
    most = component(Plans).get(plan).requests_a_month if plan is not None else None
    return most is None or usage.total_of(starter.owner_id or "") < most


def _n_unfinished(user_id: str, besides: str = "") -> int:
    query = select(func.count()).select_from(Job).where(Job.owner_id == user_id, Job.id != besides)
    return db.session.scalar(query.where(Job.state.not_in(FINISHED))) or 0


def admit(job_id: str, allowed: tuple[str, int] | None) -> None:
    """Let a new job of the present request wait for a worker. The caller commits.

    Parameters
    ----------
    job_id : str
    allowed : tuple of str and int, or None
        The person and the limit, by `app.accounts.allowance.jobs_at_once`.

    Raises
    ------
    NoRoom
        The person has as many jobs as their plan allows; the transaction is undone.
    """
    if allowed is None:
        return
    user_id, most = allowed
    # two requests of a person take turns, on SQLite and on PostgreSQL
    turn = update(User).where(User.id == user_id).values(epoch=User.epoch)
    db.session.execute(turn.execution_options(synchronize_session=False, unwatched=True))
    # the new one is among them
    waiting = _n_unfinished(user_id, besides=job_id)
    if waiting >= most:
        db.session.rollback()
        raise NoRoom(
            f"The plan of your account allows {most} job{'s' if most != 1 else ''} at once, and {waiting} of yours "
            "wait or run. Start this one when one of them has ended."
        )
