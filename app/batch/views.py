"""Routes of batches. Jobs need an editor in production."""

from __future__ import annotations

import io
from contextlib import ExitStack

from flask import Blueprint, Response, request, send_file

from app.batch import pages as parts
from app.batch import service, storage, uploads
from app.batch.places import HOW_BY_API, at_places, check_places_of_rows, with_places
from app.batch.problems import readable
from app.batch.rows import LATITUDE, LONGITUDE, SCENARIO, listed_rows
from app.batch.schemas import BatchParameters, BatchQuery, BatchReply, VerdictCounts
from app.batch.selection import Selection, choose, shows_distances
from app.batch.storage import Draft
from app.errors import NotFound, UnsupportedType, ValidationFailed
from app.jobs import service as jobs
from app.web.csv_download import csv_download
from app.web.faces import API_PREFIX, Reply, faces, keep_all_private
from app.web.idempotency import idempotency_key
from app.web.input_validation import read_form, read_json, read_query, refuse_repeated, validate
from app.web.operations import Operation
from ml.batch.answering import check_header
from ml.batch.chunks import Rows
from ml.batch.place_columns import PlaceColumns
from ml.batch.table import TableFile

api = Blueprint("batch_api", __name__, url_prefix=API_PREFIX)
pages = Blueprint("batch", __name__)
#: Answers of jobs.
results = Blueprint("batch_results", __name__)
_ALSO_IN_ADDRESS = ("extrapolation", "threshold", "species")
#: A thousand rows of two hundred predictors.
_MOST_VALUES = 200_000

# The fields that a form may have several times.
_LISTS = ("species",)

keep_all_private(api, pages, results)


@api.post("/predictions/batch")
@Operation(
    "predictBatch",
    tag="predictions",
    summary="Answer many rows of conditions or places for one or several species",
    description="Send rows as JSON, or a table as text/csv or multipart/form-data with `species` in the address or the "
    "form. Rows are conditions, or places for species whose study has layers. Up to 1,000 rows (and 10,000 answers) "
    "are answered at once; more become a job, whose `result` has the "
    "answers as CSV. A row with a value that cannot be used gets an error, and the others are answered. The answers "
    "are not stored as predictions and have no ids. A repeated request with the header `Idempotency-Key` is answered "
    "with its job.",
    body=BatchQuery,
    media=("text/csv", "multipart/form-data"),
    query=BatchParameters,
    answer=BatchReply,
    answers={200: "The answers.", 202: "The job. `Location` is its address."},
    problems=(400, 409, 413, 415, 422, 503, 507),
)
@faces()
def answer() -> Reply:
    """Answer a batch, or start its job."""
    key = idempotency_key()
    with ExitStack() as stack:
        if request.mimetype == "application/json" or request.mimetype.endswith("+json"):
            query = read_json(BatchQuery, _ALSO_IN_ADDRESS, _MOST_VALUES)
            selection = choose(query.species, query)
            rows, has_places = listed_rows(query.rows, {one.name for one in selection.predictors})
            if has_places:
                has_scenarios = SCENARIO if SCENARIO in rows.header else None
                columns = PlaceColumns(LATITUDE, LONGITUDE, has_scenarios, query.scenario, is_mixed=True)
                selection = at_places(selection, columns)
            elif query.scenario is not None:
                raise ValidationFailed([("/scenario", "belongs to a location, which is missing")])
            else:
                check_places_of_rows(selection, rows.header)
            if service.fits_at_once(rows, len(selection.subjects)):
                return _answers(selection, rows, "/rows")
            with readable("/rows"):
                service.look_over(selection, rows)
            text = io.StringIO()
            rows.write(text)
            content = text.getvalue().encode()
            most = max(len(content), uploads.limit())
            draft = stack.enter_context(storage.received(io.BytesIO(content), rows.name, most, len(content)))
            return _started(selection, draft, key, is_rows=True)
        parameters = read_query(BatchParameters)
        if request.mimetype == "multipart/form-data":
            stored, fields = uploads.form_table(stack)
            if stored is None:
                raise ValidationFailed([("/file", "a table is needed")])
            draft, parameters = stored, _from_fields(parameters, fields)
        elif request.mimetype in uploads.TABLES:
            draft = uploads.body_table(stack)
        else:
            raise UnsupportedType("Send the batch as application/json, text/csv or multipart/form-data.")
        if not parameters.species:
            raise ValidationFailed([("/species", "a value is needed")])
        selection = choose(parameters.species, parameters)
        with readable("/file"):
            table = TableFile(draft.path, draft.name)
            selection = with_places(selection, table, parameters.places, HOW_BY_API)
            fits = service.fits_at_once(table, len(selection.subjects))
            check_header(selection.subjects, table.header, table.name, selection.places)
        if fits:
            return _answers(selection, table, "/file")
        return _started(selection, draft, key)


