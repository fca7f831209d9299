"""Schemas of the analytics: query and answer."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field, field_validator

from app.catalogue.refs import SpeciesRef, StudyRef
from app.predictions.schemas import Kind

PERIODS = (7, 30, 90)
# Requests examined for each study: enough for shares within about two percentage points, and quick to read.
MOST = 2000
Sort = Literal["requests", "-requests", "name", "-name", "study", "-study"]


class PeriodQuery(BaseModel):
    """A period."""

    days: int = Field(30, description="Days to look back.", json_schema_extra={"enum": list(PERIODS)})

    @field_validator("days")
    @classmethod
    def _check_days(cls, value: int) -> int:
        if value not in PERIODS:
            raise ValueError(f"must be one of {', '.join(map(str, PERIODS))}")
        return value


class AnalyticsQuery(PeriodQuery):
    """The period of the analytics."""

    sort: Sort = Field(
        "-requests", description="Order of `species`: by number of requests, name or study; with `-` descending."
    )


class KindCount(BaseModel):
    """The number of requests with one kind of novelty."""

    kind: Kind = Field(
        description="`inside` the area of applicability; a value outside its training `range`; a `combination` no "
        "record has; `unknown`: in range, by a model without an area of applicability."
    )
    requests: int
    share: float = Field(ge=0, le=1)


class Quartiles(BaseModel):
    """Lower quartile, median and upper quartile."""

    low: float
    median: float
    high: float


class PredictorDrift(BaseModel):
    """The requested values of one predictor beside its training values."""

    predictor: str
    label: str
    unit: str
    minimum: float = Field(description="Of the training values.")
    maximum: float
    trained: Quartiles
    requested: Quartiles | None = Field(description="Null if there were no requests.")
    requests: int
    distance: float | None = Field(
        description="Kolmogorov-Smirnov distance between requested and training values, 0 to 1."
    )
    chance: float | None = Field(
        description="The distance that requests drawn from the training values exceed in 1 of 20 cases."
    )
    word: Literal["about the same", "somewhat different", "very different", "too few requests"]


class StudyUse(BaseModel):
    """The requests of one study."""

    study: StudyRef
    requests: int = Field(description="Answered and stored in the period.")
    examined: int = Field(description=f"The latest of them, at most {MOST}, for which novelty and drift are computed.")
    novelty: list[KindCount]
    drift: list[PredictorDrift] | None = Field(
        description="Largest distance first, categorical predictors left out; null while no model can be opened."
    )


class SpeciesUse(SpeciesRef):
    """The number of requests for one species."""

    vernacular_name: str
    study: StudyRef
    requests: int
    share: float = Field(ge=0, le=1)


class Analytics(BaseModel):
    """The requests of a period. Requests refused with 409 are not stored and not counted."""

    days: int
    since: datetime
    until: datetime
    requests: int
    studies: list[StudyUse] = Field(description="Studies with requests, most requests first.")
    species: list[SpeciesUse] = Field(description="The ten species with the most requests.")
