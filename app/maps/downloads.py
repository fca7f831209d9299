"""Routes that lead other programs to maps: the suitable area as GeoJSON, and the STAC item and collection."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote
from uuid import UUID

from flask import Blueprint, Response, request
from pydantic import Field, RootModel

from app.errors import NotFound
from app.maps import file_responses, folders, rights, service, stac
from app.maps.change_schemas import ChangeContent
from app.maps.files import FileContent
from app.maps.schemas import MapContent, MapDetail, MapsQuery
from app.maps.views import ID
from app.web.faces import API_PREFIX, keep_private, site_root
from app.web.fields import PageQuery
from app.web.input_validation import read_query
from app.web.operations import Operation
from ml.projection.layout import OUTLINES

api = Blueprint("map_downloads", __name__, url_prefix=API_PREFIX)
#: Maps on a page of the collection.
_ON_PAGE = 100


class StacDocument(RootModel[dict[str, Any]]):
    """An item or a collection of the SpatioTemporal Asset Catalog, version 1.1."""


class CollectionQuery(PageQuery):
    """The parameters of the collection of maps."""

    limit: int = Field(_ON_PAGE, ge=1, le=_ON_PAGE, description="Maximum number of maps on the page.")


@api.get("/maps/<uuid:map_id>.geojson")
@Operation(
    "getSuitableArea",
    tag="maps",
    summary="Download the suitable area of a map as GeoJSON",
    description="RFC 7946, degrees of WGS 84: one feature for `suitable` and one for `probably_suitable`. Cells of "
    "which the model cannot say anything belong to neither. A member `simplified` says so where the map has too many "
    "cells for exact outlines. 404 for a map that an earlier version made.",
    path=ID,
    answer=FileContent,
    media_type=stac.GEOJSON,
    problems=(404, 503),
)
def suitable_area(map_id: UUID) -> Response:
    """Send the suitable area."""
    _, content = _finished(map_id)
    if isinstance(content, ChangeContent):
        raise NotFound("A comparison has no suitable area of its own. Download those of the maps that it compares.")
    if not has_suitable_area(str(map_id)):
        raise NotFound(
            "The suitable area is not stored with this map, which an earlier version of EcoPredict made. Delete the "
            "map and make it again, and it has one."
        )
    name = f"{service.file_name(str(map_id))}-suitable-area.geojson"
    response = file_responses.send(str(map_id), OUTLINES, stac.GEOJSON, name)
    return rights.keep_hidden(response, hidden=rights.is_hidden(str(map_id)))


@api.get("/maps/<uuid:map_id>/item")
@Operation(
    "getMapItem",
    tag="maps",
    summary="Read a map as STAC item",
    description="SpatioTemporal Asset Catalog 1.1, with the extensions projection, raster, file, classification and "
    "scientific. Its assets are the absolute addresses of the files.",
    path=ID,
    answer=StacDocument,
    media_type=stac.GEOJSON,
    problems=(404,),
)
def item(map_id: UUID) -> Response:
    """Return the item of a map."""
    found, content = _finished(map_id)
    has_outlines = has_suitable_area(found.id)
    return _send(stac.item_of(found, content, site_root(), _api(), has_outlines=has_outlines), stac.GEOJSON)


@api.get("/stac")
@Operation(
    "getMapCollection",
    tag="maps",
    summary="Read the STAC collection of all maps",
    description="The root of the catalogue: a link of `rel` `item` for each finished map, latest first, and one of "
    "`rel` `next` where there are more.",
    query=CollectionQuery,
    answer=StacDocument,
    problems=(422,),
)
def collection() -> Response:
    """Return the collection of maps."""
    query = read_query(CollectionQuery)
    page = service.browse(MapsQuery(limit=query.limit, cursor=query.cursor))
    following = None
    if page.next is not None:
        following = f"{_api()}/stac?limit={query.limit}&cursor={quote(page.next, safe='')}"
    return _send(stac.collection_of(page.items, service.first_made(), _api(), following), "application/json")


def has_suitable_area(map_id: str) -> bool:
    """Return whether the suitable area is stored with a map."""
    try:
        return OUTLINES in folders.written_files(folders.read_summary(map_id) or {})
    except ValueError:
        return False


def gdal_address(map_id: str, quantity: str) -> str:
    """Return the name by which GDAL opens a quantity of a map over HTTP."""
    return f"/vsicurl/{_api()}/maps/{map_id}.tif?quantity={quantity}"


def _api() -> str:
    return f"{site_root()}{API_PREFIX}"


def _finished(map_id: UUID) -> tuple[MapDetail, MapContent | ChangeContent]:
    found = service.detail(str(map_id))
    if found.content is None:
        raise NotFound("This map is not finished.")
    return found, found.content


def _send(document: dict[str, Any], media_type: str) -> Response:
    response = Response(json.dumps(document, ensure_ascii=False), content_type=media_type)
    keep_private(response)
    response.add_etag()
    response.make_conditional(request)
    return response
