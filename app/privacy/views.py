"""Routes of privacy."""

from __future__ import annotations

from flask import Blueprint, Response, stream_with_context
from werkzeug.exceptions import TooManyRequests

from app.accounts import service
from app.accounts.forms import field, messages, page, see, wait_text
from app.accounts.identity import visitor
from app.errors import Conflict, SignInNeeded, ValidationFailed
from app.privacy import deletion, export, statement
from app.web.faces import Reply, faces, keep_private, settings

#: For everybody.
public = Blueprint("privacy", __name__)
pages = Blueprint("personal_data", __name__)
_DELETE = "privacy/delete.html"

pages.after_request(keep_private)


@public.get("/privacy")
@faces(page="privacy/page.html", fragment="privacy/page.html")
def show() -> Reply:
    """Say what is kept. Template context: ``kept`` list of Kept, ``receivers`` sentences."""
    return Reply(context={"kept": statement.kept(settings()), "receivers": statement.receivers(settings())})


@pages.get("/account/data")
def data() -> Response:
    """Download what the service has about the person who is signed in."""
    person = visitor()
    if person is None:
        raise SignInNeeded("This needs an account. Sign in, and try again.")
    pieces = stream_with_context(export.document(person.id))
    response = Response(pieces, content_type="application/json")
    response.headers["Content-Disposition"] = 'attachment; filename="ecopredict-account.json"'
    return response


@pages.get("/account/delete")
def ask() -> Response:
    """Show what a deletion deletes, and the form that confirms it."""
    return _ask()


def _ask(status: int = 200, errors: dict[str, str] | None = None, error: str = "") -> Response:
    """Return the form.

    Template context: ``account`` AccountDetail, ``owned`` list of OwnedStudy, ``chosen`` the choices by field,
    ``errors`` by field, ``error`` a sentence or "".
    """
    person = visitor()
    owned = deletion.owned(person.id) if person is not None else []
    chosen = {name: field(name) or "leave" for name in ("studies", "answers")}
    return page(_DELETE, status, account=service.detail(), owned=owned, chosen=chosen, errors=errors or {}, error=error)


@pages.post("/account/delete")
def delete() -> Response:
    """Delete the account."""
    try:
        studies = deletion.read_fate(field("studies"), "studies")
        answers = deletion.read_fate(field("answers"), "answers")
        deletion.delete_own(field("password"), field("code"), studies, answers)
    except TooManyRequests:
        return _ask(429, error=wait_text())
    except ValidationFailed as error:
        return _ask(error.status, messages(error.errors))
    except Conflict as error:
        return _ask(error.status, error=error.detail)
    return see("/login?done=deleted")
