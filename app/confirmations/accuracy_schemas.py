"""Schemas of the accuracy of a model by accepted observations."""

from __future__ import annotations

from pydantic import BaseModel, Field

from app.catalogue.refs import ModelRef, SpeciesRef, StudyRef


class Interval(BaseModel):
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float


class ReliabilityPart(BaseModel):
    """Observations of similar suitability, and the share of presences among them."""

    suitability: float = Field(description="The mean.")
    observed: float
    n: int


class CalibrationFigures(BaseModel):
    """How far suitability is from the share of presences."""

    intercept: Interval = Field(description="0 where they agree.")
    slope: Interval = Field(description="1 where they agree; below 1 where suitabilities are too extreme.")


class Figures(BaseModel):
    """Accuracy by accepted observations. A figure is null where there are too few of them for it."""

    n_presences: int
    n_absences: int
    n_outside: int = Field(description="Left out: the model had said that it cannot say anything there.")
    n_after_prediction: int = Field(description="Reported from an answer of this service, which is a selection.")
    auc: Interval | None
    brier: Interval | None
    brier_reference: float | None = Field(
        description="The Brier score of the share of presences among the observations, given everywhere."
    )
    calibration: CalibrationFigures | None
    reliability: list[ReliabilityPart]
    sentence: str
    caveats: list[str]


class AwayFigures(BaseModel):
    """The same figures by the observations that are not at training places, and the numbers of the others."""

    n_presences: int
    n_absences: int
    n_at_training_places: int = Field(
        description="Left out: within 1 km of a record that the model was trained on, or in its cell of the layers."
    )
    n_unknown: int = Field(
        description="Left out: reported without a place, or for a model whose records are not all known by their place."
    )
    auc: Interval | None
    brier: Interval | None
    brier_reference: float | None
    sentence: str


class LiveFigures(Figures):
    """Accuracy by all accepted observations, and by those away from the training places."""

    away: AwayFigures | None = Field(
        description="By the observations away from training places. Null where a species of the study is sensitive: "
        "the numbers would tell where its records are."
    )


class ModelAccuracy(LiveFigures):
    """Accuracy of one version of a model."""

    model: ModelRef
    species: SpeciesRef
    study: StudyRef


class StudyAccuracy(LiveFigures):
    """Accuracy of the versions of a study together; the AUC compares observations of the same version only."""

    study: StudyRef
    versions: list[ModelAccuracy]


class AccuracyPage(BaseModel):
    """The accuracy of all studies with accepted observations."""

    items: list[StudyAccuracy]
