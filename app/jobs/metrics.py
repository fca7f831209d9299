"""Metrics of jobs, counted from the database when they are read.

Workers serve no metrics, so the process that is read counts the jobs that have ended since the last reading. Each ended
job is marked as measured by one statement and so is counted once, by whichever process of whichever instance.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import product

from flask import Flask, request
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from sqlalchemy import func, select, update
from sqlalchemy.exc import SQLAlchemyError

from app.components import component, components
from app.database.db import db
from app.database.types import now
from app.jobs.steps import kind_names
from app.jobs.tables import FINISHED, Job
from app.throttled_log import ThrottledLog

log = logging.getLogger(__name__)
_failure = ThrottledLog(log)
_BUCKETS = (1, 5, 15, 60, 300, 900, 1800, 3600, 7200, 14400, 43200)
_BATCH = 1_000


@dataclass(frozen=True)
class JobMetrics:
    """The metrics of jobs."""

    queued: Gauge
    running: Gauge
    oldest_queued: Gauge
    seconds: Histogram
    ended: Counter
    #: By kind: called with the id and the study of each job that ended.
    listeners: dict[str, Callable[[str, str], None]] = field(default_factory=dict)


def init_app(app: Flask) -> None:
    """Create the metrics, and count before each scrape."""
    registry = components(app).get(CollectorRegistry)
    components(app).add(
        JobMetrics(
            queued=Gauge(
                "ecopredict_jobs_queued",
                "Jobs that wait for a worker",
                registry=registry,
                multiprocess_mode="livemostrecent",
            ),
            running=Gauge(
                "ecopredict_jobs_running", "Jobs that run", registry=registry, multiprocess_mode="livemostrecent"
            ),
            oldest_queued=Gauge(
                "ecopredict_jobs_oldest_queued_seconds",
                "Seconds since the start of the oldest job that waits for a worker; 0 where none waits",
                registry=registry,
                multiprocess_mode="livemostrecent",
            ),
            seconds=Histogram(
                "ecopredict_job_seconds",
                "Seconds from the first start of a job to its end, by kind, of jobs that succeeded or failed",
                ("kind",),
                buckets=_BUCKETS,
                registry=registry,
            ),
            ended=Counter(
                "ecopredict_jobs", "Jobs that have ended, by kind and state", ("kind", "state"), registry=registry
            ),
        )
    )

    def count_before_scrape() -> None:
        if request.path == "/metrics":
            try:
                count()
            except SQLAlchemyError as error:
                db.session.rollback()
                _failure.warning("the jobs cannot be counted: %s", type(error).__name__)

    app.before_request(count_before_scrape)


def when_ended(app: Flask, kind: str, listener: Callable[[str, str], None]) -> None:
    """Call a function with the id and the study of each job of a kind, once, when its end is counted."""
    components(app).get(JobMetrics).listeners[kind] = listener


def count() -> None:
    """Set the gauges, and count the jobs that ended since the last time."""
    metrics = component(JobMetrics)
    for kind, state in product(kind_names(), FINISHED):
        # 0 instead of absent, so that the first failure is an increase
        metrics.ended.labels(kind, state)
    unfinished = select(Job.state, func.count(), func.min(Job.created_at)).group_by(Job.state)
    rows = db.session.execute(unfinished.where(Job.state.in_(("queued", "running")))).all()
    numbers: dict[str, int] = {row[0]: row[1] for row in rows}
    metrics.queued.set(numbers.get("queued", 0))
    metrics.running.set(numbers.get("running", 0))
    oldest = next((row[2] for row in rows if row[0] == "queued"), None)
    # the clock that wrote the time may be ahead of this machine's
    metrics.oldest_queued.set(max(0.0, (now() - oldest).total_seconds()) if oldest is not None else 0.0)
    while _count_ended(metrics) == _BATCH:
        pass


def _count_ended(metrics: JobMetrics) -> int:
    ended = select(Job.id).where(Job.state.in_(FINISHED), Job.measured.is_(False)).limit(_BATCH)
    ids = list(db.session.scalars(ended))
    if not ids:
        db.session.rollback()
        return 0
    statement = (
        update(Job)
        .where(Job.id.in_(ids), Job.measured.is_(False))
        .values(measured=True)
        .returning(Job.kind, Job.state, Job.started_at, Job.ended_at, Job.id, Job.study)
    )
    rows = db.session.execute(statement, execution_options={"synchronize_session": False}).all()
    db.session.commit()
    for kind, state, started_at, ended_at, job_id, study in rows:
        metrics.ended.labels(kind, state).inc()
        if kind in metrics.listeners:
            metrics.listeners[kind](job_id, study)
        if state != "cancelled" and started_at is not None and ended_at is not None:
            metrics.seconds.labels(kind).observe(max(0.0, (ended_at - started_at).total_seconds()))
    return len(ids)
