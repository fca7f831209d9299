"""Schemas of models in the API."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, Field

from app.catalogue.refs import ModelRef, SpeciesRef, StudyRef
from app.web.fields import PageQuery, Text, blank_is_none
from ml.card import Metric, ModelCard, Threshold, Validation


class ModelScores(ModelRef):
    """A model with its scores on held-out records."""

    metrics: dict[str, Metric]
    validation: Validation
    thresholds: dict[str, Threshold]
    threshold_rule: str
    n_presences: int
    n_absences: int = Field(description="Absences, or background points in a presence-background study.")


class ModelItem(ModelRef):
    """A model in a list."""

    species: SpeciesRef
    study: StudyRef
    active: bool
    registered_at: datetime
    metrics: dict[str, Metric]


class ModelDetail(ModelItem):
    """One model with its model card."""

    card: ModelCard
    places_grid_km: int | None = Field(
        None,
        description="The grid on which this request sees places of records, in km; null: exactly. With a grid, the "
        "places of the card are centres of cells, and its starting points those that are of no place.",
    )


class ModelPage(BaseModel):
    """A page of the list of models."""

    items: list[ModelItem]
    next: str | None


ModelSort = Literal[
    "species", "-species", "study", "-study", "quality", "-quality", "auc", "-auc", "validation", "-validation",
    "presences", "-presences", "added", "-added",
]  # fmt: skip


class ModelsQuery(PageQuery):
    """Filter, order and page of the list of models."""

    species: Text | None = Field(None, description="Only models of this species, by slug or scientific name.")
    study: Text | None = Field(None, description="Only models of this study, by slug.")
    sort: Annotated[ModelSort | None, BeforeValidator(blank_is_none)] = Field(
        None,
        description="The order, with a minus sign for descending values; by species, the latest version first, when "
        "left out. `quality` has models that are not better than chance below all others.",
    )


class ActivationResult(BaseModel):
    """A model that answers for its species now."""

    model: ModelRef
    species: SpeciesRef
    study: StudyRef
    replaced: ModelRef | None = Field(description="The version that answered before; null for the first version.")
    changed: bool = Field(description="False where the model answered already.")
    sentence: str


class RollbackResult(BaseModel):
    """The models of a study's species that answer again."""

    study: StudyRef
    items: list[ActivationResult]
    sentence: str
