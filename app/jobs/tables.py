"""The tables of jobs and of the processes that work on them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, TypedDict

from sqlalchemy import JSON, Boolean, Float, Index, Integer, String, Text, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from app.database.db import Base
from app.database.types import UtcDateTime, now

State = Literal["queued", "running", "succeeded", "failed", "cancelled"]
FINISHED: tuple[State, ...] = ("succeeded", "failed", "cancelled")


class StepRecord(TypedDict):
    """One step of a job as it is stored; times are ISO 8601 in UTC."""

    name: str
    title: str
    state: State
    started_at: str | None
    ended_at: str | None
    message: str


class Job(Base):
    """One job. Its history is in ``steps``; a step that succeeded is never run again."""

    __tablename__ = "jobs"
    __table_args__ = (
        UniqueConstraint("kind", "study", "idempotency_key"),
        # the order in which queued jobs are claimed
        Index("ix_jobs_state_priority_created_at", "state", "priority", "created_at"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    kind: Mapped[str] = mapped_column(String(50))
    #: Slug of the study, or "".
    study: Mapped[str] = mapped_column(String(100), index=True)
    parameters: Mapped[dict[str, Any]] = mapped_column(JSON)
    state: Mapped[State] = mapped_column(String(20), default="queued")
    priority: Mapped[int] = mapped_column(Integer, default=0)
    #: Id of the person who started the job; none in development, and for those of earlier releases.
    owner_id: Mapped[str | None] = mapped_column(String(36), index=True)
    #: How often the present step was started.
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    #: 0 to 1.
    progress: Mapped[float] = mapped_column(Float, default=0.0)
    message: Mapped[str] = mapped_column(Text, default="")
    steps: Mapped[list[StepRecord]] = mapped_column(JSON)
    #: Path of the result on this site.
    result: Mapped[str | None] = mapped_column(String(500))
    error: Mapped[str | None] = mapped_column(Text)
    idempotency_key: Mapped[str | None] = mapped_column(String(200))
    cancel_requested: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    created_at: Mapped[datetime] = mapped_column(UtcDateTime(), default=now, index=True)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    #: The process that runs the job.
    worker: Mapped[str | None] = mapped_column(String(100))
    #: Whether the metrics count the end of the job.
    measured: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())

    @property
    def is_finished(self) -> bool:
        """Whether the job has ended."""
        return self.state in FINISHED


class Worker(Base):
    """One process that works on jobs."""

    __tablename__ = "job_workers"

    id: Mapped[str] = mapped_column(String(100), primary_key=True)
    #: The kernel that the process runs on; its file locks are visible to processes on the same kernel only.
    host: Mapped[str] = mapped_column(String(100))
    #: Number of the last heartbeat.
    beat: Mapped[int] = mapped_column(Integer, default=0)
    #: Time of the last heartbeat by the clock of the worker's machine; only shown, never compared between machines.
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime(), default=now)
