"""Schemas of the sensitive species of a study."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from app.web.fields import plain_text
from ml.coarse_places import GridKm

_GRID = "Places are shown as centres of cells that measure at least so many kilometres."


def _no_bool(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("must be one of 1, 10, 50")  # true equals 1
    return value


class MarkedSpecies(BaseModel):
    """A species whose places are shown on a grid."""

    id: str
    species: str = Field(description="Scientific name.")
    grid_km: GridKm = Field(description=_GRID)
    marked_at: datetime
    known: bool | None = Field(
        description="Whether the study has a record or a model of this name. A species can be marked before its "
        "records are there, so a name without is stored; it may be misspelled. Null where there are too many names."
    )


class SensitivePlaces(BaseModel):
    """The sensitive species of a study, and what they mean for its places."""

    grid_km: GridKm | None = Field(
        description="The coarsest grid of the species: that of all places of the study, because records of several "
        "species have the same places. Null without a sensitive species."
    )
    places_grid_km: GridKm | None = Field(description="The grid on which this request sees places; null: exactly.")
    sentence: str = Field(description="The same in words; empty where places are seen exactly.")
    may_change: bool = Field(description="Whether this request may mark species.")
    items: list[MarkedSpecies] = Field(description="By name.")


class SpeciesMark(BaseModel):
    """A species that becomes sensitive, or gets another grid."""

    model_config = ConfigDict(extra="forbid", strict=True)

    species: Annotated[str, Field(min_length=1, max_length=200), AfterValidator(plain_text)] = Field(
        description="Slug or scientific name. A name can be marked before there is a model or a record of it."
    )
    grid_km: Annotated[GridKm, BeforeValidator(_no_bool)] = Field(10, description=_GRID)
