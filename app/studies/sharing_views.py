"""Routes of the visibility of a study, of the people that it is shared with, and of its owner."""

from __future__ import annotations

from flask import Blueprint, Response
from pydantic import ValidationError

from app.accounts.forms import messages
from app.errors import AppError, NotFound
from app.studies import service, sharing
from app.studies.pages import files_page
from app.studies.schemas import StudyChange, StudyDetail
from app.studies.sharing_schemas import PersonChange, StudyPeople
from app.web.faces import API_PREFIX, Reply, faces, keep_all_private
from app.web.input_validation import read_form, read_json
from app.web.operations import Operation

api = Blueprint("sharing_api", __name__, url_prefix=f"{API_PREFIX}/studies/<slug:slug>")
pages = Blueprint("sharing", __name__, url_prefix="/studies/<slug:slug>")

keep_all_private(api, pages)


@api.get("/people")
@Operation(
    "listPeople",
    tag="studies",
    summary="List the people that a study is shared with",
    description="For the owner and admins. A study is shared with 100 people at most.",
    answer=StudyPeople,
    problems=(404,),
)
@faces()
def browse(slug: str) -> Reply:
    """List people."""
    return Reply(sharing.read(slug))


@api.put("/people")
@Operation(
    "shareStudy",
    tag="studies",
    summary="Share a study with a person, or give the person another role",
    description="The person is named by address. The answer is the same whether or not the address has an account; "
    "who gets an account with it later has access then. The visibility `shared` or `public` lets the person in.",
    body=PersonChange,
    answer=StudyPeople,
    problems=(400, 404, 409, 413, 415, 422),
)
@faces()
def put(slug: str) -> Reply:
    """Share a study with a person."""
    person = read_json(PersonChange)
    sharing.put(slug, person.email, person.role, exact_places=person.exact_places)
    return Reply(sharing.read(slug))


@api.delete("/people/<slug:person_id>")
@Operation(
    "unshareStudy",
    tag="studies",
    summary="Share a study no longer with a person",
    path={"id": {"type": "string", "format": "uuid"}},
    answer=StudyPeople,
    problems=(404,),
)
@faces()
def remove(slug: str, person_id: str) -> Reply:
    """Share a study no longer with a person."""
    sharing.remove(slug, person_id)
    return Reply(sharing.read(slug))


@api.post("/owner")
@Operation(
    "takeOverStudy",
    tag="studies",
    summary="Become the owner of a study that was offered",
    description="For a person that the study is shared with in the role `owner`. The owner until then becomes an "
    "editor, and has no access while the study is private. Other offers of the study end.",
    answer=StudyDetail,
    problems=(404, 409),
)
@faces()
def take_over(slug: str) -> Reply:
    """Become the owner of a study."""
    sharing.take_over(slug)
    return Reply(service.detail(slug))


@pages.post("/sharing")
def change_form(slug: str) -> Response:
    """Decide who may read a study."""
    try:
        chosen = StudyChange.model_validate({"visibility": read_form().get("visibility", "")}).visibility
    except ValidationError:
        return files_page(slug, 422, sharing={"error": "Choose who may read the study."})
    if chosen is not None:
        sharing.change_visibility(slug, chosen)
    return _see(slug)


@pages.post("/people")
def add_form(slug: str) -> Response:
    """Share a study with a person."""
    form = read_form()
    email, role = form.get("email", ""), form.get("role", "reader")
    try:
        exact = form.get("exact_places", "") == "1"
        person = PersonChange.model_validate({"email": email, "role": role, "exact_places": exact})
        share_id = sharing.put(slug, person.email, person.role, exact_places=exact)
    except ValidationError:
        return files_page(
            slug, 422, sharing={"email": email[:254], "email_error": "Enter an address and choose a role."}
        )
    except NotFound:
        raise
    except AppError as error:
        told = messages(error.errors)["email"] if error.errors else error.detail
        return files_page(slug, error.status, sharing={"email": email[:254], "email_error": told})
    return _see(slug, share_id)


@pages.post("/people/remove")
def remove_form(slug: str) -> Response:
    """Share a study no longer with a person; one who is removed already is what was meant."""
    try:
        sharing.remove(slug, read_form().get("id", ""))
    except NotFound:
        sharing.read(slug)
    return _see(slug)


@pages.post("/owner")
def take_over_form(slug: str) -> Response:
    """Become the owner of a study."""
    sharing.take_over(slug)
    return _see(slug)


def _see(slug: str, share_id: str = "") -> Response:
    """Lead to the study; the address names a person by the id of the share, because logs have addresses of pages."""
    person = f"&person={share_id}" if share_id else ""
    return Response(status=303, headers={"Location": f"/studies/{slug}?done=sharing{person}#sharing"})
