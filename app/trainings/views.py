"""Routes of preflight, start and versions."""

from __future__ import annotations

from flask import Blueprint, Response, request

from app.catalogue import rollouts
from app.errors import AppError, Conflict, Unavailable, ValidationFailed
from app.jobs.replies import accepted
from app.jobs.schemas import JobDetail
from app.records import accepted as observations
from app.registry import activations
from app.rollouts import ending
from app.studies import own
from app.studies.own import OwnStudy
from app.studies.steps import steps_of
from app.trainings import activity, form, frozen, service
from app.trainings.preflight import preflight
from app.trainings.schemas import StudyVersions, TrainingRequest
from app.web.entity_tags import if_match, revision_of_form
from app.web.faces import API_PREFIX, Reply, faces, keep_all_private, render
from app.web.fields import PageQuery
from app.web.idempotency import idempotency_key
from app.web.input_validation import read_form, read_json, read_query
from app.web.operations import Operation
from ml.recipes.reports import Preflight

api = Blueprint("trainings_api", __name__, url_prefix=API_PREFIX)
pages = Blueprint("trainings", __name__)
_START = ("trainings/start.html", "trainings/_start.html")

keep_all_private(api, pages)


@api.get("/studies/<slug:slug>/preflight")
@Operation(
    "getPreflight",
    tag="studies",
    summary="Read what a training would take, and what stands in its way",
    answer=Preflight,
    problems=(404, 422, 503),
)
@faces()
def read_preflight(slug: str) -> Reply:
    """Return the preflight of a study."""
    return Reply(service.preflight_of(slug))


@api.post("/studies/<slug:slug>/trainings")
@Operation(
    "startTraining",
    tag="studies",
    summary="Start a training",
    description="Start a training of the recipe and the files as they are now; a body is optional. The answer is the "
    "existing job while a training of the same recipe and files is not finished, and for a repeated request with the "
    "header `Idempotency-Key`. `If-Match` with the ETag of the study refuses a start where somebody else changed the "
    "study.",
    body=TrainingRequest,
    body_required=False,
    answer=JobDetail,
    answers={202: "The job. `Location` is its address."},
    problems=(400, 404, 409, 413, 415, 422, 503),
)
@faces()
def start(slug: str) -> Reply:
    """Start a training."""
    key = idempotency_key()
    has_body = bool(request.content_length) or "Transfer-Encoding" in request.headers
    query = read_json(TrainingRequest) if has_body else TrainingRequest()
    revision = if_match()
    job = service.start(slug, query, key, query.revision if revision is None else revision)
    return accepted(job)


@api.get("/studies/<slug:slug>/versions")
@Operation(
    "listVersions",
    tag="studies",
    summary="List the latest version of each species beside the active one",
    description="The ETag stands for the models that answer; a rollback takes it as `If-Match`.",
    query=PageQuery,
    answer=StudyVersions,
    problems=(404, 422),
)
@faces()
def read_versions(slug: str) -> Reply:
    """List the versions of a study."""
    listing = service.versions_of(slug, read_query(PageQuery))
    return Reply(listing, headers={"ETag": f'"{service.state_of(own.load(slug))}"'})


@pages.get("/studies/<slug:slug>/start")
@faces(*_START)
def start_page(slug: str) -> Reply:
    """Show what a training would take, with its settings.

    Template context: ``data`` Preflight or None, ``study`` OwnStudy, ``steps`` of the study, ``form`` StartForm,
    ``fields`` of the form, ``problem`` a sentence, ``accepted`` AcceptedObservations.
    """
    study = own.load(slug)
    return _start_page(study, form.of(study.recipe.settings))


@pages.post("/studies/<slug:slug>/start")
def start_form(slug: str) -> Response:
    """Start a training and show its job, or the form with its messages."""
    study = own.load(slug)
    fields = read_form()
    filled = form.read(fields)
    if filled.settings is None:
        return render(_start_page(study, filled, 422), *_START)
    try:
        job = service.start(slug, TrainingRequest(settings=filled.settings), revision=revision_of_form(fields))
    except (ValidationFailed, Conflict, Unavailable) as error:
        return render(_start_page(own.load(slug), filled, error.status, error), *_START)
    return Response(status=303, headers={"Location": f"/jobs/{job.id}"})


def _start_page(study: OwnStudy, filled: form.StartForm, status: int = 200, error: AppError | None = None) -> Reply:
    report, problem = None, ""
    try:
        report = preflight(study, frozen.with_slug(study))
    except (ValidationFailed, Unavailable) as refusal:
        problem = refusal.detail
        status = max(status, refusal.status)
    # the report lists the problems that a refused start names
    if error is not None and not (report and any(one.blocking for one in report.problems)):
        problem = error.detail
    return Reply(
        report,
        status,
        {
            "study": study,
            "form": filled,
            "problem": problem,
            "fields": form.FIELDS,
            "steps": steps_of(study),
            "accepted": observations.state_of(study),
        },
    )


@pages.get("/studies/<slug:slug>/recipe.json")
def recipe(slug: str) -> Response:
    """Return the recipe of a study as a file for ``python -m ml train --recipe``."""
    study = own.load(slug)
    return Response(
        frozen.with_slug(study).model_dump_json(indent=1),
        content_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="{study.slug}-recipe.json"'},
    )


@pages.get("/studies/<slug:slug>/versions")
@faces(page="trainings/versions.html", fragment="trainings/_versions.html")
def versions_page(slug: str) -> Reply:
    """Show candidates beside active versions.

    Template context: ``data`` StudyVersions, ``study`` OwnStudy, ``steps`` of the study, ``jobs`` list of Job,
    ``sentence`` what happened a moment ago, ``state`` and ``can_roll_back`` for the rollback, ``later`` whether this is
    not the first page, ``rollout`` the Rollout that began last, or None, ``since`` which version answers after it.
    """
    study = own.load(slug)
    query = read_query(PageQuery)
    rollout = rollouts.latest_of_study(study.id)
    context: dict[str, object] = {
        "study": study,
        "steps": steps_of(study),
        "jobs": service.history(slug),
        "sentence": _what_happened(study),
        "state": service.state_of(study),
        "can_roll_back": service.can_roll_back(study),
        "later": query.cursor is not None,
        "rollout": rollout,
        "since": ending.describe_since(rollout) if rollout is not None else "",
    }
    return Reply(service.versions_of(slug, query), context=context)


def _what_happened(study: OwnStudy) -> str:
    """Return the sentence about the activation or rollback that led to this page."""
    activated, restored = request.args.get("activated", ""), request.args.get("restored", "")
    if activated:
        return activations.describe_active(activated[:150])
    if restored.isdigit() and len(restored) < 6:
        return activity.describe_rollback(study.id, int(restored))
    return ""
