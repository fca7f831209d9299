"""Schemas of maps in the API."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, FiniteFloat, model_validator
from typing_extensions import TypedDict

from app.catalogue.refs import ModelRef, SpeciesRef
from app.jobs.schemas import JobState
from app.maps.change_schemas import ChangeContent
from app.web.fields import PageQuery, Text, blank_is_none
from ml.change.layout import MOST_SCENARIOS
from ml.recipes.reports import Grid
from ml.serving.verdict import VERDICTS

_OfMaps = Literal["suitability", "verdict", "low", "high", "index", "mess", "most_dissimilar", "inside"]
_OfComparisons = Literal["change", "agreement", "spread"]
QuantityName = Literal[_OfMaps, _OfComparisons]
Change = Annotated[float, Field(strict=True, allow_inf_nan=False)]


class MapRequest(BaseModel):
    """Body of a request that starts a map: a model, or a species, whose active model is used."""

    model_config = ConfigDict(extra="forbid")

    model: Text | None = Field(None, min_length=1, description="Id of a model.")
    species: Text | None = Field(None, min_length=1, description="Slug or scientific name.")
    scenario: Annotated[Text | None, BeforeValidator(blank_is_none)] = Field(
        None, description="Label of a scenario of the layers; left out: the training conditions."
    )
    kind: Literal["suitability", "change"] = Field(
        "suitability", description="`change`: compare the map of today with those of one or several scenarios."
    )
    scenarios: list[Text] = Field(
        default_factory=list,
        max_length=MOST_SCENARIOS,
        description="Labels of the scenarios of a comparison, instead of `scenario`.",
    )
    shift: dict[Text, Change] = Field(
        default_factory=dict,
        max_length=200,
        description="A number that is added to a continuous layer, by predictor; at most the width of its training "
        "range either way.",
    )

    @model_validator(mode="after")
    def _one(self) -> MapRequest:
        if (self.model is None) == (self.species is None):
            raise ValueError("needs either model or species")
        if self.scenarios and self.kind != "change":
            raise ValueError("scenarios are compared with today by the kind change")
        if self.scenarios and self.scenario is not None:
            raise ValueError("needs either scenario or scenarios")
        if len(set(self.scenarios)) < len(self.scenarios):
            raise ValueError("scenarios names one twice")
        if self.kind == "change" and not (self.scenarios or self.scenario or any(self.shift.values())):
            raise ValueError("a change needs scenario, scenarios or shift")
        return self

    @property
    def compared(self) -> list[str]:
        """The scenarios of a comparison."""
        return self.scenarios or ([self.scenario] if self.scenario is not None else [])


class Beyond(BaseModel):
    """The part of a map that lies outside the area of applicability of its model."""

    cells: int
    share: FiniteFloat = Field(description="Of the cells with an answer.")
    area_km2: FiniteFloat
    area_share: FiniteFloat
    sentence: str


class LegendEntry(BaseModel):
    """A verdict: its value in the file, its name, its words and its colour."""

    index: int
    verdict: str
    label: str
    colour: str


def _all_verdicts(numbers: dict[str, float]) -> dict[str, float]:
    if set(numbers) != set(VERDICTS):
        raise ValueError("needs a number for each verdict")
    return numbers


def _grid(content: dict[str, Any]) -> dict[str, Any]:
    Grid.model_validate(content)
    return content


ByVerdict = Annotated[dict[str, FiniteFloat], AfterValidator(_all_verdicts)]


class Areas(TypedDict):
    """Square kilometres on the ellipsoid."""

    valid: FiniteFloat
    by_verdict: ByVerdict


class Cells(TypedDict):
    """Numbers of cells."""

    total: int
    valid: int
    by_verdict: Annotated[dict[str, int], AfterValidator(_all_verdicts)]


class Cutoff(TypedDict):
    """The threshold between suitable and unsuitable."""

    value: FiniteFloat
    rule: str


class Category(TypedDict):
    """A value of a quantity that has categories."""

    value: int
    name: str
    label: str
    colour: Annotated[str, Field(pattern=r"^#[0-9a-f]{6}$")]


class QuantityContent(TypedDict):
    """A file of a map."""

    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]

    file: str
    size: int
    sha256: str
    title: str
    description: str
    dtype: str
    nodata: FiniteFloat | None
    scale: FiniteFloat | None
    categories: list[Category]


class MapContent(BaseModel):
    """What a finished map says; first how much of it lies beyond what the model has seen."""

    beyond: Beyond
    area_km2: Areas = Field(description="`valid`, and `by_verdict`, in km² on the ellipsoid.")
    cells: Cells = Field(description="`total`, `valid` and `by_verdict`.")
    threshold: Cutoff = Field(description="`value` and `rule`.")
    legend: list[LegendEntry]
    grid: Annotated[dict[str, Any], AfterValidator(_grid)]
    predictors: list[str] = Field(description="The value of `most_dissimilar` is the position in this list.")
    quantities: dict[str, QuantityContent]
    sources: list[dict[str, Any]]
    licences: list[str]
    citation: str
    notes: list[str]


class MapDetail(BaseModel):
    """One map."""

    id: str
    species: SpeciesRef
    study: str
    model: ModelRef
    scenario: str | None
    scenarios: list[str] = Field(description="Of a comparison.")
    shift: dict[str, float] = Field(description="Stated changes of layers by predictor.")
    shift_text: str = Field(description="The same in words.")
    kind: str
    state: JobState = Field(description="Of its job.")
    job: str | None = Field(description="Id of its job.")
    has_preview: bool = Field(description="Whether tiles show a coarse preview while the job runs.")
    created_at: datetime
    problem: str | None = Field(description="Why a map whose job has succeeded has no content.")
    content: MapContent | ChangeContent | None = Field(description="Null until the map is finished.")


class DeletedMap(BaseModel):
    """A map that was deleted."""

    id: str


class MapPage(BaseModel):
    """A page of the list of maps."""

    items: list[MapDetail]
    next: str | None


class MapsQuery(PageQuery):
    """The parameters of the list of maps."""

    species: Text | None = Field(None, description="Slug or scientific name of a species.")
    study: Text | None = Field(None, description="Slug of a study.")


class QuantityQuery(BaseModel):
    """The parameter of files, tiles and pictures of a map."""

    model_config = ConfigDict(extra="forbid")

    quantity: QuantityName | None = Field(
        None,
        description="`suitability` by default; `change` by default of a comparison, which has `change`, `agreement` "
        "and `spread`.",
    )


class PictureQuery(QuantityQuery):
    """The parameters of the picture of a map."""

    points: bool = Field(False, description="1: with the presences that the model was trained on, as points.")
    plain: bool = Field(False, description="The map alone, without title, legend and citation.")
