"""Routes of the places of a study's accepted observations."""

from __future__ import annotations

from flask import Blueprint

from app.database.replica import from_replica
from app.geography.pages import PAGE, show
from app.geography.schemas import ObservationPlaces, PlacesQuery
from app.observations import places
from app.studies import tables
from app.web.faces import API_PREFIX, Reply, faces, keep_all_private
from app.web.input_validation import read_query
from app.web.operations import Operation

_PATH = "/studies/<slug:slug>/observations/places"
api = Blueprint("observation_places_api", __name__, url_prefix=f"{API_PREFIX}{_PATH}")
pages = Blueprint("observation_places", __name__, url_prefix=_PATH)

keep_all_private(api, pages)


@api.get("")
@Operation(
    "listObservationPlaces",
    tag="observations",
    summary="Look up the places of accepted observations by area",
    description="A GeoJSON FeatureCollection, latest first, in degrees of WGS 84. It has accepted observations only, "
    "and nothing about the people who reported them.",
    query=PlacesQuery,
    answer=ObservationPlaces,
    problems=(404, 422),
)
@faces()
@from_replica
def browse(slug: str) -> Reply:
    """Look up the places of accepted observations."""
    return Reply(places.browse(slug, read_query(PlacesQuery)))


@pages.get("")
@faces(*PAGE)
@from_replica
def page(slug: str) -> Reply:
    """Show the places of accepted observations; the template context is that of `app.geography.pages.show`."""
    is_own = tables.recipe_of(slug) is not None
    return show(slug, "observations", lambda query: places.browse(slug, query), has_other=is_own)
