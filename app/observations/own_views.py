"""Routes of what a person has reported."""

from __future__ import annotations

from urllib.parse import urlencode
from uuid import UUID

from flask import Blueprint, Response, request

from app.database.replica import from_replica
from app.errors import Conflict
from app.observations import withdrawal
from app.observations.schemas import ObservationPage, OwnObservationsQuery, Withdrawn
from app.web.faces import API_PREFIX, Reply, faces, keep_all_private, render
from app.web.input_validation import read_form, read_query
from app.web.operations import Operation

api = Blueprint("own_observations_api", __name__, url_prefix=API_PREFIX)
pages = Blueprint("own_observations", __name__)
_PAGE = ("observations/own.html", "observations/_own_list.html")
_DONE = {
    "deleted": "The report is withdrawn and deleted.",
    "taken-back": "The report is withdrawn. It does not count any more.",
}

keep_all_private(api, pages)


@api.get("/observations/mine")
@Operation(
    "listOwnObservations",
    tag="observations",
    summary="List one's own reports, latest first",
    description="Those for studies that the person may read. They have exact places.",
    query=OwnObservationsQuery,
    answer=ObservationPage,
    problems=(422,),
)
@faces()
@from_replica
def browse() -> Reply:
    """List the reports of the person who asks."""
    return Reply(withdrawal.browse(read_query(OwnObservationsQuery)))


@api.delete("/observations/<uuid:observation_id>")
@Operation(
    "withdrawObservation",
    tag="observations",
    summary="Withdraw one's own report",
    description="One that waits is deleted. An accepted one counts no more and cannot be accepted again; models that "
    "were trained with it stay as they are. A refused one stays (409).",
    path={"id": {"type": "string", "format": "uuid"}},
    answer=Withdrawn,
    problems=(404, 409),
)
@faces()
def withdraw(observation_id: UUID) -> Reply:
    """Withdraw a report."""
    return Reply(withdrawal.withdraw(str(observation_id)))


@pages.get("/observations/mine")
@faces(*_PAGE)
def page() -> Reply:
    """Show the reports of the person who asks.

    Template context: ``data`` ObservationPage, ``state`` of the filter or "", ``later`` whether this is not the first
    page, ``more`` address of the next page or "", ``done`` what was withdrawn a moment ago or "", ``problem`` or "".
    """
    return _page(read_query(OwnObservationsQuery), done=_DONE.get(request.args.get("done", ""), ""))


def _page(query: OwnObservationsQuery, status: int = 200, done: str = "", problem: str = "") -> Reply:
    found = withdrawal.browse(query)
    given = {**({"state": query.state} if query.state else {}), **({"cursor": found.next} if found.next else {})}
    context = {
        "state": query.state or "",
        "later": query.cursor is not None,
        "more": f"/observations/mine?{urlencode(given)}" if found.next else "",
        "done": done,
        "problem": problem,
    }
    return Reply(found, status, context)


@pages.post("/observations/mine/withdraw")
def withdraw_form() -> Response:
    """Withdraw a report, and return to the list."""
    try:
        done = withdrawal.withdraw(read_form().get("id", ""))
    except Conflict as error:
        return render(_page(OwnObservationsQuery(), error.status, problem=error.detail), *_PAGE)
    word = "deleted" if done.deleted else "taken-back"
    return Response(status=303, headers={"Location": f"/observations/mine?done={word}"})
