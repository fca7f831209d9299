"""Routes of the accepted observations among the records of a study."""

from __future__ import annotations

from flask import Blueprint, Response, url_for

from app.errors import ValidationFailed
from app.records import accepted
from app.records.schemas import AcceptedObservations
from app.studies import own
from app.web.faces import API_PREFIX, Reply, faces, keep_all_private
from app.web.input_validation import read_form
from app.web.operations import Operation

_PATH = "/studies/<slug:slug>/records/observations"
api = Blueprint("accepted_api", __name__, url_prefix=f"{API_PREFIX}{_PATH}")
pages = Blueprint("accepted", __name__, url_prefix=_PATH)

keep_all_private(api, pages)


@api.get("")
@Operation(
    "getAcceptedObservations",
    tag="studies",
    summary="Read whether accepted observations are among the records",
    answer=AcceptedObservations,
    problems=(404,),
)
@faces()
def read(slug: str) -> Reply:
    """Return how many accepted presences there are, and whether the records have them."""
    return Reply(accepted.state_of(own.load(slug)))


@api.put("")
@Operation(
    "useAcceptedObservations",
    tag="studies",
    summary="Use accepted observations in the records, or update them",
    description="Presences at a place become a file of the study. Without a body.",
    answer=AcceptedObservations,
    problems=(404, 409, 507),
)
@faces()
def use(slug: str) -> Reply:
    """Write the accepted presences into the records."""
    return Reply(accepted.use(slug))


@api.delete("")
@Operation(
    "leaveOutAcceptedObservations",
    tag="studies",
    summary="Leave accepted observations out of the records",
    answer=AcceptedObservations,
    problems=(404, 409),
)
@faces()
def leave_out(slug: str) -> Reply:
    """Remove the accepted presences from the records."""
    return Reply(accepted.leave_out(slug))


@pages.post("")
def submit(slug: str) -> Response:
    """Use accepted observations in the records or leave them out, and return to the records."""
    choice = read_form().get("use", "")
    if choice not in ("0", "1"):
        raise ValidationFailed([("/use", "must be 0 or 1")])
    if choice == "1":
        accepted.use(slug)
    else:
        accepted.leave_out(slug)
    return Response(status=303, headers={"Location": url_for("records.page", slug=slug) + "#accepted"})
