"""Schemas of species and response curves in the API, and of their queries."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

from app.catalogue.refs import ModelRef, PredictorRange, SpeciesRef, StudyRef
from app.registry.schemas import ModelScores
from app.web.fields import PageQuery, Text, blank_is_none, plain_text


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


class ScenarioRef(BaseModel):
    """A scenario whose layers are stored."""

    label: str = Field(description="The `scenario` of a prediction.")
    note: str = Field(description="What it is, in a sentence; may be empty.")


class LayersRef(BaseModel):
    """The stored layers of a model, from which the conditions at a place are read."""

    extent: tuple[float, float, float, float] = Field(
        description="West, south, east and north in degrees of WGS 84; west above east crosses the antimeridian."
    )
    scenarios: list[ScenarioRef]


class SpeciesDetail(BaseModel):
    """One species, with the predictors and the scores of its model."""

    slug: str
    scientific_name: str
    vernacular_name: str
    study: StudyRef
    predictors: list[PredictorRange]
    model: ModelScores | None
    layers: LayersRef | None = Field(
        description="The layers that the model was trained on; null where places cannot be asked."
    )
    places_grid_km: int | None = Field(
        None, description="The grid on which this request sees places of records, in km; null: exactly."
    )
    newer_presences: int = Field(
        0, description="Presences that editors accepted since the active model was registered: it has not seen them."
    )


SpeciesSort = Literal[
    "name", "-name", "study", "-study", "quality", "-quality", "auc", "-auc", "validation", "-validation",
    "presences", "-presences",
]  # fmt: skip


class SpeciesQuery(PageQuery):
    """Filter, order and page of the list of species."""

    q: Text = Field("", description="Part of a scientific or vernacular name; typing errors are forgiven.")
    study: Text | None = Field(None, description="Only species of this study, by slug.")
    sort: Annotated[SpeciesSort | None, BeforeValidator(blank_is_none)] = Field(
        None,
        description="The order, with a minus sign for descending values; the best match first, or by name, when left "
        "out. `quality` has models that are not better than chance below all others.",
    )


class CurveData(BaseModel):
    """The suitability as a function of one predictor, with the other predictors constant."""

    predictor: str
    label: str
    unit: str
    type: Literal["continuous", "categorical"]
    value: float | str = Field(description="The predictor's value in the conditions.")
    minimum: float | None = Field(description="Smallest training value; null for levels.")
    maximum: float | None = Field(description="Largest training value; null for levels.")
    values: list[float | str]
    suitability: list[float]
    inside: list[bool] = Field(
        description="Whether each point lies in the area of applicability; elsewhere the curve is an extrapolation."
    )
    density: list[float] = Field(
        description="Training values around each point, as a share of the most frequent; empty for levels, and for "
        "those who see the places of the study on a grid."
    )


class ResponseCurves(BaseModel):
    """The response curves of one species around some conditions."""

    species: SpeciesRef
    model: ModelRef
    at: str = Field(description="Label of the conditions that the other predictors keep.")
    environment: dict[str, float | str]
    curves: list[CurveData]


class CurvesQuery(BaseModel):
    """The conditions of the curves, and the number of points."""

    prediction: Annotated[str | None, Field(max_length=36), AfterValidator(lambda v: v and plain_text(v))] = Field(
        None, description="Id of a prediction for this species; typical conditions when left out."
    )
    start: int = Field(0, ge=0, le=20, description="Number of a starting point of the model; 0 are typical conditions.")
    points: int = Field(41, ge=5, le=201, description="Points of a continuous predictor's curve.")
