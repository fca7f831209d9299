"""Routes that change which model answers."""

from __future__ import annotations

from flask import Blueprint, Response, request

from app.registry import activations
from app.registry.schemas import ActivationResult, RollbackResult
from app.web.faces import API_PREFIX, Reply, faces
from app.web.input_validation import read_form
from app.web.operations import Operation

api = Blueprint("registry_changes_api", __name__, url_prefix=API_PREFIX)
pages = Blueprint("registry_changes", __name__)


@api.post("/models/<slug:model_id>/activate")
@Operation(
    "activateModel",
    tag="models",
    summary="Let a model answer for its species",
    description="Let a model answer for its species from the next request on. Activating it again changes nothing.",
    answer=ActivationResult,
    problems=(404, 409),
)
@faces()
def activate(model_id: str) -> Reply:
    """Activate a model."""
    return Reply(activations.activate(model_id))


@api.post("/studies/<slug:slug>/rollback")
@Operation(
    "rollbackStudy",
    tag="studies",
    summary="Let the earlier models of a study answer again",
    description="For each species of the study, let the model answer that answered before. With `If-Match` (the ETag "
    "of the study's versions) the request is refused when other models answer by now.",
    answer=RollbackResult,
    problems=(404, 409),
)
@faces()
def rollback(slug: str) -> Reply:
    """Roll a study back."""
    tags = request.if_match
    state = next(iter(tags.as_set()), None) if tags and not tags.star_tag else None
    return Reply(activations.rollback(slug, state))


@pages.post("/models/<slug:model_id>/activate")
def activate_form(model_id: str) -> Response:
    """Activate a model, then show the versions of its study, or the model where the form is on its page."""
    to_versions = read_form().get("to") == "versions"
    activated = activations.activate(model_id)
    if to_versions:
        return _see(f"/studies/{activated.study.slug}/versions?activated={activated.model.id}")
    return _see(f"/models/{activated.model.id}?activated=1")


@pages.post("/studies/<slug:slug>/rollback")
def rollback_form(slug: str) -> Response:
    """Roll a study back, then show its versions."""
    done = activations.rollback(slug, read_form().get("state") or None)
    return _see(f"/studies/{done.study.slug}/versions?restored={len(done.items)}")


def _see(address: str) -> Response:
    return Response(status=303, headers={"Location": address})
