"""Routes of maps in the API."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint

from app.jobs.replies import accepted
from app.jobs.schemas import JobDetail
from app.maps import service
from app.maps.schemas import DeletedMap, MapDetail, MapPage, MapRequest, MapsQuery
from app.web.faces import API_PREFIX, Reply, faces, keep_all_private
from app.web.idempotency import idempotency_key
from app.web.input_validation import read_json, read_query
from app.web.operations import Operation, Schema

api = Blueprint("maps_api", __name__, url_prefix=API_PREFIX)
#: What changes something.
changes = Blueprint("maps_changes_api", __name__, url_prefix=API_PREFIX)
ID: dict[str, Schema] = {"id": {"type": "string", "format": "uuid"}}

keep_all_private(api, changes)


@changes.post("/maps")
@Operation(
    "startMap",
    tag="maps",
    summary="Start a map",
    description="Start the map of a `model`, or of the active model of a `species`, over the layers that the model was "
    "trained on, or over those of a `scenario`. The answer is the existing job where there is a map of the same model "
    "and scenario that can be read, whatever the header `Idempotency-Key` is; a key that has started a map repeats the "
    "answer for that map. `result` of the job that succeeded is "
    "the page of the map; the header `Link` has the address of the map in the API at once.",
    body=MapRequest,
    answer=JobDetail,
    answers={202: "The job. `Location` is its address."},
    problems=(400, 409, 413, 415, 422, 503),
)
@faces()
def start() -> Reply:
    """Start a map."""
    job, map_id = service.start(read_json(MapRequest), idempotency_key())
    return accepted(job, Link=f'<{API_PREFIX}/maps/{map_id}>; rel="related"')


@api.get("/maps")
@Operation("listMaps", tag="maps", summary="List maps, latest first", query=MapsQuery, answer=MapPage, problems=(422,))
@faces()
def browse() -> Reply:
    """List maps."""
    return Reply(service.browse(read_query(MapsQuery)))


@api.get("/maps/<uuid:map_id>")
@Operation(
    "getMap",
    tag="maps",
    summary="Read what a map says",
    path=ID,
    answer=MapDetail,
    problems=(404,),
)
@faces()
def detail(map_id: UUID) -> Reply:
    """Return a map."""
    return Reply(service.detail(str(map_id)))


@changes.delete("/maps/<uuid:map_id>")
@Operation(
    "deleteMap",
    tag="maps",
    summary="Delete a map",
    description="Delete a map with its files. Its job is cancelled where it is not finished. A map that an unfinished "
    "comparison has made for itself is kept (409).",
    path=ID,
    answer=DeletedMap,
    problems=(404, 409),
)
@faces()
def remove(map_id: UUID) -> Reply:
    """Delete a map."""
    service.remove(str(map_id))
    return Reply(DeletedMap(id=str(map_id)))
