"""Schemas of comparisons of maps in the API."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field


class ChangeBeyond(BaseModel):
    """The part of a scenario that lies outside the area of applicability of the model."""

    cells: int
    share: float = Field(description="Of the cells with an answer in the scenario.")
    area_km2: float
    area_share: float
    outside_range: dict[str, Any] = Field(description="The same of cells with a value outside its training range.")
    sentence: str


class ScenarioChange(BaseModel):
    """One scenario beside today; first how much of it lies beyond what the model has seen."""

    label: str
    scenario: str | None
    shift: dict[str, float]
    beyond: ChangeBeyond
    exposure: dict[str, Any] = Field(
        description="Today's suitable area: `cells`, `area_km2`, and of it `stays`, `lost`, `cannot_say`, `no_answer` "
        "and `beyond`, each with `cells`, `area_km2` and `share`."
    )
    classes: dict[str, Any] = Field(description="`cells`, `area_km2` and `label` of each class of change.")
    suitable: dict[str, Any] = Field(description="`cells`, `area_km2`, `centre`, `aoo` and `eoo` in the scenario.")
    shift_km: float | None = Field(
        description="Distance between the centres of the suitable cells, among those with a verdict under both."
    )
    bearing: float | None = Field(description="Direction of the movement, degrees clockwise from the north.")
    without_answer: dict[str, Any]
    sentences: list[str]


class ChangeLegendEntry(BaseModel):
    """A class of change: its value in the file, its name, its words and its colour."""

    index: int
    name: str
    label: str
    colour: str


class ChangeContent(BaseModel):
    """What a finished comparison says."""

    sentences: list[str] = Field(description="First how much lies beyond what the model has seen, then the exposure.")
    scenarios: list[ScenarioChange]
    today: dict[str, Any] = Field(description="`cells`, `area_km2`, `centre`, `aoo` and `eoo` of the suitable cells.")
    classes: dict[str, Any] = Field(description="Of `change.tif`; a class of several scenarios holds in all of them.")
    agreement: dict[str, Any] | None = Field(description="Of several scenarios.")
    spread: dict[str, Any] | None = Field(description="Of several scenarios.")
    definitions: str
    caveat: str
    legend: list[ChangeLegendEntry]
    grid: dict[str, Any]
    quantities: dict[str, dict[str, Any]]
    sources: list[dict[str, Any]]
    licences: list[str]
    citation: str
    notes: list[str]
