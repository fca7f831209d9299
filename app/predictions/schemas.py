"""What a prediction needs and what it answers: the one definition for form, JSON and OpenAPI."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema, field_validator

from app.fields import PageQuery, Text, plain_text
from app.registry.schemas import ModelRef, SpeciesRef
from ml.card import Conditions

MOST_PREDICTORS = 200

Environment = Annotated[
    dict[str, Any],
    WithJsonSchema(
        {
            "type": "object",
            "additionalProperties": {"anyOf": [{"type": "number"}, {"type": "string", "maxLength": 200}]},
            "maxProperties": MOST_PREDICTORS,
            "description": "A value for each predictor of the species' model, by name, in the predictor's unit.",
        }
    ),
]


class PredictionQuery(BaseModel):
    """A species and the conditions at a place."""

    model_config = ConfigDict(extra="forbid", strict=True)

    species: Annotated[str, Field(min_length=1, max_length=200), AfterValidator(plain_text)] = Field(
        description="Slug or scientific name."
    )
    environment: Environment

    @field_validator("environment")
    @classmethod
    def _few(cls, value: dict[str, Any]) -> dict[str, Any]:
        if len(value) > MOST_PREDICTORS:
            raise ValueError(f"must not hold more than {MOST_PREDICTORS} values")
        return value


class ThresholdUsed(BaseModel):
    """The cut-off between suitable and not, and the rule that set it."""

    value: float
    rule: str


class Novelty(BaseModel):
    """Whether the conditions are like those the model was trained on."""

    in_area_of_applicability: bool
    mess: float
    most_dissimilar: str | None


class Contribution(BaseModel):
    """How far one predictor moved the suitability."""

    predictor: str
    value: float | str
    effect: float


class Computed(BaseModel):
    """The part of an answer that depends on nothing but the model and the conditions: what the cache keeps."""

    suitability: float = Field(ge=0, le=1)
    interval: tuple[float, float]
    suitable: bool
    threshold: ThresholdUsed
    novelty: Novelty
    contributions: list[Contribution]


class PredictionAnswer(BaseModel):
    """One answer."""

    id: str
    species: SpeciesRef
    study: str = Field(description="Slug of the study.")
    suitability: float = Field(ge=0, le=1)
    interval: tuple[float, float] = Field(description="Low and high.")
    suitable: bool
    threshold: ThresholdUsed
    novelty: Novelty
    contributions: list[Contribution]
    environment: dict[str, float | str]
    model: ModelRef
    cached: bool
    created_at: datetime


class PredictionPage(BaseModel):
    """A page of the list of predictions, latest first."""

    items: list[PredictionAnswer]
    next: str | None


class PredictionsQuery(PageQuery):
    """Which predictions to list."""

    species: Text | None = Field(None, description="Only predictions for this species, by slug.")


class PredictForm(BaseModel):
    """The form as the page shows it."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    species: Any = Field(None, description="SpeciesDetail or None")
    values: dict[str, str] = Field(default_factory=dict)
    errors: dict[str, str] = Field(default_factory=dict)
    starting_points: list[Conditions] = Field(default_factory=list)
    query: str = ""
