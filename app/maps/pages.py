"""Pages of maps."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request, send_file

from app.cartography import coast_pieces, coastline
from app.catalogue import sensitive, snapshot
from app.errors import AppError, Conflict, NotFound, Unavailable, ValidationFailed
from app.jobs import presence
from app.jobs import service as jobs
from app.jobs.folder import jobs_dir
from app.jobs.schemas import JobDetail
from app.maps import change_legends, comparisons, details, downloads, legends, records, service, withheld
from app.maps.change_schemas import ChangeContent
from app.maps.change_step import CHANGE
from app.maps.form import MapForm, form_for
from app.maps.schemas import MapContent, MapDetail, MapRequest, MapsQuery
from app.maps.shift_fields import read_fields
from app.web.faces import Reply, faces, keep_private, render, settings
from app.web.input_validation import read_form, validate
from ml.change.layout import MOST_SCENARIOS

pages = Blueprint("maps", __name__)
#: What changes something.
changes = Blueprint("maps_changes", __name__)
_LIST = ("maps/list.html", "maps/_form.html")
_DAY_S = 86_400
_TICKS = (
    "ticked scenarios are for a comparison: choose Show the change, or remove the ticks to make the map of the "
    "conditions that are chosen above"
)
#: Maps on the page.
_SHOWN = 50


@pages.after_request
@changes.after_request
def _keep_private(response: Response) -> Response:
    if not response.cache_control.max_age:
        keep_private(response)
    return response


@pages.get("/map")
@faces(*_LIST)
def browse() -> Reply:
    """Show the form that starts a map, and the maps that there are, or those of the study in ``?study=``.

    Template context: ``form`` MapForm, ``maps`` list of MapDetail, ``study`` slug or "", ``study_title`` or "".
    """
    species, study = request.args.get("species", ""), request.args.get("study", "")
    scenario = request.args.get("scenario", "")
    form = form_for(species, scenario)
    own = [one.slug for _, entries in form.species for one in entries if one.study.slug == study]
    return _list(form_for(own[0], scenario) if own and not species else form, study=study)


def _list(form: MapForm, status: int = 200, study: str = "") -> Reply:
    maps = service.browse(validate(MapsQuery, {"limit": _SHOWN, "study": study or None})).items
    named = next((one.title for one in snapshot.current().studies if one.slug == study), study[:100])
    return Reply(None, status, {"form": form, "maps": maps, "study": study, "study_title": named})


@changes.post("/map")
def start_form() -> Response:
    """Start a map and show it, or the form with its messages."""
    fields = read_form(["scenarios"])
    species, scenario = fields.get("species", "").strip(), fields.get("scenario", "").strip()
    compared = fields.getlist("scenarios")[: MOST_SCENARIOS + 1]
    try:
        body: dict[str, Any] = {"species": species, "shift": read_fields(fields)}
        if fields.get("kind") == CHANGE:
            if scenario and scenario not in compared:
                compared = [scenario, *compared]
            if not compared and not any(body["shift"].values()):
                raise ValidationFailed([("/scenarios", "choose at least one scenario, or state a change of a layer")])
            body |= {"kind": CHANGE, "scenarios": compared}
        elif compared:
            raise ValidationFailed([("/scenarios", _TICKS)])
        else:
            body["scenario"] = scenario or None
        _, map_id = service.start(validate(MapRequest, body))
    except (ValidationFailed, Conflict, Unavailable) as error:
        form = form_for(species, scenario, error, compared=compared, typed=fields)
        return render(_list(form, error.status), *_LIST)
    return Response(status=303, headers={"Location": f"/maps/{map_id}"})


@pages.get("/maps/<uuid:map_id>")
@faces("maps/page.html", "maps/_state.html")
def detail(map_id: UUID) -> Reply:
    """Show a map, or the progress of its job; ``?quantity=`` chooses what is shown, ``?points=1`` adds the records.

    Template context: ``data`` MapDetail, ``job`` JobDetail or None, ``runs`` whether it is not finished, ``quantity``,
    ``quantities`` list of Legend, ``areas`` list of AreaRow, ``extent`` west, south, east and north or None, ``others``
    ids and scenarios of maps of the model under other conditions, ``is_active`` whether the model answers for its
    species, ``n_records``, ``n_presences``, ``has_points``, ``points`` Points or
    None, ``lacks_worker``, ``has_coasts``, ``has_suitable_area``,
    ``can_remove``, ``gdal_address``. A comparison has ``classes``, list of ClassRow, instead of ``areas``, ``percent``,
    the function that writes a share, ``lines``, list of ScenarioLine, ``notes``, ``agreement_note``, ``records_size``
    RecordsSize or None, and ``others`` are the maps that it compares. ``coarse`` is a sentence where
    places are coarse, or "".
    """
    found, card = service.detail(str(map_id)), records.card_of_map(str(map_id))
    places = records.places(str(map_id))
    first = CHANGE if found.kind == CHANGE else "suitability"
    quantity = request.args.get("quantity") or first
    job = _job_of(found)
    runs = job is not None and job.ended_at is None
    content = found.content
    own: dict[str, Any]
    if found.kind == CHANGE:
        comparison = content if isinstance(content, ChangeContent) else None
        own = {
            "quantities": change_legends.legends_of(comparison),
            "classes": change_legends.class_rows(comparison),
            "percent": legends.share_text,
            "lines": comparisons.lines_of(comparison),
            "notes": comparisons.notes_of(comparison),
            "agreement_note": change_legends.NOTES["agreement"],
            "records_size": comparisons.records_size(card, found.study),
            "others": comparisons.maps_of(found),
        }
    else:
        summary = content if isinstance(content, MapContent) else None
        own = {"quantities": legends.legends_of(summary, records.labels_of(card)), "areas": legends.area_rows(summary)}
        own["others"] = service.others_of(found)
    if quantity not in [one.name for one in own["quantities"]]:
        quantity = first
    reply = Reply(
        found,
        page="maps/change.html" if found.kind == CHANGE else None,
        context={
            **own,
            "job": job,
            "runs": runs,
            "quantity": quantity,
            "n_records": len(places),
            "coarse": sensitive.sentence(found.study, found.species.scientific_name),
            "n_presences": card.n_presences,
            "can_remove": service.may_remove(found.id),
            "points": records.points_of(str(map_id)),
            "has_points": request.args.get("points") == "1",
            "extent": details.extent_of_map(found),
            "is_active": details.is_active(found.model.id),
            "has_coasts": coast_pieces.piece_file(settings().data_dir, 0, 0) is not None,
            "has_suitable_area": downloads.has_suitable_area(found.id),
            "gdal_address": downloads.gdal_address(found.id, quantity),
            "lacks_worker": runs and presence.lacks_worker(jobs_dir(settings().data_dir)),
        },
    )
    if not runs and request.headers.get("HX-Request"):
        # the page of a finished map has other parts
        reply.headers["HX-Refresh"] = "true"
    return reply


def _job_of(found: MapDetail) -> JobDetail | None:
    try:
        return jobs.detail(found.job) if found.job is not None else None
    except AppError:
        return None


@pages.get("/maps/<uuid:map_id>/records.json")
def points(map_id: UUID) -> Response:
    """Return the presences that the model of a map was trained on as GeoJSON; those that may be shown."""
    grid_km = withheld.grid_of(str(map_id))
    content: dict[str, Any] = {"type": "MultiPoint", "places_grid_km": grid_km}
    content["coordinates"] = [list(place) for place in records.places(str(map_id))]
    return Response(json.dumps(content, separators=(",", ":")), content_type="application/geo+json")


@changes.post("/maps/<uuid:map_id>/delete")
def remove_form(map_id: UUID) -> Response:
    """Delete a map and show the others."""
    service.remove(str(map_id))
    return Response(status=303, headers={"Location": "/map"})


@pages.get("/map/land.json")
def land() -> Response:
    """Return the outline of the land as GeoJSON."""
    rings = coastline.read_rings(settings().data_dir / coastline.OUTLINE)
    lines = [[[round(x, 3), round(y, 3)] for x, y in ring] for ring in rings]
    content = json.dumps({"type": "MultiLineString", "coordinates": lines}, separators=(",", ":"))
    response = Response(content, content_type="application/geo+json")
    response.headers["Cache-Control"] = f"public, max-age={_DAY_S}"
    response.add_etag()
    response.make_conditional(request)
    return response


@pages.get("/map/coasts/<int:column>-<int:row>.json")
def coasts(column: int, row: int) -> Response:
    """Return the coasts of a piece of the world of 30 degrees as GeoJSON, counted from the north-west."""
    path = coast_pieces.piece_file(settings().data_dir.resolve(), column, row)
    if path is None:
        raise NotFound("These coasts are not stored here.")
    response = send_file(path, mimetype="application/geo+json", conditional=True, max_age=_DAY_S)
    response.headers["Cache-Control"] = f"public, max-age={_DAY_S}"
    return response
