"""Schemas of what the service did in a period, for admins."""

from __future__ import annotations

from datetime import date, datetime

from pydantic import BaseModel, Field

from app.analytics.schemas import KindCount

_AT_MOST = "Milliseconds, the upper end of a range of latency; null where it is above 10 seconds."


class Outcomes(BaseModel):
    """Requests by the class of their status."""

    requests: int
    refused: int = Field(description="Statuses 400 to 499.")
    errors: int = Field(description="Statuses from 500 on.")


class EndpointUse(Outcomes):
    """The requests of one route."""

    route: str = Field(description="Method and rule; several names of a page are one route.")
    median_ms: float | None = Field(description=_AT_MOST)
    p95_ms: float | None = Field(description=_AT_MOST)


class StudyRequests(BaseModel):
    """The requests and the stored answers of one study."""

    study: str = Field(description="Slug; empty for requests of no study in particular.")
    requests: int
    answers: int
    cached: float | None = Field(description="Share of answers that a cache had; null without answers.")
    outside: float | None = Field(description="Share of answers outside of what the model has seen.")


class DayUse(Outcomes):
    """The requests of one day, in UTC."""

    day: date


class JobCount(BaseModel):
    """Jobs of one kind in one state."""

    kind: str
    state: str
    jobs: int


class PlanUse(BaseModel):
    """What the people of a plan have asked this month."""

    plan: str
    requests_a_month: int | None = Field(description="The quota of each person; null where there is none.")
    people: int = Field(description="People with requests this month.")
    requests: int = Field(description="By the cost of requests, as quotas count them.")
    near: int = Field(description="People with 80 of 100 of the quota or more, but not all of it.")
    over: int = Field(description="People who have used up the quota, and are refused until the next month.")
    refused: int = Field(description="Requests that were refused, by the rate of the plan or the quota.")


class PersonUse(BaseModel):
    """A person near the quota of the month, over it, or refused."""

    id: str
    email: str
    plan: str
    requests: int
    requests_a_month: int | None
    share: float | None = Field(description="Of the quota; null without one.")
    refused: int


class Quotas(BaseModel):
    """Quotas in the present month, whatever the period. Counts arrive some seconds late."""

    month: str
    plans: list[PlanUse] = Field(description="Plans of people, with and without requests.")
    people: list[PersonUse] = Field(
        description="At most 20 people with 80 of 100 of the quota or more, or with refused requests."
    )


class Operations(BaseModel):
    """What the service did in a period. Counts arrive up to a minute late."""

    days: int
    since: datetime
    until: datetime
    total: Outcomes
    median_ms: float | None = Field(description=_AT_MOST)
    p95_ms: float | None = Field(description=_AT_MOST)
    answers: int = Field(description="Stored answers.")
    cached: float | None = Field(description="Share of them that a cache had.")
    novelty: list[KindCount]
    routes: list[EndpointUse] = Field(description="The 20 routes with the most requests.")
    studies: list[StudyRequests] = Field(description="The 20 studies with the most requests.")
    by_day: list[DayUse] = Field(description="Days with requests, latest first.")
    jobs: list[JobCount] = Field(description="Jobs that were added in the period.")
    quotas: Quotas
