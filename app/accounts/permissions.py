"""Who may use which route: the one place that decides it.

In production, routes that change something need a person with a role. In development and in tests they need nobody.
"""

from __future__ import annotations

from urllib.parse import urlencode

from flask import Flask, Response, current_app, g, request

from app.accounts.identity import is_uncertain, load, own_session, visitor, was_signed_in
from app.accounts.needs import ACCOUNT, NEEDS, Needed, is_for_browsers
from app.accounts.next_page import page_of_request
from app.accounts.roles import includes
from app.accounts.scopes import covers, scope_for
from app.accounts.sessions import keep_to_browser
from app.errors import CredentialRefused, NotFound, NotPermitted, SignInNeeded, Unavailable
from app.limits.costs import COSTS, DEFAULT
from app.telemetry.logs import QUIET
from app.web.credentials import IDENTIFYING, by_program
from app.web.faces import face
from app.web.problems import respond

_WORDS = {"viewer": "a person with an account", "editor": "an editor or an admin", "admin": "an admin"}


def needed_for(endpoint: str) -> Needed:
    """Return what an endpoint needs in production. One that is missing from the table needs an admin."""
    return NEEDS.get(endpoint, "admin")


#: The same for a session that has ended and an account that is disabled: who sees it has no more than a cookie.
NOT_ANY_MORE = (
    "You are not signed in any more: your session has ended, or your account is disabled. Where you cannot sign in, "
    "ask an admin of this site."
)
_BY_PROGRAM = "A program sends an API key in X-API-Key, or a token from /api/v1/auth/token as Authorization: Bearer."


def init_app(app: Flask) -> None:
    """Check each request before its view."""
    app.before_request(_check)
    app.after_request(_keep_apart)
    app.register_error_handler(SignInNeeded, _ask_to_sign_in)
    app.register_error_handler(CredentialRefused, _refuse_credential)
    app.register_error_handler(NotFound, _not_found)
    app.jinja_env.globals["may_be_private"] = _may_be_private


def _check() -> None:
    if request.method == "OPTIONS":
        return
    is_program = by_program() and not request.path.startswith(QUIET)
    if is_program:
        # one that is not accepted is refused everywhere: nobody notices that an answer is one for strangers
        load()
    if request.endpoint is None:
        return
    needed = needed_for(request.endpoint)
    if is_program:
        _check_program(request.endpoint, needed)
    if own_session() and COSTS.get(request.endpoint, DEFAULT):
        # before the view begins, which may read from the replica; files and tiles say nothing about a person
        load()
    if needed is None or (needed != ACCOUNT and not current_app.config["SETTINGS"].needs_accounts):
        return
    g.is_protected = True
    person = visitor()
    if person is None:
        if is_uncertain():
            raise Unavailable("Accounts cannot be checked right now. Everything that needs no account works.")
        raise SignInNeeded("This needs an account. Sign in, and try again.")
    if needed != ACCOUNT and not includes(person.role, needed):
        raise NotPermitted(f"This needs {_WORDS[needed]}, and your role is {person.role}.")


def _check_program(endpoint: str, needed: Needed) -> None:
    """Refuse what no program may do, and what the scopes of its key do not allow."""
    if is_for_browsers(endpoint):
        raise NotPermitted("Accounts are managed with a browser and a session, without a key or a token.")
    person = load()
    if person is None or person.scopes is None or not current_app.config["SETTINGS"].needs_accounts:
        return
    scope = scope_for(endpoint, request.method, needed)
    if scope is not None and not covers(person.scopes, scope):
        raise NotPermitted(f"This needs a key with the scope {scope}.")


def _keep_apart(response: Response) -> Response:
    """Forbid shared caches to store what one person gets and another one does not."""
    if g.get("is_protected"):
        keep_to_browser(response)
        response.vary.update(IDENTIFYING)
    return response


def _ask_to_sign_in(error: SignInNeeded) -> Response:
    """Lead a browser to the page to sign in; answer programs and fragments with 401."""
    kind = face(for_error=True)
    if kind == "page":
        query = urlencode({"next": page_of_request(), **({"done": "lost"} if was_signed_in() else {})})
        return Response(status=303, headers={"Location": f"/login?{query}"})
    detail = error.detail
    if kind == "json":
        detail = f"{detail} {_BY_PROGRAM}"
    elif was_signed_in():
        detail = NOT_ANY_MORE
    response = respond(error.status, detail, title=error.title)
    response.headers["WWW-Authenticate"] = 'Bearer realm="EcoPredict"'
    return response


def _refuse_credential(error: CredentialRefused) -> Response:
    response = respond(error.status, error.detail, kind=error.kind, title=error.title)
    response.headers["WWW-Authenticate"] = 'Bearer realm="EcoPredict", error="invalid_token"'
    return response


def _not_found(error: NotFound) -> Response:
    """Answer the same for what does not exist and for what somebody else may read."""
    detail = error.detail
    if face(for_error=True) == "json" and _may_be_private():
        detail = f"{detail.rstrip('.')}, or it is not visible without signing in."
    return respond(error.status, detail, kind=error.kind, title=error.title)


def _may_be_private() -> bool:
    """Return whether signing in could show what the present request does not find."""
    if by_program() or is_for_browsers(request.endpoint or "") or not current_app.config["SETTINGS"].needs_accounts:
        return False
    return visitor() is None and not is_uncertain()
