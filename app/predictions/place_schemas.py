"""Schemas of a place: in a query, in an answer and in the predict form."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from ml.predictors.places import one_turn


class Location(BaseModel):
    """A place, in degrees of WGS 84."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    latitude: float = Field(ge=-90, le=90, allow_inf_nan=False)
    longitude: Annotated[float, AfterValidator(one_turn)] = Field(
        ge=-180, le=360, allow_inf_nan=False, description="-180 to 180; 0 to 360 is accepted too."
    )

    @property
    def pair(self) -> tuple[float, float]:
        """Latitude and longitude."""
        return self.latitude, self.longitude


class PlaceInForm(BaseModel):
    """The place of the predict form, for species whose study has layers."""

    text: str = Field("", description="Coordinates as they were typed.")
    scenario: str = ""
    chosen: bool = Field(False, description="Whether the conditions are those of the place.")
    edited: bool = Field(False, description="Whether a value of the place was changed.")
    filled: str = Field("", description="The place and the scenario whose values the fields show.")
    latitude: str = ""
    longitude: str = ""
