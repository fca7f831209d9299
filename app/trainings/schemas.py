"""Schemas of preflight, trainings and versions in the API."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from app.catalogue.refs import ModelRef, SpeciesRef, StudyRef
from app.web.fields import Revision
from ml.card import Metric
from ml.recipes.recipe import TrainingSettings


class Gate(BaseModel):
    """Comparison of a candidate with the active version of its species. It is advice: activation stays possible."""

    verdict: Literal["first", "better", "equal", "worse", "unknown"]
    sentence: str
    warning: str = Field("", description="A sentence where the candidate is not better than chance.")
    method: Literal["paired", "independent"] | None = Field(
        None, description="By the held-out scores of the same records, or by the AUC intervals of the two cards."
    )
    difference: float | None = Field(None, description="AUC of the candidate minus AUC of the active version.")
    low: float | None = Field(None, description="Lower end of the 95 % interval of the difference.")
    high: float | None = None
    n_presences: int = Field(0, description="Presences that both versions were tested on.")
    n_background: int = 0


class VersionScores(ModelRef):
    """A version of a species' model with what an activation depends on."""

    active: bool
    registered_at: datetime
    auc: Metric | None
    quality: str = Field(description="The quality in words.")
    validation: str
    n_presences: int
    n_background: int
    command: str = Field(description="Trains the same model from the files and the recipe of its card.")
    answered: bool = Field(False, description="Whether it answers now or answered before.")
    differences: list[str] | None = Field(
        None, description="What differs in recipe and files from the active version; null where that is not known."
    )


class SpeciesVersions(BaseModel):
    """The latest version of a species beside the active one."""

    species: SpeciesRef
    candidate: VersionScores | None = Field(description="The latest version; null where it is the active one.")
    active: VersionScores | None
    earlier: VersionScores | None = Field(
        None, description="Where the latest version is the active one: the version that answered or was trained before."
    )
    trained_again: bool = Field(
        False, description="Whether the latest training gave a model that was registered before."
    )
    gate: Gate | None


class FailedSpecies(BaseModel):
    """A species that a training could not fit, with the reason."""

    species: str
    problem: str


class StudyVersions(BaseModel):
    """Candidates and active versions of a study's species."""

    study: StudyRef
    items: list[SpeciesVersions]
    failed: list[FailedSpecies] = Field(description="Species that the latest training could not fit.")
    next: str | None


class TrainingRequest(BaseModel):
    """Body of a request that starts a training."""

    model_config = ConfigDict(extra="forbid")

    settings: TrainingSettings | None = Field(None, description="Stored in the recipe; by default as stored there.")
    revision: Revision | None = Field(None, description="Revision of the recipe that is meant; 409 for another.")
