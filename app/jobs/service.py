"""Jobs are added, listed, read and cancelled."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from flask import current_app
from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite

from app.accounts.identity import may
from app.catalogue import access, studies
from app.catalogue.study_tables import Study
from app.config.settings import Settings
from app.database.db import db
from app.database.types import now
from app.errors import Conflict, NotFound, NotPermitted, ValidationFailed
from app.jobs import starters, tidying
from app.jobs.folder import jobs_dir
from app.jobs.schemas import JobDetail, JobPage, JobsQuery, StepDetail
from app.jobs.starters import Starter
from app.jobs.steps import JobRef, Kind, find_kind
from app.jobs.tables import Job, State, StepRecord
from app.trail import recorder as trail
from app.web.paging import cut_page, read_cursor

_QUEUED = "Waiting for a worker"


def enqueue(
    kind: str,
    study: str,
    parameters: Mapping[str, Any],
    idempotency_key: str | None = None,
    priority: int = 0,
    starter: Starter | None = None,
) -> Job:
    """Add a job, and commit.

    Parameters
    ----------
    kind : str
        Of `app.jobs.steps.register_kind`.
    study : str
        Slug of the study, or "".
    parameters : mapping
        Of JSON values.
    idempotency_key : str, optional
        At most 200 characters. A second call with the key, the study and the parameters of an earlier job returns that
        job.
    priority : int
        Larger ones are done first.
    starter : Starter, optional
        Who starts it; by default the person who sends the present request.

    Raises
    ------
    Conflict
        The key was used for other parameters, or the person has as many jobs as their plan allows.
    LookupError
        The kind is not registered.
    """
    registered = find_kind(kind)
    if registered is None:
        raise LookupError(f"no kind of job is named {kind}")
    starter = starter or starters.of_request()
    canonical = json.loads(json.dumps(dict(parameters), allow_nan=False))
    values = {
        "id": str(uuid.uuid4()),
        "kind": kind,
        "study": study,
        "parameters": canonical,
        "state": "queued",
        "priority": priority,
        "attempts": 0,
        "progress": 0.0,
        "message": _QUEUED,
        "steps": initial_steps(registered),
        "idempotency_key": idempotency_key,
        "owner_id": starter.owner_id,
        "created_at": now(),
    }
    make = postgresql.insert if db.session.get_bind().dialect.name == "postgresql" else sqlite.insert
    # one statement, so that of two requests with one key exactly one inserts
    added = db.session.execute(
        make(Job)
        .values(values)
        .on_conflict_do_nothing(index_elements=["kind", "study", "idempotency_key"])
        .returning(Job.id)
    ).scalar_one_or_none()
    if added is not None:
        starters.admit(added, starter.allowed)
        trail.add("job", added, f"{kind} {study}".strip())
    db.session.commit()
    if added is not None:
        return get(added)
    query = select(Job).where(Job.kind == kind, Job.study == study, Job.idempotency_key == idempotency_key)
    job = db.session.scalars(query).one()
    if job.parameters != canonical:
        raise Conflict(
            f"The Idempotency-Key was used for another request, which started the job {job.id}. Send a new key for a "
            "new request."
        )
    return job


def initial_steps(kind: Kind) -> list[StepRecord]:
    """Return the steps of a new job."""
    return [
        StepRecord(name=step.name, title=step.title, state="queued", started_at=None, ended_at=None, message="")
        for step in kind.steps
    ]


def get(job_id: str) -> Job:
    """Return a job that the present request may read.

    Raises
    ------
    NotFound
        There is no such job.
    """
    job = db.session.get(Job, job_id, populate_existing=True)
    if job is None or not _may_read(job):
        raise NotFound(f"There is no job “{job_id[:100]}”.")
    return job


def _may_read(job: Job) -> bool:
    """Return whether a job may be read: one of a study by those who may read it, another one by its person."""
    if job.study:
        return access.current().everything or studies.find(job.study) is not None
    return job.owner_id is None or _is_own(job)


def _is_own(job: Job) -> bool:
    granted = access.current()
    return granted.everything or (job.owner_id is not None and job.owner_id == granted.person)


def may_cancel(job: Job) -> bool:
    """Return whether the present request may cancel a job: its person, who may change its study, and admins."""
    if _is_own(job):
        return may("editor")
    study = studies.find(job.study) if job.study else None
    return study is not None and access.may(study, "edit") and may("editor")


def find_by_study(study: str, kind: str | None = None, limit: int = 20) -> list[Job]:
    """Return jobs of a study, latest first."""
    statement = select(Job).where(Job.study == study).order_by(Job.created_at.desc(), Job.id.desc()).limit(limit)
    if kind is not None:
        statement = statement.where(Job.kind == kind)
    return list(db.session.scalars(statement))


def browse(query: JobsQuery) -> JobPage:
    """Return a page of jobs, latest first: those of the person who asks, or those of a study that may be read."""
    statement = select(Job).order_by(Job.created_at.desc(), Job.id.desc()).limit(query.limit + 1)
    granted = access.current()
    if not granted.everything:
        seen = select(Study.slug).where(access.readable())
        is_own = Job.owner_id == granted.person
        # a job of no study is its person's, whatever is asked for
        statement = statement.where(((Job.study == "") & is_own) | Job.study.in_(seen))
        if query.study is None:
            statement = statement.where(is_own)
    if query.study is not None:
        statement = statement.where(Job.study == query.study)
    if query.state is not None:
        statement = statement.where(Job.state == query.state)
    position = read_cursor(query.cursor, str, 2)
    if position is not None:
        moment = moment_of(position[0])
        statement = statement.where((Job.created_at < moment) | ((Job.created_at == moment) & (Job.id < position[1])))
    rows = list(db.session.scalars(statement))
    page, cursor = cut_page(rows, query.limit, lambda job: (job.created_at.isoformat(), job.id))
    return JobPage(items=[as_detail(job) for job in page], next=cursor)


def moment_of(text: str) -> datetime:
    """Return the time in a cursor.

    Raises
    ------
    ValidationFailed
        It is none.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ValidationFailed([("/cursor", "not a cursor this list has given out")])
    return moment


