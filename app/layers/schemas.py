"""Schemas of the layers of a study in the API."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from app.web.fields import Revision
from ml.card_fields import Part
from ml.recipes.recipe import FileName, LayerChoice
from ml.recipes.reports import LayersReport, ScenarioReport


class LayersAnswer(LayersReport):
    """The layers of a study with the choices applied."""

    revision: int = Field(description="of the study; the number in the ETag")
    choices: list[LayerChoice] = Field(description="what the user chose")
    chosen_grid: tuple[str, str] | None = Field(description="file and band of the grid that the user chose")


class LayersChange(Part):
    """A change of roles, kinds, units or the grid. Members that are left out stay as they are."""

    revision: Revision | None = Field(None, description="in place of the header If-Match")
    layers: Annotated[list[LayerChoice], Field(max_length=2_000)] | None = Field(
        None, description="changes of layers by file and band; members that are left out stay as they are"
    )
    grid: tuple[FileName, Annotated[str, Field(max_length=200)]] | None = Field(
        None, description="file and band of the layer whose grid is used; null: as chosen by the program"
    )


class ScenarioList(BaseModel):
    """The scenarios of a study, paired with the training set by the names of the layers."""

    items: list[ScenarioReport]