def _from_fields(parameters: BatchParameters, fields: dict[str, list[str]]) -> BatchParameters:
    """Return the parameters of a form, besides those of the address."""
    known = set(BatchParameters.model_fields)
    unknown = [(f"/{name[:100]}", "is not a known field") for name in fields if name not in known]
    if unknown:
        raise ValidationFailed(unknown)
    refuse_repeated(fields.items(), _LISTS)
    values: dict[str, object] = {name: ",".join(texts) for name, texts in fields.items()}
    stated = parameters.model_dump(exclude_unset=True)
    if twice := sorted(set(values) & set(stated)):
        raise ValidationFailed([(f"/{name}", "given more than once") for name in twice])
    return validate(BatchParameters, {**stated, **values})


def _answers(selection: Selection, rows: Rows, place: str) -> Reply:
    answers = service.answer_now(selection, rows, place)
    return Reply(BatchReply(service.as_answer(selection, answers)))


def _started(selection: Selection, draft: Draft, key: str | None, *, is_rows: bool = False) -> Reply:
    job = service.start(selection, draft, key, is_rows=is_rows)
    detail = BatchReply(jobs.as_detail(job))
    return Reply(detail, 202, headers={"Location": f"{API_PREFIX}/jobs/{job.id}"})


@pages.get("/batch")
@faces("batch/page.html", "batch/_batch.html")
def page() -> Reply:
    """Show the form. Template context: as of `app.batch.pages.reply`."""
    return parts.first_form(request.args.getlist("species")[:200])


@pages.post("/batch")
def submit() -> Response:
    """Show the preview of a table, its answers, or the job that it became."""
    with ExitStack() as stack:
        stored, fields = _form(stack)
        return parts.handle(stored, fields, stack)


@pages.post("/batch/answers.csv")
def answers_csv() -> Response:
    """Download the answers to a table of up to 1,000 rows."""
    with ExitStack() as stack:
        stored, fields = _form(stack)
        return parts.download(stored, fields, stack)


def _form(stack: ExitStack) -> tuple[Draft | None, dict[str, list[str]]]:
    if request.mimetype == "multipart/form-data":
        stored, fields = uploads.form_table(stack)
        refuse_repeated(fields.items(), _LISTS)
        return stored, fields
    if request.mimetype not in ("", "application/x-www-form-urlencoded"):
        raise UnsupportedType("Send the form as multipart/form-data.")
    return None, dict(read_form(_LISTS).lists())


@pages.get("/batch/template.csv")
def template() -> Response:
    """Download a table with the columns that species need, and typical conditions as the example."""
    names = [name for name in request.args.getlist("species") if name.strip()]
    if not names:
        raise ValidationFailed([("/species", "a value is needed")])
    selection = choose(names, BatchParameters())
    row = parts.example_row(selection)
    return csv_download(f"ecopredict-template-{selection.slugs[0]}.csv", list(row), [[_plain(v) for v in row.values()]])


def _plain(text: str) -> str | float:
    try:
        return float(text)
    except ValueError:
        return text


@results.get("/batch/<slug:batch_id>")
@faces("batch/result.html", "batch/result.html")
def detail(batch_id: str) -> Reply:
    """Show what the rows of a job got.

    Template context: ``counts`` list of VerdictCounts, ``models`` list of ModelUsed, ``scenarios`` list of
    ScenarioCount, ``errors`` a sentence, ``summary``, ``table`` its name, ``names`` of the species,
    ``address`` of the download, ``days`` that the answers stay.
    """
    summary = storage.read_json(storage.folder_of(batch_id) / storage.SUMMARY)
    plan = storage.plan_of(batch_id)
    if summary is None or plan is None:
        raise NotFound("There are no answers at this address: they are removed after a week.")
    counts = [VerdictCounts(species=slug, **by_verdict) for slug, by_verdict in summary["counts"].items()]
    context: dict[str, object] = {
        "summary": summary,
        "counts": counts,
        "models": service.models_of(summary.get("models", [])),
        "scenarios": service.scenarios_of(summary.get("scenarios", {})),
        "errors": parts.errors_of(summary["counts"], summary["n_rows"]),
        "table": plan.name,
        "names": parts.names_of(plan.species),
        "address": f"/batch/{batch_id}/answers.csv",
        "days": storage.LIFE_S // 86_400,
    }
    return Reply(None, context=context)


@results.get("/batch/<slug:batch_id>/answers.csv")
def download(batch_id: str) -> Response:
    """Download the answers of a job."""
    path = storage.folder_of(batch_id) / storage.RESULT
    plan = storage.plan_of(batch_id)
    if plan is None or not path.is_file():
        raise NotFound("There are no answers at this address: they are removed after a week.")
    if not plan.hides_index and not shows_distances(plan.species):
        raise NotFound(
            "These answers have values that mark records, and you see the places of a study on a grid now. Answer the "
            "table again."
        )
    summary = storage.read_json(storage.folder_of(batch_id) / storage.SUMMARY) or {}
    name = service.download_name(plan.name, summary.get("scenarios", {}))
    return send_file(path.resolve(), mimetype="text/csv", as_attachment=True, download_name=name, max_age=0)
