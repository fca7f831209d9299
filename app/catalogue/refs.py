"""Short references to studies, species and models."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel

from ml.card import Predictor


class ModelRef(BaseModel):
    """A model, named."""

    id: str
    version: int


class SpeciesRef(BaseModel):
    """A species, named."""

    slug: str
    scientific_name: str


class StudyRef(BaseModel):
    """A study, named."""

    slug: str
    title: str


class PredictorRange(BaseModel):
    """A predictor and the range seen in training."""

    name: str
    label: str
    unit: str
    type: Literal["continuous", "categorical"]
    minimum: float | None
    maximum: float | None
    median: float | None
    levels: list[str] | None

    @classmethod
    def of(cls, predictor: Predictor) -> Self:
        """Return the public part of a predictor of a model card."""
        return cls(**{name: getattr(predictor, name) for name in cls.model_fields})
