"""What studies look like from outside."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel

from ml.card import Predictor, Source


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
        """Return what outsiders see of a card's predictor."""
        return cls(**{name: getattr(predictor, name) for name in cls.model_fields})


class StudyItem(StudyRef):
    """A study in a list."""

    description: str
    records: Literal["presence-absence", "presence-background"]
    n_species: int


class StudyDetail(StudyItem):
    """One study, with what it measures and where its records come from."""

    predictors: list[PredictorRange]
    sources: list[Source]
    limits: list[str]


class StudyPage(BaseModel):
    """A page of the list of studies."""

    items: list[StudyItem]
    next: str | None
