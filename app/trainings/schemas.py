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


TryState = Literal["preparing", "refused", "training", "failed", "cancelled", "done"]
#: Least and most newly accepted presences that start a training, and the number that is offered.
FEWEST_NEW, MOST_NEW, USUAL_NEW = 20, 10_000, 50


class LearningChange(BaseModel):
    """Body of a request that switches learning from observations on or off."""

    model_config = ConfigDict(extra="forbid", strict=True)

    on: bool
    number: int | None = Field(
        None,
        ge=FEWEST_NEW,
        le=MOST_NEW,
        description=f"Newly accepted presences that start a training. By default as before, at first {USUAL_NEW}.",
    )


class LearningTry(BaseModel):
    """The last training that was asked for because of observations."""

    asked_at: datetime
    new: int = Field(description="New presences that asked for it.")
    job: str = Field(description="Id of the job that puts the observations into the records and starts the training.")
    training: str | None = Field(description="Id of the training; null before it is started, and where it cannot be.")
    state: TryState
    passed: int | None = Field(
        description="Candidates that passed the promotion gate when the training ended: better than the active "
        "version, or the first of their species; null before the training is done."
    )
    candidates: int | None
    answering: int | None = Field(description="Candidates that answer now.")
    passing_now: int | None = Field(
        description="Candidates that do not answer, and pass beside the versions that answer now."
    )
    sentence: str


class LearningState(BaseModel):
    """Whether a study learns from observations, how many have come, and what became of the last training."""

    on: bool
    number: int
    new: int = Field(description="Accepted presences at a place that no training has used or was asked for.")
    waits_for: str = Field(
        description="What must happen before a training that is due is asked for; empty otherwise. What concerns the "
        "account of the owner is told to those who may change the study."
    )
    sentence: str
    caveat: str = Field(description="What observations are, and what a training takes from them.")
    last: LearningTry | None


class TrainingRequest(BaseModel):
    """Body of a request that starts a training."""

    model_config = ConfigDict(extra="forbid")

    settings: TrainingSettings | None = Field(None, description="Stored in the recipe; by default as stored there.")
    revision: Revision | None = Field(None, description="Revision of the recipe that is meant; 409 for another.")
