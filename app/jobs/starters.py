"""The limit of jobs that a person may have waiting or running."""

from __future__ import annotations

from sqlalchemy import func, select, update

from app.accounts.tables import User
from app.database.db import db
from app.errors import Conflict
from app.jobs.tables import FINISHED, Job


def admit(job_id: str, allowed: tuple[str, int] | None) -> None:
    """Let a new job of the present request wait for a worker. The caller commits.

    Parameters
    ----------
    job_id : str
    allowed : tuple of str and int, or None
        The person and the limit, by `app.accounts.allowance.jobs_at_once`.

    Raises
    ------
    Conflict
        The person has as many jobs as their plan allows; the transaction is undone.
    """
    if allowed is None:
        return
    user_id, most = allowed
    # two requests of a person take turns, on SQLite and on PostgreSQL
    turn = update(User).where(User.id == user_id).values(epoch=User.epoch)
    db.session.execute(turn.execution_options(synchronize_session=False, unwatched=True))
    # the new one is among them
    others = select(func.count()).select_from(Job).where(Job.owner_id == user_id, Job.id != job_id)
    waiting = db.session.scalar(others.where(Job.state.not_in(FINISHED))) or 0
    if waiting >= most:
        db.session.rollback()
        raise Conflict(
            f"The plan of your account allows {most} job{'s' if most != 1 else ''} at once, and {waiting} of yours "
            "wait or run. Start this one when one of them has ended."
        )
