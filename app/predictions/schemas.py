"""Schemas of predictions: query and answer, for the form, the JSON API and OpenAPI."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

from app.catalogue.refs import ModelRef, SpeciesRef
from app.predictions.place_schemas import Location, PlaceInForm
from app.species.schemas import SpeciesDetail
from app.web.fields import PageQuery, Text, plain_text
from ml.card import Conditions
from ml.quality import Quality
from ml.serving.threshold import ThresholdValue
from ml.serving.verdict import Verdict

MOST_PREDICTORS = 200
RULES = ("maxSSS", "P10", "MTP")
#: The end of the message about a threshold that is neither a number nor a rule.
NAMES_OF_RULES = f" or one of {', '.join(RULES)}"
#: Members of a query that may be query parameters of a POST instead.
ALSO_IN_ADDRESS = ("extrapolation", "threshold")

VERDICT_MEANING = (
    "`suitable` and `unsuitable`: the suitability and its whole interval lie on one side of the threshold. "
    "`probably_suitable` and `probably_unsuitable`: the suitability lies on that side, and its interval crosses the "
    "threshold. `cannot_say`: the conditions lie outside the area of applicability, or the model is not better than "
    "chance."
)
SUITABLE_MEANING = "The side of the threshold; null where the verdict is `cannot_say`."

Extrapolation = Literal["allow", "flag", "refuse"]
Kind = Literal["inside", "range", "combination", "unknown"]

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


def read_threshold(value: object) -> float | str | None:
    """Return a threshold from 0 to 1 or the name of a rule."""
    if value is None:
        return None
    if isinstance(value, str) and value.strip().lower() in {rule.lower() for rule in RULES}:
        return next(rule for rule in RULES if rule.lower() == value.strip().lower())
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1:
        # not -0.0, which would be written as -0.00
        return float(value) + 0.0
    raise ValueError(f"must be a number from 0 to 1{NAMES_OF_RULES}")


class RequestOptions(BaseModel):
    """Options for the verdict: threshold and extrapolation."""

    model_config = ConfigDict(extra="forbid", strict=True)

    extrapolation: Extrapolation = Field(
        "flag",
        description="Outside a model's area of applicability: `flag` answers with the verdict `cannot_say`, "
        "`allow` gives the verdict by the number alone, `refuse` is a 409 problem.",
    )
    threshold: Annotated[float | str | None, BeforeValidator(read_threshold)] = Field(
        None,
        description="A threshold of your own from 0 to 1, or the rule to use: maxSSS, P10, MTP. The model's own rule "
        "when left out.",
        json_schema_extra={
            "anyOf": [{"type": "number", "minimum": 0, "maximum": 1}, {"enum": [*RULES]}, {"type": "null"}]
        },
    )


def without_null(schema: dict[str, Any]) -> None:
    """Describe a member that a request either has or has not: neither null nor a default."""
    schema.pop("default", None)
    (described,) = [one for one in schema.pop("anyOf") if one != {"type": "null"}]
    schema.update({**described, **schema})


#: Stands for a member that a request does not have.
LEFT_OUT: Any = object()


def none_if_left_out(value: object) -> object:
    """Return None for a member that was left out; a member that is null is refused."""
    if value is None:
        raise ValueError("must not be null; leave it out instead")
    return None if value is LEFT_OUT else value


class PredictionQuery(RequestOptions):
    """A species, and either conditions or a place whose conditions are read from the layers of its study."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["environment"]}, {"required": ["location"]}]},
    )

    species: Annotated[str, Field(min_length=1, max_length=200), AfterValidator(plain_text)] = Field(
        description="Slug or scientific name."
    )
    location: Location | None = Field(
        None,
        description="A place, for species whose study has layers: their values there are the conditions.",
        json_schema_extra=without_null,
    )
    scenario: Text | None = Field(
        None,
        json_schema_extra=without_null,
        description="With `location`: the scenario whose layers are read, by its label; the conditions that the model "
        "was trained on when left out.",
    )
    environment: Annotated[Environment | None, BeforeValidator(none_if_left_out)] = Field(
        default_factory=lambda: LEFT_OUT, validate_default=True, json_schema_extra=without_null
    )

    @field_validator("location", "scenario", mode="before")
    @classmethod
    def _not_null(cls, value: object) -> object:
        return none_if_left_out(value)

    @field_validator("scenario")
    @classmethod
    def _of_a_place(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and "location" in info.data and info.data["location"] is None:
            raise ValueError("belongs to a location, which is missing")
        return value

    @field_validator("environment")
    @classmethod
    def _one_of_both(cls, value: dict[str, Any] | None, info: ValidationInfo) -> dict[str, Any] | None:
        if value is None and info.data.get("location", "wrong") is None:
            raise ValueError("a value is needed")
        if value is not None and info.data.get("location") is not None:
            raise ValueError("give the environment or a location, not both")
        if value is not None and len(value) > MOST_PREDICTORS:
            raise ValueError(f"must not hold more than {MOST_PREDICTORS} values")
        return value


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
        None, description="Distance from the nearest training record, weighted by importance (Meyer & Pebesma 2021)."
    )
    dissimilarity_threshold: float | None = Field(None, description="The largest index that counts as inside.")
    mess: float = Field(description="Similarity to the training range, negative outside it (Elith et al. 2010).")
    most_dissimilar: str | None
    outside_range: list[str] = Field(default_factory=list, description="Predictors outside their training range.")


class Uncertainty(BaseModel):
    """Coverage of the intervals on held-out records, and the sources of their width."""

    level: float = Field(description="Nominal coverage: the share of intervals that should contain the true value.")
    coverage: float | None = Field(
        None, description="Measured coverage on held-out records of this species; null if not measured."
    )
    groups: int | None = Field(
        None, description="Number of groups of held-out records on which the coverage was measured."
    )
    study_coverage: float | None = Field(
        None, description="The same over all species of the study, where intervals were fitted on them together."
    )
    study_groups: int | None = None
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