def detail(job_id: str) -> JobDetail:
    """Return a job as the API shows it.

    Raises
    ------
    NotFound
        There is no job with this id.
    """
    return as_detail(get(job_id))


def as_detail(job: Job) -> JobDetail:
    """Return a job as the API shows it."""
    return JobDetail(
        id=job.id,
        kind=job.kind,
        study=job.study or None,
        state=job.state,
        progress=min(1.0, max(0.0, job.progress)),
        message=job.message,
        steps=[StepDetail.model_validate(step) for step in job.steps],
        result=job.result if job.result and has_page(job.result) else None,
        error=job.error,
        cancel_requested=job.cancel_requested,
        attempts=job.attempts,
        priority=job.priority,
        created_at=job.created_at,
        started_at=job.started_at,
        ended_at=job.ended_at,
    )


def has_page(address: str) -> bool:
    """Return whether an address of this site exists."""
    path = address.partition("?")[0].partition("#")[0]
    return current_app.url_map.bind("localhost").test(path, "GET")


def folder_of(job_id: str) -> Path:
    """Return the folder of a job."""
    settings: Settings = current_app.config["SETTINGS"]
    return jobs_dir(settings.data_dir) / job_id


def cancel(job_id: str) -> Job:
    """Cancel a job: a queued one at once, a running one soon.

    Raises
    ------
    NotFound
        There is no job with this id.
    NotPermitted
        Others started it, and the request may not change its study.
    Conflict
        The job has ended.
    """
    if not may_cancel(get(job_id)):
        raise NotPermitted(
            "Only the person who started this job, those who may change its study, and admins can cancel it."
        )
    ended: State = "cancelled"
    queued = update(Job).where(Job.id == job_id, Job.state == "queued")
    statement = queued.values(state=ended, ended_at=now(), message="Cancelled", cancel_requested=True).returning(Job.id)
    at_once = db.session.execute(statement, execution_options={"synchronize_session": False}).scalar_one_or_none()
    if at_once is None:
        running = update(Job).where(Job.id == job_id, Job.state == "running").values(cancel_requested=True)
        soon = db.session.execute(running.returning(Job.id), execution_options={"synchronize_session": False})
        is_running = soon.scalar_one_or_none() is not None
        if is_running:
            trail.add("job", job_id)
        db.session.commit()
        job = get(job_id)
        if not is_running:
            raise Conflict(f"The job has ended ({job.state}), so it cannot be cancelled.")
        return job
    trail.add("job", job_id)
    db.session.commit()
    job = get(job_id)
    # a worker may have stopped in the middle of it
    tidying.tidy(JobRef(job.id, job.kind, job.study, job.parameters), folder_of(job.id), is_success=False)
    return job
