"""What species look like from outside, and what may be asked of their list."""

from __future__ import annotations

from pydantic import BaseModel, Field

from app.fields import PageQuery, Text
from app.registry.schemas import ModelRef, ModelScores
from app.studies.schemas import PredictorRange, StudyRef


class SpeciesItem(BaseModel):
    """A species in a list."""

    slug: str
    scientific_name: str
    vernacular_name: str
    study: StudyRef
    model: ModelRef | None


class SpeciesPage(BaseModel):
    """A page of the list of species."""

    items: list[SpeciesItem]
    next: str | None


class SpeciesDetail(BaseModel):
    """One species with what its model needs and what it is worth."""

    slug: str
    scientific_name: str
    vernacular_name: str
    study: StudyRef
    predictors: list[PredictorRange]
    model: ModelScores | None


class SpeciesQuery(PageQuery):
    """Which species to list."""

    q: Text = Field("", description="Part of a scientific or vernacular name; typing errors are forgiven.")
    study: Text | None = Field(None, description="Only species of this study, by slug.")
