"""Schemas of answers, their lists and the predict form, for pages, the JSON API and OpenAPI."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
)

from app.catalogue.refs import ModelRef, SpeciesRef
from app.predictions.place_schemas import Location, PlaceInForm
from app.predictions.query_schemas import Extrapolation
from app.species.schemas import SpeciesDetail
from app.web.fields import PageQuery, Text
from ml.card import Conditions
from ml.quality import Quality
from ml.serving.threshold import ThresholdValue
from ml.serving.verdict import Verdict

VERDICT_MEANING = (
    "`suitable` and `unsuitable`: the suitability and its whole interval lie on one side of the threshold. "
    "`probably_suitable` and `probably_unsuitable`: the suitability lies on that side, and its interval crosses the "
    "threshold. `cannot_say`: the conditions lie outside the area of applicability, or the model is not better than "
    "chance."
)
SUITABLE_MEANING = "The side of the threshold; null where the verdict is `cannot_say`."

Kind = Literal["inside", "range", "combination", "unknown"]


class ThresholdUsed(ThresholdValue, BaseModel):
    """The threshold between suitable and unsuitable, and its rule."""

    value: float
    rule: str = Field(description="maxSSS, P10, MTP, or own.")
    sensitivity: float | None = Field(None, description="Share of held-out presences at or above it.")
    specificity: float | None = Field(None, description="Share of held-out absences, or background points, below it.")


class Novelty(BaseModel):
    """Similarity of the conditions to the training data."""

    in_area_of_applicability: bool
    kind: Kind = Field(
        "unknown",
        description="`range`: a value lies outside its training range. `combination`: each is in range, but no record "
        "is like all of them together. `unknown`: in range, by a model without an area of applicability.",
    )
    dissimilarity_index: float | None = Field(
        None,
        description="Distance from the nearest training record, weighted by importance (Meyer & Pebesma 2021). Null "
        "for those who see the places of the study on a grid.",
    )
    dissimilarity_threshold: float | None = Field(None, description="The largest index that counts as inside.")
    mess: float | None = Field(
        description="Similarity to the training range, negative outside it (Elith et al. 2010). Null for those who see "
        "the places of the study on a grid."
    )
    most_dissimilar: str | None = Field(
        description="The predictor with the largest part in the novelty. For those who see the places of the study on "
        "a grid null unless a value lies outside its training range."
    )
    outside_range: list[str] = Field(default_factory=list, description="Predictors outside their training range.")


class Uncertainty(BaseModel):
    """Coverage of the intervals on held-out records, and the sources of their width."""

    level: float = Field(description="Nominal coverage: the share of intervals that should contain the true value.")
    coverage: float | None = Field(
        None, description="Estimated coverage on held-out records of this species; null if not measured."
    )
    groups: int | None = Field(
        None, description="Number of groups of held-out records from which the coverage was estimated."
    )
    study_coverage: float | None = Field(
        None, description="The same over all species of the study, where intervals were fitted on them together."
    )
    study_groups: int | None = None
    few_records: float = Field(
        0,
        description="Standard deviation on the logit scale by which the interval is wider for a single place than for "
        "the groups on which coverage was measured; 0 where it was not widened.",
    )
    sources: dict[Literal["records", "members", "places"], float] = Field(
        default_factory=dict,
        description="Shares of the interval's variance: another sample of records, disagreement of the model's "
        "members, differences between places that no predictor describes.",
    )


class Contribution(BaseModel):
    """The effect of one predictor on the suitability."""

    predictor: str
    value: float | str
    effect: float


class ComputedPart(BaseModel):
    """The part of an answer that depends only on the model and the conditions: the cached part.

    Requests share a cached object, so it is frozen.
    """

    model_config = ConfigDict(frozen=True)

    suitability: float = Field(ge=0, le=1)
    interval: tuple[float, float]
    uncertainty: Uncertainty | None = None
    novelty: Novelty
    baseline: float | None = None
    contributions: list[Contribution]
    missing: list[str] = Field(default_factory=list)

    @property
    def text(self) -> bytes:
        """The object as JSON, for the shared cache."""
        return self.model_dump_json().encode()


class StoredPart(ComputedPart):
    """The stored part of an answer: the computed part and the options of the request."""

    threshold: ThresholdUsed
    extrapolation: Extrapolation = "flag"
    cached: bool = False
    location: Location | None = None
    scenario: str | None = None


class PredictionAnswer(BaseModel):
    """One answer."""

    id: str
    species: SpeciesRef
    study: str = Field(description="Slug of the study.")
    suitability: float = Field(ge=0, le=1)
    interval: tuple[float, float] = Field(description="Low and high.")
    uncertainty: Uncertainty | None = Field(description="Null for answers stored before it was reported.")
    verdict: Verdict = Field(description=VERDICT_MEANING)
    verdict_reason: str = Field(description="The reason for the verdict, in one sentence.")
    suitable: bool | None = Field(description=SUITABLE_MEANING)
    threshold: ThresholdUsed
    quality: Quality = Field(description="The quality of the model.")
    novelty: Novelty
    extrapolation: Extrapolation
    baseline: float | None = Field(
        description="Suitability by the members' base scores, before the effects of the conditions."
    )
    contributions: list[Contribution] = Field(
        description="Largest effect first. Baseline and effects sum to the suitability."
    )
    missing: list[str] = Field(description="Parts of an answer that a model of an older format cannot provide.")
    environment: dict[str, float | str]
    location: Location | None = Field(
        None, description="The place whose conditions were read from the layers; null for given conditions."
    )
    scenario: str | None = Field(None, description="The scenario of the layers; null for those of the training.")
    model: ModelRef
    cached: bool
    created_at: datetime


class PredictionPage(BaseModel):
    """A page of the list of predictions, latest first."""

    items: list[PredictionAnswer]
    next: str | None


class PredictionsQuery(PageQuery):
    """Filter and page of the list of predictions."""

    species: Text | None = Field(None, description="Only predictions for this species, by slug.")


class PredictForm(BaseModel):
    """The predict form with its values and messages."""

    species: SpeciesDetail | None = None
    values: dict[str, str] = Field(default_factory=dict)
    errors: dict[str, str] = Field(default_factory=dict)
    unlisted: int = Field(0, description="Number of problems that are not in `errors`.")
    options: dict[str, str] = Field(default_factory=dict, description="threshold, own_threshold, extrapolation")
    starting_points: list[Conditions] = Field(default_factory=list)
    meanings: dict[str, str] = Field(default_factory=dict, description="What a predictor is, where its card says so.")
    start: str = Field("", description="Label of the starting point whose values the form shows.")
    reset: str = Field("", description="Address of the values before any change.")
    place: PlaceInForm | None = None
    hint: str = Field("", description="What to try with the example of the first page.")
    query: str = ""
