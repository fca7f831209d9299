"""What a worker reads and writes in the table of jobs. Each function is one transaction.

Every write names the worker that owns the job. A worker that lost the job, because another machine took it for dead,
changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Update, exists, func, select, update
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from app.database.db import db
from app.database.types import now
from app.jobs.steps import JobRef
from app.jobs.tables import FINISHED, Job, StepRecord, Worker
from app.trail import recorder as trail
from app.trail.actions import JOB_END
from app.trail.recorder import Origin, acting

#: Errors after which the database may answer again.
TRANSIENT = (OperationalError, InterfaceError, PoolTimeoutError)
# no row is kept in the session
_AS_IS = {"synchronize_session": False, "populate_existing": True}


@dataclass(frozen=True)
class Claim:
    """A job as its new owner receives it."""

    job: JobRef
    steps: list[StepRecord]
    attempts: int
    result: str | None
    cancel_requested: bool


@dataclass(frozen=True)
class Orphan:
    """A running job of another worker, which may be dead."""

    id: str
    worker: str
    host: str | None
    beat: int | None


def is_transient(error: BaseException) -> bool:
    """Return whether the database may answer again after an error."""
    return isinstance(error, TRANSIENT) or (isinstance(error, DBAPIError) and error.connection_invalidated)


def is_any_queued(kinds: Sequence[str]) -> bool:
    """Return whether a job waits; a read, which does not take the lock of writers."""
    waiting = db.session.scalar(select(exists().where(Job.state == "queued", Job.kind.in_(kinds))))
    db.session.rollback()
    return bool(waiting)


def claim(worker: str, kinds: Sequence[str]) -> Claim | None:
    """Take the first of the queued jobs, by one statement: highest priority, then oldest."""
    first = (
        select(Job.id)
        .where(Job.state == "queued", Job.kind.in_(kinds))
        .order_by(Job.priority.desc(), Job.created_at, Job.id)
        .limit(1)
        # without effect on SQLite, which has one writer at a time
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    statement = (
        update(Job)
        .where(Job.id == first)
        .values(
            state="running",
            worker=worker,
            attempts=Job.attempts + 1,
            started_at=func.coalesce(Job.started_at, now()),
            message="Starting",
        )
        .returning(Job)
    )
    row = db.session.scalars(statement, execution_options=_AS_IS).one_or_none()
    found = (
        None
        if row is None
        else Claim(
            JobRef(row.id, row.kind, row.study, row.parameters),
            row.steps,
            row.attempts,
            row.result,
            row.cancel_requested,
        )
    )
    db.session.commit()
    return found


def orders(worker: str) -> dict[str, bool]:
    """Return the running jobs of a worker, and whether each shall be cancelled."""
    statement = select(Job.id, Job.cancel_requested).where(Job.state == "running", Job.worker == worker)
    rows = db.session.execute(statement).all()
    db.session.rollback()
    return {row.id: row.cancel_requested for row in rows}


def of_others(worker: str) -> list[Orphan]:
    """Return the running jobs of other workers."""
    statement = (
        select(Job.id, Job.worker, Worker.host, Worker.beat)
        .join(Worker, Worker.id == Job.worker, isouter=True)
        .where(Job.state == "running", Job.worker != worker)
    )
    rows = db.session.execute(statement).all()
    db.session.rollback()
    return [Orphan(row.id, row.worker or "", row.host, row.beat) for row in rows]


def other_workers(worker: str) -> list[tuple[str, str, int]]:
    """Return id, host and heartbeat of the other workers."""
    rows = db.session.execute(select(Worker.id, Worker.host, Worker.beat).where(Worker.id != worker)).all()
    db.session.rollback()
    return [(row.id, row.host, row.beat) for row in rows]


def put_back(job_id: str, worker: str, *, message: str, counts: bool) -> bool:
    """Return a job to the queue; it resumes at the first step that is not done.

    Parameters
    ----------
    job_id, worker : str
        The job, and its present owner.
    message : str
    counts : bool
        Whether the interruption counts towards the limit of attempts.

    Returns
    -------
    bool
        False where the owner is another.
    """
    values: dict[str, Any] = {"state": "queued", "worker": None, "message": message}
    if not counts:
        values["attempts"] = Job.attempts - 1
    return _execute(_owned(job_id, worker).values(values)) is not None


def save(job_id: str, worker: str, values: dict[str, Any], ended: str = "") -> bool | None:
    """Change a running job.

    Parameters
    ----------
    job_id, worker : str
        The job, and its present owner.
    values : dict
    ended : str
        How it ended, for the audit trail; "" where it goes on.

    Returns
    -------
    bool or None
        Whether the job shall be cancelled; None where the owner is another.
    """
    if not ended:
        return _execute(_owned(job_id, worker).values(values))
    with acting(Origin(JOB_END, "job", job_id)):
        return _execute(_owned(job_id, worker).values(values), (job_id, ended))


def _owned(job_id: str, worker: str) -> Update:
    return update(Job).where(Job.id == job_id, Job.worker == worker, Job.state == "running")


def _execute(statement: Update, line: tuple[str, str] | None = None) -> bool | None:
    returning = statement.returning(Job.cancel_requested)
    row = db.session.execute(returning, execution_options=_AS_IS).one_or_none()
    if row is not None and line is not None:
        trail.add("job", *line)
    db.session.commit()
    return None if row is None else bool(row.cancel_requested)


def ended(job_ids: Sequence[str]) -> dict[str, tuple[JobRef, bool]]:
    """Return those of some jobs that have ended, and whether each succeeded; a deleted job counts as failed."""
    rows = {job.id: job for job in db.session.scalars(select(Job).where(Job.id.in_(job_ids)))}
    result: dict[str, tuple[JobRef, bool]] = {}
    for job_id in job_ids:
        row = rows.get(job_id)
        if row is None:
            result[job_id] = JobRef(job_id, "", "", {}), False
        elif row.state in FINISHED:
            result[job_id] = JobRef(row.id, row.kind, row.study, row.parameters), row.state == "succeeded"
    db.session.rollback()
    return result
