"""Routes of the files of a map: GeoTIFF, tiles and a picture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from uuid import UUID

from flask import Blueprint, Response, request
from pydantic import Field, RootModel

from app.cartography import coast_pieces, coastline
from app.components import component
from app.errors import NotFound
from app.maps import drawing, file_responses, folders, records, rights, service, sheet, sheets, withheld
from app.maps.details import WITHHELD
from app.maps.mercator import DEEPEST, frame_of, tile
from app.maps.rasters import Rasters
from app.maps.schemas import PictureQuery, QuantityQuery
from app.maps.views import ID
from app.web.faces import API_PREFIX, keep_private, settings, site_root
from app.web.input_validation import read_query
from app.web.operations import Operation, Schema
from ml.layers.store import extent_of

api = Blueprint("map_files", __name__, url_prefix=API_PREFIX)
_YEAR_S = 31_536_000
#: Largest picture, pixels.
_WIDTH, _TALLEST = 900, 900
_WHOLE: Schema = {"type": "integer", "minimum": 0}
_TILE = ID | {"z": _WHOLE | {"maximum": DEEPEST}, "x": _WHOLE, "y": _WHOLE}


class FileContent(RootModel[str]):
    """The content of a file."""

    root: str = Field(json_schema_extra={"format": "binary"})


@api.get("/maps/<uuid:map_id>.tif")
@Operation(
    "getMapFile",
    tag="maps",
    summary="Download a map as cloud-optimised GeoTIFF",
    description="Ranges of bytes can be requested, so that QGIS and GDAL open the address itself (`/vsicurl/`).",
    path=ID,
    query=QuantityQuery,
    answer=FileContent,
    media_type="image/tiff",
    problems=(404, 422, 503),
)
def file(map_id: UUID) -> Response:
    """Send the file of a quantity."""
    hidden = rights.is_hidden(str(map_id))
    quantity = _quantity(map_id)
    withheld.refuse(str(map_id), quantity)
    name = f"{service.file_name(str(map_id))}-{quantity}.tif"
    response = file_responses.send(str(map_id), f"{quantity}.tif", "image/tiff", name)
    return _kept(rights.keep_hidden(response, hidden=hidden), map_id, quantity)


@api.get("/maps/<uuid:map_id>/tiles/<int:z>/<int:x>/<int:y>.png")
@Operation(
    "getMapTile",
    tag="maps",
    summary="Read a tile of a map",
    description="256 × 256 pixels in web mercator (EPSG:3857), numbered from the north-west. Clear where the map has "
    "no answer; hatched where the model cannot say. While the map is computed, tiles show the preview.",
    path=_TILE,
    query=QuantityQuery,
    answer=FileContent,
    media_type="image/png",
    problems=(404, 422, 429, 503),
    limited=False,
)
def send_tile(map_id: UUID, z: int, x: int, y: int) -> Response:
    """Send a tile."""
    frame = tile(z, x, y)
    if frame is None:
        raise NotFound(f"There is no such tile: levels are 0 to {DEEPEST}.")
    hidden = rights.is_hidden(str(map_id))
    quantity = _quantity(map_id)
    withheld.refuse(str(map_id), quantity)
    sent = _send(map_id, quantity, f"{z}-{x}-{y}", lambda folder: drawing.draw(folder, quantity, frame))
    return _kept(rights.keep_hidden(sent, hidden=hidden), map_id, quantity)


@api.get("/maps/<uuid:map_id>.png")
@Operation(
    "getMapPicture",
    tag="maps",
    summary="Read a map as one picture",
    description="The map in web mercator with the outline of the land, at most 900 pixels wide and high, with title, "
    "legend, citation, model and address; with `plain=1` the map alone, as always before it is finished. With "
    "`points=1`, the presences that the model was trained on are points, or the centres of their cells where a species "
    "of the study is sensitive. The quantities `index`, `mess` and `most_dissimilar` are 404 then, because they mark "
    "records.",
    path=ID,
    query=PictureQuery,
    answer=FileContent,
    media_type="image/png",
    problems=(404, 422, 503),
)
def picture(map_id: UUID) -> Response:
    """Send the picture of a map."""
    query = read_query(PictureQuery)
    hidden = rights.is_hidden(str(map_id))
    quantity = query.quantity or service.first_quantity(str(map_id))
    withheld.refuse(str(map_id), quantity)
    text = None
    if not query.plain:
        labels = records.labels_of(records.card_of_map(str(map_id)))
        text = sheets.text_of(service.detail(str(map_id)), quantity, site_root(), labels)

    def draw(folder: Path) -> bytes:
        raster = component(Rasters).get(folder / f"{quantity}.tif")
        extent, data_dir = extent_of(raster.grid), settings().data_dir.resolve()
        frame = frame_of(extent, _WIDTH, _TALLEST)
        rings = coast_pieces.lines_within(data_dir, extent)
        if rings is None:
            rings = coastline.read_rings(data_dir / coastline.OUTLINE)
        drawn = drawing.draw(folder, quantity, frame, rings, records.places(str(map_id)) if query.points else ())
        return sheet.draw(drawn, text) if text is not None else drawn

    part = "picture" if text is None else f"sheet-{sheets.digest(text)}"
    if query.points:
        # the owner and a stranger have different pictures under one address
        grid_km = withheld.grid_of(str(map_id))
        part += "-points" if grid_km is None else f"-points-{grid_km}km"
    sent = rights.keep_hidden(_send(map_id, quantity, part, draw), hidden=hidden)
    return withheld.keep(sent, str(map_id)) if query.points else _kept(sent, map_id, quantity)


def _kept(response: Response, map_id: UUID, quantity: str) -> Response:
    return withheld.keep(response, str(map_id)) if quantity in WITHHELD else response


def _quantity(map_id: UUID) -> str:
    """Return the quantity of the request, by default the first one of a map or of a comparison."""
    return read_query(QuantityQuery).quantity or service.first_quantity(str(map_id))


def _folder(map_id: UUID) -> tuple[Path, bool]:
    """Return the folder with the files of a map, and whether it is a preview."""
    found = folders.raster_folder(str(map_id))
    if found is None:
        raise NotFound("There is no such map, or nothing of it is drawn yet.")
    return found


def _send(map_id: UUID, quantity: str, part: str, draw: Callable[[Path], bytes]) -> Response:
    """Send a picture; one of a finished map never changes, so that browsers keep it."""
    folder, is_preview = _folder(map_id)
    if is_preview:
        try:
            response = Response(draw(folder), mimetype="image/png")
        except NotFound:
            # the job has replaced the preview by the map meanwhile
            folder, is_preview = _folder(map_id)
            if is_preview:
                raise
        else:
            keep_private(response)
            return response
    tag = f"{map_id}-{quantity}-{part}"
    if request.if_none_match.contains_weak(tag):
        response = Response(status=304)
    else:
        for file in drawing.files_of(quantity):
            file_responses.checked(str(map_id), file)
        response = Response(draw(folder), mimetype="image/png")
    response.set_etag(tag)
    response.headers["Cache-Control"] = f"private, max-age={_YEAR_S}, immutable"
    return response
