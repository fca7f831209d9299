"""Routes of the sensitive species of a study."""

from __future__ import annotations

from flask import Blueprint, Response
from pydantic import ValidationError

from app.accounts.forms import messages
from app.errors import AppError, NotFound, NotPermitted
from app.studies import sensitive, tables
from app.studies.other_page import other_page
from app.studies.pages import files_page
from app.studies.sensitive_schemas import SensitivePlaces, SpeciesMark
from app.web.faces import API_PREFIX, Reply, faces, keep_all_private
from app.web.input_validation import read_form, read_json
from app.web.operations import Operation

api = Blueprint("sensitive_api", __name__, url_prefix=f"{API_PREFIX}/studies/<slug:slug>")
pages = Blueprint("sensitive", __name__, url_prefix="/studies/<slug:slug>")

keep_all_private(api, pages)


@api.get("/sensitive-species")
@Operation(
    "listSensitiveSpecies",
    tag="studies",
    summary="List the sensitive species of a study, with the grid on which places are shown",
    answer=SensitivePlaces,
    problems=(404,),
)
@faces()
def browse(slug: str) -> Reply:
    """List sensitive species."""
    return Reply(sensitive.read(slug))


@api.put("/sensitive-species")
@Operation(
    "markSensitiveSpecies",
    tag="studies",
    summary="Show the places of a species on a grid, or on another one",
    description="For the owner and admins; for a study without an owner, also its editors. All but the owner, the "
    "editors and the people with `exact_places` see the places of all records of the study as centres of cells: in "
    "records, maps, nearest records, reports, files and observations. Values that identify a cell are withheld.",
    body=SpeciesMark,
    answer=SensitivePlaces,
    problems=(400, 404, 409, 413, 415, 422, 503),
)
@faces()
def put(slug: str) -> Reply:
    """Mark a species."""
    wanted = read_json(SpeciesMark)
    sensitive.mark(slug, wanted.species, wanted.grid_km)
    return Reply(sensitive.read(slug))


@api.delete("/sensitive-species/<slug:mark_id>")
@Operation(
    "unmarkSensitiveSpecies",
    tag="studies",
    summary="Show the places of a species exactly again",
    path={"id": {"type": "string", "format": "uuid"}},
    answer=SensitivePlaces,
    problems=(404, 503),
)
@faces()
def remove(slug: str, mark_id: str) -> Reply:
    """Remove the mark of a species."""
    sensitive.unmark(slug, mark_id)
    return Reply(sensitive.read(slug))


@pages.post("/sensitive-species")
def mark_form(slug: str) -> Response:
    """Mark a species, or show the form with its message."""
    form = read_form()
    species = form.get("species", "")
    try:
        wanted = SpeciesMark(species=species, grid_km=sensitive.grid_of(form.get("grid_km", "")))
        sensitive.mark(slug, wanted.species, wanted.grid_km)
    except ValidationError:
        return _again(slug, 422, species, "Enter the name of a species, in one line of up to 200 characters.")
    except (NotFound, NotPermitted):
        raise
    except AppError as error:
        told = messages(error.errors) if error.errors else {}
        return _again(slug, error.status, species, next(iter(told.values()), error.detail))
    return _see(slug)


@pages.post("/sensitive-species/remove")
def unmark_form(slug: str) -> Response:
    """Remove the mark of a species; one that is removed already is what was meant."""
    try:
        sensitive.unmark(slug, read_form().get("id", ""))
    except NotFound:
        sensitive.read(slug)
    return _see(slug)


def _again(slug: str, status: int, species: str, message: str) -> Response:
    typed = {"species": species[:200], "error": message}
    if tables.recipe_of(slug) is None:
        return other_page(slug, status, marking=typed)
    return files_page(slug, status, marking=typed)


def _see(slug: str) -> Response:
    return Response(status=303, headers={"Location": f"/studies/{slug}#sensitive"})
