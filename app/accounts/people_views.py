"""Routes by which admins list, invite and change people."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

from flask import Blueprint, Response, request
from pydantic import ValidationError

from app.accounts import people
from app.accounts.forms import messages
from app.accounts.people_schemas import (
    Account,
    AccountChange,
    AccountPage,
    Invitation,
    Invited,
    PeopleQuery,
)
from app.accounts.roles import ROLES
from app.accounts.site import of_request
from app.errors import Conflict, NotFound, ValidationFailed
from app.plans.tables import OF_PEOPLE
from app.web.faces import API_PREFIX, Reply, faces, keep_all_private, render, settings, site_root
from app.web.input_validation import read_form, read_json, read_query
from app.web.operations import Operation

api = Blueprint("people_api", __name__, url_prefix=API_PREFIX)
pages = Blueprint("people", __name__)
_PAGE = ("people/page.html", "people/_list.html")
_ID = {"id": {"type": "string", "format": "uuid"}}
_CHANGED = "changed"
#: Characters of the address of a list that a form returns to.
_LONGEST_LIST = 2_000
_WRONG_CHOICE = "Choose a role and a plan of the lists."

keep_all_private(api, pages)


@api.get("/users")
@Operation(
    "listUsers",
    tag="accounts",
    summary="List accounts by address",
    description="For admins.",
    query=PeopleQuery,
    answer=AccountPage,
    problems=(422,),
)
@faces()
def browse() -> Reply:
    """List accounts."""
    return Reply(people.browse(read_query(PeopleQuery)))


@api.post("/users")
@Operation(
    "inviteUser",
    tag="accounts",
    summary="Create an account with a link to choose a password",
    description="For admins. The link works once, for three days. It goes to the address by mail where `MAIL_URL` is "
    "set, and is in the answer otherwise. A key or a token creates no admin (403).",
    body=Invitation,
    answer=Invited,
    answers={201: "The account and its link."},
    problems=(400, 409, 413, 415, 422),
)
@faces()
def invite() -> Reply:
    """Create an account."""
    return Reply(people.invite(read_json(Invitation), _site()), 201)


@api.patch("/users/<uuid:user_id>")
@Operation(
    "changeUser",
    tag="accounts",
    summary="Change role or plan of an account, disable it or enable it",
    description="For admins. The change holds from the next request of the person on. The last admin stays one, and "
    "nobody changes their own role (409). A key or a token changes no admin, and makes nobody one (403).",
    path=_ID,
    body=AccountChange,
    answer=Account,
    problems=(400, 404, 409, 413, 415, 422),
)
@faces()
def change(user_id: UUID) -> Reply:
    """Change an account."""
    return Reply(people.change(user_id, read_json(AccountChange)))


@api.post("/users/<uuid:user_id>/link")
@Operation(
    "inviteUserAgain",
    tag="accounts",
    summary="Make a new link for an account without a password",
    description="For admins. Earlier links stop working. 409 where the person has a password.",
    path=_ID,
    answer=Invited,
    problems=(404, 409),
)
@faces()
def invite_again(user_id: UUID) -> Reply:
    """Make a new link."""
    return Reply(people.invite_again(user_id, _site()))


@pages.get("/people")
@faces(*_PAGE)
def page() -> Reply:
    """Show accounts.

    Template context: ``data`` AccountPage, ``query`` PeopleQuery, ``address`` its text in an address, ``roles``,
    ``plans``, ``more`` address of the next page or "", ``state_of`` function, ``changed`` Account that was changed a
    moment ago or None, ``invited`` Invited or None, ``typed`` fields of the form to invite, ``errors`` its messages by
    field, ``problem`` a sentence or "".
    """
    query = read_query(PeopleQuery)
    try:
        changed = people.as_account(people.find(UUID(request.args[_CHANGED]))) if _CHANGED in request.args else None
    except (ValueError, NotFound):
        changed = None
    return _page(query, changed=changed)


def _page(query: PeopleQuery | None = None, status: int = 200, **more: object) -> Reply:
    query = query or PeopleQuery()
    found = people.browse(query)
    context = {
        "query": query,
        "address": urlencode(_given(query)),
        "roles": ROLES,
        "plans": OF_PEOPLE,
        "more": f"/people?{urlencode({**_given(query), 'cursor': found.next})}" if found.next else "",
        "state_of": people.state_of,
        "changed": None,
        "invited": None,
        "typed": {},
        "errors": {},
        "problem": "",
    }
    return Reply(found, status, {**context, **more})


def _given(query: PeopleQuery) -> dict[str, str]:
    """Return filter and place of a list, without what is as usual."""
    return {name: str(value) for name, value in query.model_dump(exclude_defaults=True).items()}


def _list_of_form(form: Mapping[str, str]) -> PeopleQuery:
    """Return the list that a form stands in; the whole one where it says nothing that is valid."""
    try:
        return PeopleQuery.model_validate(dict(parse_qsl(form.get("list", "")[:_LONGEST_LIST])))
    except ValidationError:
        return PeopleQuery()


@pages.post("/people")
def invite_form() -> Response:
    """Create an account, and say where its link is."""
    form = read_form()
    typed = {name: form.get(name, "").strip()[:254] for name in ("email", "role", "plan")}
    try:
        invited = people.invite(Invitation.model_validate(typed), _site())
    except ValidationError as error:
        fields = {str(one["loc"][0]) for one in error.errors() if one["loc"]}
        told = {"email": "Enter an address."} if fields == {"email"} else {"role": _WRONG_CHOICE}
        return render(_page(status=422, typed=typed, errors=told), *_PAGE)
    except ValidationFailed as error:
        return render(_page(status=error.status, typed=typed, errors=messages(error.errors)), *_PAGE)
    except Conflict as error:
        told = {"email": f"{error.detail[:1].upper()}{error.detail[1:]}."}
        return render(_page(status=error.status, typed=typed, errors=told), *_PAGE)
    return render(_page(invited=invited), *_PAGE)


@pages.post("/people/<uuid:user_id>")
def change_form(user_id: UUID) -> Response:
    """Change an account, and return to it in the list."""
    form = read_form()
    query = _list_of_form(form)
    wanted = {"role": form.get("role"), "plan": form.get("plan"), "disabled": form.get("disabled") == "1"}
    try:
        account = people.change(user_id, AccountChange.model_validate(wanted), form.get("shown", ""))
    except ValidationError:
        return render(_page(query, 422, problem=_WRONG_CHOICE), *_PAGE)
    except Conflict as error:
        return render(_page(query, error.status, problem=f"{error.detail.rstrip('.')}."), *_PAGE)
    address = urlencode({**_given(query), _CHANGED: account.id})
    return Response(status=303, headers={"Location": f"/people?{address}#person-{account.id}"})


@pages.post("/people/<uuid:user_id>/link")
def link_form(user_id: UUID) -> Response:
    """Make a new link, and say where it is."""
    query = _list_of_form(read_form())
    try:
        invited = people.invite_again(user_id, _site())
    except Conflict as error:
        return render(_page(query, error.status, problem=error.detail), *_PAGE)
    return render(_page(query, invited=invited), *_PAGE)


def _site() -> str:
    return of_request(settings(), site_root())
