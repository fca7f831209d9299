"""Pages and API of the records of a study."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request, send_file, url_for
from werkzeug.datastructures import MultiDict

from app.cartography import coastline, records_map
from app.catalogue import sensitive
from app.errors import Conflict, ValidationFailed
from app.records import accepted, form, service
from app.records.schemas import RecordsAnswer, RecordsChange, Rows, RowsQuery
from app.records.service import StudyRecords
from app.studies.steps import steps_of
from app.web.entity_tags import etag, revision_of_form
from app.web.faces import API_PREFIX, FRAGMENT, Reply, face, faces, keep_all_private, render, settings
from app.web.form_values import BUTTON, FormErrors, change_of_button
from app.web.input_validation import read_form, read_json, read_query, validate
from app.web.operations import Operation

api = Blueprint("records_api", __name__, url_prefix=f"{API_PREFIX}/studies/<slug:slug>")
pages = Blueprint("records", __name__, url_prefix="/studies/<slug:slug>/records")
#: Largest number of rows of the table of species.
MOST_SPECIES = 200
#: The elements that a fragment replaces, by the id in the header HX-Target.
_FRAGMENTS = {"records-form": "records/_form.html"}

keep_all_private(api, pages)


@api.get("/records")
@Operation(
    "getRecords",
    tag="studies",
    summary="Read the records of a study, by reason",
    description="The ETag is the revision of the study; a change names it.",
    answer=RecordsAnswer,
    problems=(404, 422, 503),
)
@faces()
def read(slug: str) -> Reply:
    """Return the records of a study by reason, with the rules and the files."""
    return _json(service.read(slug))


@api.patch("/records")
@Operation(
    "changeRecords",
    tag="studies",
    summary="Change rules, columns or species, and count again",
    description="The header If-Match (the ETag of the last answer) or the member `revision` says which state is "
    "changed. Nothing is stored where the answer is an error.",
    body=RecordsChange,
    answer=RecordsAnswer,
    problems=(400, 404, 409, 413, 415, 422, 503),
)
@faces()
def change(slug: str) -> Reply:
    """Change the rules, columns or species of a study."""
    return _json(service.change(slug, read_json(RecordsChange)))


@api.get("/records.csv")
@Operation(
    "downloadRecords",
    tag="studies",
    summary="Download every row with its reason",
    description="Those who see places on a grid, because a species of the study is sensitive, get the centres of "
    "cells, and not the columns of the files.",
    query=RowsQuery,
    answer=Rows,
    media_type="text/csv",
    problems=(404, 409, 422, 503),
)
def rows(slug: str) -> Response:
    """Send the rows of all files of records, each with the reason for which it is dropped."""
    status = read_query(RowsQuery).status
    path = service.rows(slug, status)
    name = f"{slug}-records{f'-{status}' if status else ''}.csv"
    response = send_file(path, mimetype="text/csv", as_attachment=True, download_name=name, etag=False)
    response.content_type = "text/csv; charset=utf-8"
    return response


@pages.get("")
@faces(page="records/page.html", fragment="records/_view.html")
def page(slug: str) -> Reply:
    """Show the records of a study.

    Template context: ``data`` RecordsAnswer, ``study`` OwnStudy, ``have_list`` whether rows can be listed, ``steps``
    list of StudyStep, ``map`` MapDrawing or None, ``fields`` the fields of a refused form, ``errors`` FormErrors,
    ``wrong_file`` the file of a refused form or "", ``terms`` names of terms, ``most_species``, ``accepted``
    AcceptedObservations, ``coarse`` a sentence where places are coarse, or "".
    """
    return _reply(service.read(slug))


@pages.post("")
def submit(slug: str) -> Response:
    """Apply a form: the rules, the columns of a file, or a button that makes one change."""
    fields, errors = read_form(form.LISTS), FormErrors()
    records = service.read(slug)
    try:
        body = _body(fields, records.answer, errors)
        revision = revision_of_form(fields)
        if revision is None:
            errors.add("", "The form has no revision. Reload the page.")
        if errors:
            raise ValidationFailed([], "The form has errors.")
        records = service.change(slug, validate(RecordsChange, {**body, "revision": revision}))
    except ValidationFailed as error:
        errors.add_pointers(error.errors, _names(fields))
        return render(_reply(records, fields, errors, status=422))
    except Conflict as error:
        # the state as it is now: with the old boxes, the next click would undo the other change
        errors.add("", error.detail)
        return render(_reply(service.read(slug), errors=errors, status=409))
    if face() == FRAGMENT:
        return render(_reply(records))
    return Response(status=303, headers={"Location": url_for("records.page", slug=slug)})


def _body(fields: MultiDict[str, str], answer: RecordsAnswer, errors: FormErrors) -> dict[str, Any]:
    if fields.get(BUTTON) and "file" in fields:
        return change_of_button(fields, errors)
    if "file" not in fields:
        return form.rules_change(fields, answer, errors)
    item = next((file for file in answer.files if file.name == fields["file"]), None)
    if item is None:
        errors.add("", "This file is no longer in the study.")
        return {}
    for name, message in form.repeated_terms(fields).items():
        errors.add(name, message)
    return form.file_change(fields, item)


def _names(fields: MultiDict[str, str]) -> dict[str, str]:
    """Return the fields of the form by the JSON pointers of the API."""
    names = {f"/rules/{name}": name for name in form.NUMBERS}
    names |= {f"/files/0/{name}": name for name in ("encoding", "delimiter", "sheet", "datum", "species")}
    names |= {f"/files/0/columns/{term}": name for name, term in fields.items() if name.startswith("column.")}
    # the years in the wrong order concern the rules together
    return {**names, "/rules": "first_year", "/species": "species"}


def _json(records: StudyRecords) -> Reply:
    return Reply(records.answer, headers=etag(records.answer.revision))


def _reply(
    records: StudyRecords,
    fields: MultiDict[str, str] | None = None,
    errors: FormErrors | None = None,
    status: int = 200,
) -> Reply:
    errors = FormErrors() if errors is None else errors
    rings = coastline.read_rings(settings().data_dir / coastline.OUTLINE)
    return Reply(
        records.answer,
        status=status,
        page="records/page.html",
        fragment=_FRAGMENTS.get(request.headers.get("HX-Target", ""), "records/_view.html"),
        context={
            "steps": steps_of(records.study),
            "study": records.study,
            "have_list": records.have_list,
            "map": records_map.draw(records.answer.places, rings),
            "fields": fields if errors and fields is not None else MultiDict(),
            "errors": errors,
            "wrong_file": fields.get("file", "") if errors and fields is not None else "",
            "terms": form.TERMS,
            "suggested_species": form.binomial_of(records.study.title),
            "most_species": MOST_SPECIES,
            "accepted": accepted.state_of(records.study),
            "coarse": sensitive.sentence(records.study.slug),
        },
        headers=etag(records.answer.revision),
    )
