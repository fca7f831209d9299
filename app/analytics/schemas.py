"""What the analytics answer."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field, field_validator

from app.catalogue.refs import SpeciesRef, StudyRef
from app.predictions.schemas import Kind

PERIODS = (7, 30, 90)
# Requests of a study that are looked at: enough for shares within about two percentage points, and soon read.
MOST = 2000


class AnalyticsQuery(BaseModel):
    """How far to look back."""

    days: int = Field(30, description="Days to look back.", json_schema_extra={"enum": list(PERIODS)})

    @field_validator("days")
    @classmethod
    def _offered(cls, value: int) -> int:
        if value not in PERIODS:
            raise ValueError(f"must be one of {', '.join(map(str, PERIODS))}")
        return value


class KindCount(BaseModel):
    """How many requests lay somewhere."""

    kind: Kind = Field(
        description="`inside` the area of applicability; a value outside its training `range`; a `combination` no "
        "record has; `unknown`: in range, by a model without an area of applicability."
    )
    requests: int
    share: float = Field(ge=0, le=1)


class Quartiles(BaseModel):
    """The middle half of some values and their median."""

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
    requested: Quartiles | None = Field(description="Null where nobody asked.")
    requests: int
    distance: float | None = Field(
        description="Kolmogorov-Smirnov distance between requested and training values, 0 to 1."
    )
    chance: float | None = Field(description="What independent requests stay below by chance in 19 of 20 cases.")
    word: Literal["about the same", "somewhat different", "very different", "too few requests"]


class StudyUse(BaseModel):
    """What a study was asked."""

    study: StudyRef
    requests: int = Field(description="Answered and stored in the period.")
    examined: int = Field(description=f"The latest of them, {MOST} at most, of which novelty and drift are.")
    novelty: list[KindCount]
    drift: list[PredictorDrift] | None = Field(
        description="Largest distance first, categorical predictors left out; null while no model can be opened."
    )


class SpeciesUse(SpeciesRef):
    """How often a species was asked about."""

    vernacular_name: str
    study: StudyRef
    requests: int
    share: float = Field(ge=0, le=1)


class Analytics(BaseModel):
    """What was asked in a period. Requests refused with 409 are not stored and not counted here."""

    days: int
    since: datetime
    until: datetime
    requests: int
    studies: list[StudyUse] = Field(description="Those that were asked, most requests first.")
    species: list[SpeciesUse] = Field(description="The ten asked about most.")
