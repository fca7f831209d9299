"""Routes of the places of a study's records."""

from __future__ import annotations

from flask import Blueprint

from app.geography.pages import PAGE, show
from app.geography.schemas import PlacesQuery, RecordPlaces
from app.records import places
from app.web.faces import API_PREFIX, Reply, faces, keep_all_private
from app.web.input_validation import read_query
from app.web.operations import Operation

_PATH = "/studies/<slug:slug>/records/places"
api = Blueprint("record_places_api", __name__, url_prefix=f"{API_PREFIX}{_PATH}")
pages = Blueprint("record_places", __name__, url_prefix=_PATH)

keep_all_private(api, pages)


@api.get("")
@Operation(
    "listRecordPlaces",
    tag="studies",
    summary="Look up the places of kept records by area",
    description="A GeoJSON FeatureCollection: each species and place once, in the order of the files. Coordinates are "
    "degrees of WGS 84, whatever the files have.",
    query=PlacesQuery,
    answer=RecordPlaces,
    problems=(404, 409, 422, 503),
)
@faces()
def browse(slug: str) -> Reply:
    """Look up the places of kept records."""
    return Reply(places.browse(slug, read_query(PlacesQuery)))


@pages.get("")
@faces(*PAGE)
def page(slug: str) -> Reply:
    """Show the places of kept records; the template context is that of `app.geography.pages.show`."""
    return show(slug, "records", lambda query: places.browse(slug, query))
