"""Schemas of jobs in the API."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, Field, RootModel

from app.web.fields import PageQuery, Text, blank_is_none

JobState = Literal["queued", "running", "succeeded", "failed", "cancelled"]


class StepDetail(BaseModel):
    """One step of a job."""

    name: str
    title: str
    state: JobState
    started_at: datetime | None
    ended_at: datetime | None
    message: str = Field(description="Why the step failed; otherwise empty.")


class JobDetail(BaseModel):
    """One job."""

    id: str
    kind: str
    study: str | None = Field(description="Slug of the study.")
    state: JobState
    progress: float = Field(ge=0, le=1)
    message: str = Field(description="What the job does now.")
    steps: list[StepDetail]
    result: str | None = Field(description="Address of the result on this site, once the job has succeeded.")
    error: str | None = Field(description="Why the job failed, and what to do.")
    cancel_requested: bool = Field(description="Whether somebody cancelled the job; it ends within seconds.")
    attempts: int = Field(description="How often the present step was started.")
    priority: int
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


class JobPage(BaseModel):
    """A page of the list of jobs."""

    items: list[JobDetail]
    next: str | None


class JobsQuery(PageQuery):
    """The parameters of the list of jobs."""

    study: Annotated[Text | None, BeforeValidator(blank_is_none)] = Field(None, description="Slug of a study.")
    state: JobState | None = Field(None, description="Only jobs in this state.")


class LogQuery(BaseModel):
    """The parameters of a log."""

    offset: int = Field(0, ge=0, le=2**31, description="Number of bytes to leave out from the beginning.")


class JobLogText(RootModel[str]):
    """The log of a job: lines of text, each with its time."""
