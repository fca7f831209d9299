"""Schemas of comparisons, queries and answers: the one definition for form, JSON and OpenAPI."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from app.catalogue.refs import ModelRef, PredictorRange, SpeciesRef, StudyRef
from app.predictions.query_schemas import MOST_PREDICTORS, Environment, RequestOptions
from app.predictions.schemas import SUITABLE_MEANING, VERDICT_MEANING, Contribution, Novelty, ThresholdUsed
from app.web.fields import Text, plain_text
from ml.card import Metric, Threshold
from ml.quality import Quality
from ml.serving.verdict import Verdict

#: Species or conditions of one comparison.
MOST = 100
#: Conditions side by side on the page.
MOST_COLUMNS = 6


def _few(value: dict[str, Any]) -> dict[str, Any]:
    if len(value) > MOST_PREDICTORS:
        raise ValueError(f"must not hold more than {MOST_PREDICTORS} values")
    return value


Place = Annotated[Environment, AfterValidator(_few)]
Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(plain_text)]


class SpeciesComparisonQuery(RequestOptions):
    """Several species of a study, compared on one set of conditions."""

    study: Name = Field(description="Slug.")
    environment: Place
    species: list[Name] | None = Field(
        None,
        min_length=1,
        max_length=MOST,
        description="Slugs or scientific names of species of the study; all of them when left out.",
    )


class NamedSpecies(SpeciesRef):
    """A species with both its names."""

    vernacular_name: str


class RankedSpecies(BaseModel):
    """The answer of one species' model to the conditions."""

    rank: int | None = Field(
        description="Within its verdict: 1 for the first; equal ones share a rank. Null where the model cannot say."
    )
    species: NamedSpecies
    suitability: float = Field(ge=0, le=1)
    interval: tuple[float, float] = Field(description="Low and high.")
    verdict: Verdict = Field(description=VERDICT_MEANING)
    verdict_reason: str = Field(description="The reason for the verdict, in one sentence.")
    suitable: bool | None = Field(description=SUITABLE_MEANING)
    threshold: ThresholdUsed
    novelty: Novelty
    quality: Quality = Field(description="The quality of the species' model.")
    model: ModelRef


class MissingSpecies(NamedSpecies):
    """A species without an answer, and the reason."""

    reason: str


class ExpectedSpecies(BaseModel):
    """The number of species that a survey at the place should find."""

    number: float = Field(description="Sum of the calibrated chances.")
    of: int = Field(
        description="Number of species in the sum: those whose model has the conditions in its area of applicability "
        "and is better than chance."
    )


class SpeciesComparison(BaseModel):
    """Species in order of verdict, and of suitability within a verdict; those that cannot say are last, unordered."""

    study: StudyRef
    environment: dict[str, float | str]
    items: list[RankedSpecies]
    missing: list[MissingSpecies] = Field(description="Species without a model that can be opened.")
    expected: ExpectedSpecies | None = Field(
        description="Null unless the study recorded absences, because otherwise a suitability is not a probability."
    )


class ConditionsGiven(BaseModel):
    """One set of conditions."""

    model_config = ConfigDict(extra="forbid", strict=True)

    label: Annotated[str, Field(max_length=100), AfterValidator(plain_text)] | None = Field(
        None, description="A name for them; `Conditions 1` and so on when left out."
    )
    environment: Place


class ConditionsComparisonQuery(RequestOptions):
    """Several sets of conditions, compared for one species."""

    species: Name = Field(description="Slug or scientific name.")
    environments: list[ConditionsGiven] = Field(min_length=1, max_length=MOST)


class EffectChange(BaseModel):
    """The effect of one predictor minus its effect in the first conditions."""

    predictor: str
    effect: float


class Difference(BaseModel):
    """The difference from the answer to the first conditions."""

    suitability: float = Field(description="Suitability minus that of the first conditions.")
    intervals_overlap: bool = Field(
        description="Whether the intervals overlap. Both come from the same model, so their errors are correlated: "
        "the difference may be real even if the intervals overlap."
    )
    contributions: list[EffectChange] = Field(description="Largest first. They sum to the difference in suitability.")


