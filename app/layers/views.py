"""Pages and API of the layers of a study."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request, send_file, url_for
from werkzeug.datastructures import MultiDict

from app.catalogue import studies
from app.errors import Conflict, ValidationFailed
from app.layers import form, presentation, service
from app.layers.schemas import LayersAnswer, LayersChange, ScenarioList
from app.layers.service import StudyLayers
from app.studies.steps import steps_of
from app.web.entity_tags import etag, revision_of_form
from app.web.faces import API_PREFIX, FRAGMENT, Reply, face, faces, keep_private, render
from app.web.form_values import FormErrors
from app.web.input_validation import read_form, read_json, validate
from app.web.operations import Operation

api = Blueprint("layers_api", __name__, url_prefix=f"{API_PREFIX}/studies/<slug:slug>")
pages = Blueprint("layers", __name__, url_prefix="/studies/<slug:slug>/layers")
#: The elements that a fragment replaces, by the id in the header HX-Target.
_FRAGMENTS = {"layers-form": "layers/_form.html"}
_PICTURE_AGE = 3600


@api.after_request
@pages.after_request
def _keep_private(response: Response) -> Response:
    if response.mimetype != "image/png":
        keep_private(response)
    return response


@api.get("/layers")
@Operation(
    "getLayers",
    tag="studies",
    summary="Read the layers of a study",
    description="The ETag is the revision of the study; a change names it.",
    answer=LayersAnswer,
    problems=(404, 503),
)
@faces()
def read(slug: str) -> Reply:
    """Return the layers with their roles, the grid, the common cells and the scenarios."""
    return _json(service.read(slug))


@api.patch("/layers")
@Operation(
    "changeLayers",
    tag="studies",
    summary="Change roles, kinds, units or the grid",
    description="The header If-Match (the ETag of the last answer) or the member `revision` says which state is "
    "changed. Nothing is stored where the answer is an error.",
    body=LayersChange,
    answer=LayersAnswer,
    problems=(400, 404, 409, 413, 415, 422, 503),
)
@faces()
def change(slug: str) -> Reply:
    """Change the roles, kinds, units or the grid of the layers."""
    return _json(service.change(slug, read_json(LayersChange)))


@api.get("/scenarios")
@Operation(
    "listScenarios",
    tag="studies",
    summary="List the scenarios of a study",
    answer=ScenarioList,
    problems=(404, 503),
)
@faces()
def scenarios(slug: str) -> Reply:
    """List the scenarios with the layers that each has, carries over and lacks."""
    return Reply(ScenarioList(items=service.read(slug).answer.scenarios))


@pages.get("/<file>/<band>.png")
def picture(slug: str, file: str, band: str) -> Response:
    """Send the picture of a layer. Browsers keep it only where everybody may read the study, as the files of maps."""
    response = send_file(service.picture(slug, file, band), mimetype="image/png", max_age=_PICTURE_AGE)
    study = studies.find(slug)
    return response if study is not None and study.visibility == "public" else keep_private(response)


@pages.get("")
@faces(page="layers/page.html", fragment="layers/_form.html")
def page(slug: str) -> Reply:
    """Show the layers of a study.

    Template context: ``data`` LayersAnswer, ``study`` OwnStudy, ``steps`` list of StudyStep, ``groups`` list of Group,
    ``grids`` the layers whose grids differ, ``roles`` values and names of roles, ``fields`` the fields of a refused
    form, ``errors`` FormErrors, and functions that write a CRS, a grid and a legend.
    """
    return _reply(service.read(slug))


@pages.post("")
def submit(slug: str) -> Response:
    """Apply the form, or a button that makes one change."""
    fields, errors = read_form(), FormErrors()
    layers = service.read(slug)
    body: dict[str, Any] = {}
    try:
        body = form.change_of(fields, layers.answer, errors)
        revision = revision_of_form(fields)
        if revision is None:
            errors.add("", "The form has no revision. Reload the page.")
        if errors:
            raise ValidationFailed([], "The form has errors.")
        layers = service.change(slug, validate(LayersChange, {**body, "revision": revision}))
    except ValidationFailed as error:
        errors.add_pointers(error.errors, _names(body, layers.answer))
        return render(_reply(layers, fields, errors, status=422))
    except Conflict as error:
        # the state as it is now: with the old fields, the next click would undo the other change
        errors.add("", error.detail)
        return render(_reply(service.read(slug), errors=errors, status=409))
    if face() == FRAGMENT:
        return render(_reply(layers))
    return Response(status=303, headers={"Location": url_for("layers.page", slug=slug)})


def _names(body: dict[str, Any], answer: LayersAnswer) -> dict[str, str]:
    """Return the fields of the form by the JSON pointers of the API."""
    members = ("role", "kind", "name", "unit", "factor", "offset", "crs", "scenario", "legend")
    numbers = form.layer_numbers(body, answer)
    names = {f"/layers/{at}/{member}": f"{member}.{row}" for at, row in numbers.items() for member in members}
    return {**names, "/grid": "grid"}


def _json(layers: StudyLayers) -> Reply:
    return Reply(layers.answer, headers=etag(layers.answer.revision))


def _reply(
    layers: StudyLayers,
    fields: MultiDict[str, str] | None = None,
    errors: FormErrors | None = None,
    status: int = 200,
) -> Reply:
    errors = FormErrors() if errors is None else errors
    return Reply(
        layers.answer,
        status=status,
        page="layers/page.html",
        fragment=_FRAGMENTS.get(request.headers.get("HX-Target", ""), "layers/_form.html"),
        context={
            "steps": steps_of(layers.study),
            "study": layers.study,
            "groups": presentation.groups(layers.answer),
            "grids": presentation.grids(layers.answer),
            "roles": list(presentation.ROLES.items()),
            "crs_name": presentation.crs_name,
            "grid_text": presentation.grid_text,
            "legend_lines": presentation.legend_lines,
            "fields": fields if errors and fields is not None else MultiDict(),
            "errors": errors,
        },
        headers=etag(layers.answer.revision),
    )
