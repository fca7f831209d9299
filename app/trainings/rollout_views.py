"""Routes of rollouts."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response, request

from app.accounts.identity import may
from app.catalogue.rollouts import Rollout
from app.errors import AppError, Conflict, ValidationFailed
from app.rollouts import ending, report, service
from app.rollouts.schemas import MOST_PERCENT, RolloutChange, RolloutDetail, RolloutStart
from app.trainings.gates import gate_of
from app.web.entity_tags import etag, if_match, revision_of_change, revision_of_form
from app.web.faces import API_PREFIX, Reply, faces, keep_all_private, render
from app.web.input_validation import read_form, read_json, validate
from app.web.operations import Operation

api = Blueprint("rollouts_api", __name__, url_prefix=API_PREFIX)
pages = Blueprint("rollouts", __name__)
_PAGE = ("trainings/rollout.html", "trainings/_rollout.html")
_OF = "the rollout"
_ETAG = "The ETag is the revision of the rollout."

keep_all_private(api, pages)


@api.get("/studies/<slug:slug>/rollout")
@Operation(
    "getRollout",
    tag="studies",
    summary="Read the rollout of a study that began last",
    description=f"What the candidate and the active version did, side by side. {_ETAG}",
    answer=RolloutDetail,
    problems=(404,),
)
@faces()
def read(slug: str) -> Reply:
    """Return the rollout of a study that began last."""
    return _reply(service.find(slug))


@api.post("/studies/<slug:slug>/rollout")
@Operation(
    "startRollout",
    tag="studies",
    summary="Try a candidate beside the active version of its species",
    body=RolloutStart,
    answer=RolloutDetail,
    answers={201: "The rollout."},
    problems=(400, 404, 409, 413, 415, 422),
)
@faces()
def start(slug: str) -> Reply:
    """Begin a rollout."""
    reply = _reply(service.start(slug, read_json(RolloutStart)))
    reply.status = 201
    reply.headers["Location"] = f"{API_PREFIX}/studies/{slug}/rollout"
    return reply


@api.patch("/studies/<slug:slug>/rollout")
@Operation(
    "changeRollout",
    tag="studies",
    summary="Change the share of a rollout",
    description="The request states the revision that it changes, in the body or as `If-Match`.",
    body=RolloutChange,
    answer=RolloutDetail,
    problems=(400, 404, 409, 413, 415, 422),
)
@faces()
def change(slug: str) -> Reply:
    """Change the share of a rollout."""
    wanted = read_json(RolloutChange)
    revision = revision_of_change(wanted.revision, service.known(slug).revision, _OF)
    return _reply(service.change(slug, wanted.percent, revision))


@api.post("/studies/<slug:slug>/rollout/promote")
@Operation(
    "promoteRollout",
    tag="studies",
    summary="Let the candidate of a rollout answer everybody",
    description="An activation of its version, after which a rollback of the study is possible. With `If-Match` the "
    "request is refused when the rollout was changed.",
    answer=RolloutDetail,
    problems=(404, 409, 422),
)
@faces()
def promote(slug: str) -> Reply:
    """Activate the candidate of a rollout."""
    return _reply(service.promote(slug, if_match(_OF)))


@api.post("/studies/<slug:slug>/rollout/stop")
@Operation(
    "stopRollout",
    tag="studies",
    summary="End a rollout: the active version answers everybody again",
    description="With `If-Match` the request is refused when the rollout was changed.",
    answer=RolloutDetail,
    problems=(404, 409, 422),
)
@faces()
def stop(slug: str) -> Reply:
    """End a rollout."""
    return _reply(service.stop(slug, if_match(_OF)))


@pages.get("/studies/<slug:slug>/rollout")
@faces(*_PAGE)
def page(slug: str) -> Reply:
    """Show the rollout of a study, and the form that begins one.

    Template context: ``data`` RolloutDetail or None, ``study`` Study, ``gate`` Gate or None, ``candidates`` list of
    ListedVersion, ``values`` and ``errors`` of the form by field, ``most`` percent, ``problem`` a sentence,
    ``since`` which version answers after the rollout.
    """
    return _page(slug)


@pages.post("/studies/<slug:slug>/rollout")
def start_form(slug: str) -> Response:
    """Begin a rollout and show it, or the form with its messages."""
    fields = read_form()
    values = {name: fields.get(name, "").strip() for name in ("model", "mode", "percent")}
    query: dict[str, object] = {**values, "percent": _number(values["percent"])}
    try:
        service.start(slug, validate(RolloutStart, query))
    except (ValidationFailed, Conflict) as error:
        return render(_page(slug, error, values), *_PAGE)
    return _see(slug)


@pages.post("/studies/<slug:slug>/rollout/change")
def change_form(slug: str) -> Response:
    """Change the share of a rollout, and show it."""
    fields = read_form()
    text = fields.get("percent", "").strip()
    try:
        wanted = validate(RolloutChange, {"percent": _number(text), "revision": revision_of_form(fields)})
        service.change(slug, wanted.percent, -1 if wanted.revision is None else wanted.revision)
    except (ValidationFailed, Conflict) as error:
        return render(_page(slug, error, {"percent": text}), *_PAGE)
    return _see(slug)


@pages.post("/studies/<slug:slug>/rollout/promote")
def promote_form(slug: str) -> Response:
    """Activate the candidate of a rollout, and show it."""
    return _ended(slug, service.promote)


@pages.post("/studies/<slug:slug>/rollout/stop")
def stop_form(slug: str) -> Response:
    """End a rollout, and show it."""
    return _ended(slug, service.stop)


def _ended(slug: str, end: Callable[[str, int | None], Rollout]) -> Response:
    try:
        end(slug, revision_of_form(read_form()))
    except Conflict as error:
        return render(_page(slug, error), *_PAGE)
    return _see(slug)


def _reply(rollout: Rollout) -> Reply:
    return Reply(report.detail(rollout), headers=etag(rollout.revision))


def _page(slug: str, error: AppError | None = None, values: dict[str, str] | None = None) -> Reply:
    study, rollout = service.study_of(slug), service.latest(slug)
    runs = rollout is not None and rollout.state == "running"
    context: dict[str, object] = {
        "study": study,
        "gate": gate_of(slug, rollout.candidate, rollout.active) if runs and rollout is not None else None,
        "candidates": service.candidates(slug) if not runs and may("admin") else [],
        "values": values or {"model": request.args.get("model", "")[:150]},
        "errors": {at.lstrip("/"): text for at, text in error.errors} if error is not None else {},
        "problem": error.detail if error is not None else "",
        "since": ending.describe_since(rollout) if rollout is not None else "",
        "most": MOST_PERCENT,
    }
    data = report.detail(rollout) if rollout is not None else None
    return Reply(data, error.status if error is not None else 200, context)


def _number(text: str) -> object:
    """Return what a field of a percentage contains: a whole number where it is one; "%" may follow it."""
    digits = text.removesuffix("%").strip()
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 6 else text


def _see(slug: str) -> Response:
    return Response(status=303, headers={"Location": f"/studies/{slug}/rollout"})