class ComparedConditions(BaseModel):
    """The answer of the model to one set of conditions."""

    label: str
    environment: dict[str, float | str]
    suitability: float = Field(ge=0, le=1)
    interval: tuple[float, float] = Field(description="Low and high.")
    verdict: Verdict = Field(description=VERDICT_MEANING)
    verdict_reason: str = Field(description="The reason for the verdict, in one sentence.")
    suitable: bool | None = Field(description=SUITABLE_MEANING)
    novelty: Novelty
    contributions: list[Contribution] = Field(description="Largest effect first.")
    difference: Difference | None = Field(
        description="Null for the first conditions, and where one of both answers is `cannot_say`."
    )


class ConditionsComparison(BaseModel):
    """One species' model on several sets of conditions, in the order given."""

    species: NamedSpecies
    study: StudyRef
    model: ModelRef
    quality: Quality = Field(description="The quality of the model.")
    threshold: ThresholdUsed
    baseline: float | None = Field(
        description="Suitability by the members' base scores, before the effects of the conditions."
    )
    differing: list[str] = Field(description="Predictors whose value differs between the sets.")
    items: list[ComparedConditions]


class ModelsComparisonQuery(BaseModel):
    """Two versions of a species' model; with one id, the other is the version before it."""

    first: Text | None = Field(None, min_length=1, description="Id of a model.")
    second: Text | None = Field(None, min_length=1, description="Id of another model of the same species.")


class PageChoice(BaseModel):
    """The study or species of a page."""

    study: Text = ""
    species: Text = ""


class ComparedModel(ModelRef):
    """One version of a model; members that an older format did not report are null or empty."""

    active: bool = Field(description="Whether this is the active version of its species.")
    registered_at: datetime
    n_presences: int
    n_absences: int = Field(description="Absences, or background points in a presence-background study.")
    data_fingerprint: str
    estimator: str
    members: dict[str, float] = Field(description="Weight of each member.")
    validation: str = Field(description="Validation method of the scores.")
    quality: Quality = Field(description="The quality of the model, from its scores.")
    metrics: dict[str, Metric]
    thresholds: dict[str, Threshold]
    threshold_rule: str
    importance: dict[str, float]
    area_threshold: float | None = Field(description="The largest dissimilarity index inside its area.")
    interval_level: float | None = Field(description="Share of its intervals that should contain the observed share.")
    interval_coverage: float | None = Field(description="Estimated share of held-out groups that agreed with them.")
    interval_groups: int | None = Field(description="Number of those groups.")
    interval_standard_error: float | None = Field(description="Standard error of the share; null without groups.")
    optimism: float | None = Field(description="How much higher its AUC is with random folds than with spatial ones.")


class ScoreChange(BaseModel):
    """One score of both versions."""

    metric: str
    first: Metric | None
    second: Metric | None
    difference: float | None = Field(description="Second minus first.")
    intervals_overlap: bool | None = Field(
        description="Whether the intervals overlap, so that the scores cannot tell the two apart. Null without one."
    )


class ModelSays(BaseModel):
    """The answer of one version."""

    suitability: float = Field(ge=0, le=1)
    interval: tuple[float, float]
    verdict: Verdict = Field(description=VERDICT_MEANING)
    verdict_reason: str = Field(description="The reason for the verdict, in one sentence.")
    suitable: bool | None = Field(description=SUITABLE_MEANING)


class ModelAnswers(BaseModel):
    """The answers of both versions to the same conditions."""

    label: str
    environment: dict[str, float | str]
    first: ModelSays | None
    second: ModelSays | None
    difference: float | None = Field(
        description="Second minus first; null where one of both is `cannot_say` or missing."
    )
    notes: list[str] = Field(description="Reasons why a version has no answer, and values that it does not read.")


class ModelsComparison(BaseModel):
    """Two versions of the model of one species."""

    species: NamedSpecies
    study: StudyRef
    first: ComparedModel
    second: ComparedModel
    predictors: list[PredictorRange] = Field(
        description="Predictors of either version, with the ranges of the newer one."
    )
    same_data: bool = Field(description="Whether both were trained on the same table.")
    metrics: list[ScoreChange]
    answers: list[ModelAnswers] = Field(description="At the starting points of the newer version.")
