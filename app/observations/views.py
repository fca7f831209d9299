"""Routes of observations: reporting one, and what editors decide."""

from __future__ import annotations

from urllib.parse import urlencode
from uuid import UUID

from flask import Blueprint, Response, request

from app.catalogue import snapshot
from app.database.replica import from_replica
from app.errors import AppError, Conflict, NotPermitted, Unavailable, ValidationFailed
from app.geography.schemas import AREA_FIELDS, LONGEST_POLYGON
from app.observations import form as forms
from app.observations import service
from app.observations.schemas import (
    FIRST_DAY,
    MOST_DECIDED,
    Decision,
    NewObservation,
    ObservationItem,
    ObservationPage,
    ObservationsQuery,
)
from app.web.faces import API_PREFIX, Reply, faces, keep_all_private, render
from app.web.input_validation import pointer_parts, read_form, read_json, read_query, validate
from app.web.operations import Operation

api = Blueprint("observations_api", __name__, url_prefix=API_PREFIX)
pages = Blueprint("observations", __name__)
_ID = {"id": {"type": "string", "format": "uuid"}}
_REPORT = ("observations/report.html", "observations/_report.html")
#: The filters of the page beside its area.
_FILTERS = ("study", "species", "state", *AREA_FIELDS)
_BOXES = ("species", *AREA_FIELDS)

keep_all_private(api, pages)


@api.post("/observations")
@Operation(
    "reportObservation",
    tag="observations",
    summary="Report a confirmed presence or absence",
    description="For a past prediction, or for a species at a place. The prediction of the model is stored beside the "
    "observation. It counts when an editor has accepted it.",
    body=NewObservation,
    answer=ObservationItem,
    answers={201: "The observation, which waits for an editor."},
    problems=(400, 409, 413, 415, 422, 503),
)
@faces()
def report() -> Reply:
    """Store an observation."""
    return Reply(service.report(read_json(NewObservation)), 201)


@pages.post("/observations")
def report_form() -> Response:
    """Store the observation of a form, or show the form with its messages.

    Template context: ``data`` ObservationItem or None, ``report`` ReportForm.
    """
    posted = read_form()
    body, errors = forms.body_of(posted)
    try:
        if errors:
            # the other fields have their messages too
            new = None
            validate(NewObservation, {"outcome": "present", "date": FIRST_DAY, **body})
        else:
            new = validate(NewObservation, body)
        if new is not None:
            return render(Reply(service.report(new), 201, {"report": None}), *_REPORT)
        again = forms.form_of(posted, errors)
        return render(Reply(None, 422, {"report": again}), *_REPORT)
    except ValidationFailed as error:
        return render(Reply(None, 422, {"report": forms.form_of(posted, errors, error.errors)}), *_REPORT)
    except (Conflict, Unavailable) as error:
        again = forms.form_of(posted, errors, [("", error.detail.rstrip("."))])
        return render(Reply(None, error.status, {"report": again}), *_REPORT)


@api.get("/observations")
@Operation(
    "listObservations",
    tag="observations",
    summary="List observations, latest first",
    query=ObservationsQuery,
    answer=ObservationPage,
    problems=(422,),
)
@faces()
@from_replica
def browse() -> Reply:
    """List observations."""
    return Reply(service.browse(read_query(ObservationsQuery)))


@api.patch("/observations/<uuid:observation_id>")
@Operation(
    "decideObservation",
    tag="observations",
    summary="Accept or refuse an observation",
    path=_ID,
    body=Decision,
    answer=ObservationItem,
    problems=(400, 404, 409, 413, 415, 422, 503),
)
@faces()
def decide(observation_id: UUID) -> Reply:
    """Accept or refuse an observation, or let it wait again."""
    return Reply(service.decide(str(observation_id), read_json(Decision)))


