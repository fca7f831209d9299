"""Schemas of lists of places: the filter by an area, and places as GeoJSON."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

from app.web.fields import PageQuery, Text, blank_is_none, plain_text

#: Longest text of a polygon: an address of a request has at most 8,190 bytes.
LONGEST_POLYGON = 6_000
#: The parameters of an area.
AREA_FIELDS = ("bbox", "near", "radius_km", "polygon")


class AreaQuery(PageQuery):
    """Page of a list, and the area that it is restricted to. At most one of `bbox`, `near` and `polygon` is given."""

    bbox: Annotated[Text | None, BeforeValidator(blank_is_none)] = Field(
        None, description="`west,south,east,north` in degrees; west greater than east crosses 180°."
    )
    near: Annotated[Text | None, BeforeValidator(blank_is_none)] = Field(
        None, description="`latitude,longitude`, with `radius_km`."
    )
    radius_km: Annotated[Text | None, BeforeValidator(blank_is_none)] = Field(
        None, description="Distance on the sphere, kilometres."
    )
    polygon: Annotated[
        Annotated[str, Field(max_length=LONGEST_POLYGON), AfterValidator(plain_text)] | None,
        BeforeValidator(blank_is_none),
    ] = Field(
        None,
        description="`latitude,longitude;latitude,longitude;…`, or a GeoJSON Polygon; at most 200 corners.",
    )


class PlacesQuery(AreaQuery):
    """Filter and page of the places of a study."""

    limit: int = Field(100, ge=1, le=500, description="Maximum number of places on the page.")
    species: Annotated[Text | None, BeforeValidator(blank_is_none)] = Field(
        None, description="Slug or scientific name of a species."
    )


class Point(BaseModel):
    """A place as GeoJSON."""

    type: Literal["Point"] = "Point"
    coordinates: tuple[float, float] = Field(description="Longitude and latitude, degrees of WGS 84.")


class PlacesPage(BaseModel):
    """A page of places as a GeoJSON FeatureCollection (RFC 7946).

    A page may be short although `next` is not null, where an area has few of the places that an index selects.
    """

    type: Literal["FeatureCollection"] = "FeatureCollection"
    total: int | None = Field(description="Places of the filter that were counted; null on all pages but the first.")
    total_is_complete: bool = Field(
        description="Whether `total` has all of them. Counting stops after 10,000 places that an index selects."
    )
    grid_km: int | None = Field(
        description="Width of the grid on which places are shown because a species of the study is sensitive, km; null "
        "where they are shown as they are. Filters compare the places that are shown."
    )
    next: str | None


class RecordProperties(BaseModel):
    """What is known of the records of one species at one place."""

    species: str = Field(description="The name that the study uses.")
    records: int = Field(description="Number of kept records.")
    year: int | None = Field(description="The latest year that a record states.")


class RecordFeature(BaseModel):
    """The kept records of one species at one place."""

    type: Literal["Feature"] = "Feature"
    geometry: Point
    properties: RecordProperties


class RecordPlaces(PlacesPage):
    """Places of the kept records of a study."""

    features: list[RecordFeature]
    left_out: int = Field(
        description="Places of the study that are not looked up, because it has more than 200,000. The file of records "
        "has them."
    )


class ObservationProperties(BaseModel):
    """What was found."""

    species: str
    outcome: Literal["present", "absent"]
    date: date


class ObservationFeature(BaseModel):
    """An accepted observation at a place."""

    type: Literal["Feature"] = "Feature"
    geometry: Point
    properties: ObservationProperties


class ObservationPlaces(PlacesPage):
    """Places of accepted observations of a study."""

    features: list[ObservationFeature]
