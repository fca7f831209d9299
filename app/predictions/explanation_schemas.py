"""Schemas of the explanation of an answer."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from ml.serving.verdict import Verdict

#: The page and the API's description say it alike.
CHANGE_CAVEAT = "This is a statement about the model, not about what changing the place would do."


class ConditionChange(BaseModel):
    """The smallest change of one condition that leads to the other side of the threshold."""

    predictor: str
    value_now: float | str
    value_needed: float | str
    size: float = Field(description="Share of the training range between both values; 1 for another level.")
    suitability: float = Field(ge=0, le=1, description="With the value that is needed.")
    interval: tuple[float, float]
    verdict: Verdict
    suitable: bool | None


class RecordPlace(BaseModel):
    """The place of a record in degrees, rounded to 0.01."""

    latitude: float
    longitude: float


class NearestRecord(BaseModel):
    """A training record that is like the conditions."""

    record: Literal["presence", "absence", "background point"]
    dissimilarity_index: float = Field(description="Its distance from the conditions, weighted by importance.")
    place: RecordPlace | None = Field(description="Null where the study has no coordinates.")
    environment: dict[str, float | str] = Field(
        description="Its conditions, without predictors that the model does not use."
    )
    n_records: int = Field(1, description="Number of records with these conditions at this place, listed once.")
    differing: list[str] = Field(
        description="Predictors in which it differs from the conditions, the largest part of the index first."
    )


class ExplanationAnswer(BaseModel):
    """What would change an answer, and the training records most like its conditions."""

    change: ConditionChange | None = Field(
        description="The smallest change of one condition that leads to the other side of the threshold. "
        + CHANGE_CAVEAT
        + " Null where no single condition does, or where the verdict is `cannot_say`.",
    )
    nearest: list[NearestRecord] = Field(
        description="The three nearest with different conditions or places, nearest first. Of a model with more "
        "than 4,000 training records, those 4,000 that its area of applicability keeps are compared. Empty where "
        "places are shown on a grid: tried with many conditions, the nearest records would tell the cells of all."
    )
    places_grid_km: int | None = Field(
        None, description="The grid on which this request sees places of records, in km; null: exactly."
    )
    missing: list[str] = Field(description="Parts that a model of an older format cannot provide.")