@pages.get("/observations")
@faces(page="observations/page.html", fragment="observations/_list.html")
def moderate() -> Reply:
    """Show the observations that wait, and the filters.

    Template context: ``data`` ObservationPage, ``query`` dict of the filters, ``studies`` list of StudyEntry,
    ``errors`` messages by filter, ``done`` what was decided a moment ago or "", ``problem`` of a decision or "",
    ``more`` address of the next page or "", ``refusal`` the typed reason, ``chosen`` ids,
    ``choose_all`` and ``choose_none`` addresses of this page with all or no boxes ticked.
    """
    filters = {name: request.args.get(name, "")[:LONGEST_POLYGON] for name in _FILTERS}
    if "state" not in request.args:
        filters["state"] = "pending"
    reply = _page(filters, request.args.get("cursor"), done=_done_of(request.args.get("done", "")))
    if request.args.get("choose") == "all" and isinstance(reply.data, ObservationPage):
        reply.context["chosen"] = [one.id for one in reply.data.items if one.withdrawn_at is None]
    return reply


def _page(filters: dict[str, str], cursor: str | None, status: int = 200, **context: object) -> Reply:
    errors: dict[str, str] = {}
    try:
        query = validate(ObservationsQuery, {**filters, **({"cursor": cursor} if cursor else {})})
        found = service.browse(query)
    except ValidationFailed as error:
        found, status = ObservationPage(items=[], next=None), error.status
        errors = {"".join(pointer_parts(at)[:1]): f"{text[:1].upper()}{text[1:]}." for at, text in error.errors}
    # the others have no box to stand beside
    problem = " ".join(text for name, text in errors.items() if name not in _BOXES)
    given = {name: value for name, value in filters.items() if value or name == "state"}
    more = f"/observations?{urlencode({**given, 'cursor': found.next})}" if found.next else ""
    here = {**given, **({"cursor": cursor} if cursor else {})}
    shown = {
        "query": filters,
        "studies": snapshot.current().studies,
        "errors": errors,
        "done": "",
        "problem": problem,
        "more": more,
        "refusal": "",
        "chosen": [],
        "choose_all": f"/observations?{urlencode({**here, 'choose': 'all'})}#observations",
        "choose_none": f"/observations?{urlencode(here)}#observations",
    }
    return Reply(found, status, {**shown, **context})


@pages.post("/observations/decide")
def decide_form() -> Response:
    """Accept or refuse the chosen observations, and return to the list with its filters."""
    posted = read_form(["ids"])
    filters = {name: posted.get(f"filter.{name}", "")[:LONGEST_POLYGON] for name in _FILTERS}
    ids = posted.getlist("ids")[: MOST_DECIDED + 1]
    try:
        if len(ids) > MOST_DECIDED:
            raise ValidationFailed([("/ids", f"choose at most {MOST_DECIDED} observations")])
        body = {"state": posted.get("decision", ""), "was": posted.get("was", ""), "reason": posted.get("reason", "")}
        decision = validate(Decision, body)
        result = service.decide_several(ids, decision.was or "pending", decision.state, decision.reason)
    except ValidationFailed as error:
        problem = " ".join(f"{text[:1].upper()}{text[1:]}." for _, text in error.errors)
        return _refused(filters, error, problem, posted.get("reason", ""), ids)
    except NotPermitted as error:
        return _refused(filters, error, error.detail, posted.get("reason", ""), ids)
    given = {name: value for name, value in filters.items() if value or name == "state"}
    done = f"{decision.state}.{result.changed}.{result.chosen}"
    return Response(status=303, headers={"Location": f"/observations?{urlencode({**given, 'done': done})}"})


def _refused(filters: dict[str, str], error: AppError, problem: str, reason: str, ids: list[str]) -> Response:
    """Return the list with what is wrong with a decision."""
    reply = _page(filters, None, error.status, problem=problem, refusal=reason, chosen=ids)
    return render(reply, "observations/page.html", "observations/_list.html")


def _done_of(text: str) -> str:
    """Return the sentence about a decision a moment ago."""
    state, _, numbers = text.partition(".")
    changed, _, chosen = numbers.partition(".")
    words = {"accepted": "accepted", "refused": "refused", "pending": "put back to those that wait"}
    if state not in words or not (changed.isdecimal() and chosen.isdecimal() and len(text) < 30):
        return ""
    number, all_chosen = int(changed), int(chosen)
    sentence = f"{number} observation{'' if number == 1 else 's'} {words[state]}."
    if number < all_chosen:
        sentence += f" {all_chosen - number} had been decided by somebody else in the meantime."
    return sentence
