"""Routes to sign in and out, and to set a password by a link."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import Blueprint, Response, request
from werkzeug.exceptions import TooManyRequests

from app.accounts import attempts, links, sign_in, users
from app.accounts.delivery import Postbox
from app.accounts.forms import field, messages, page, see, wait_text
from app.accounts.identity import visitor
from app.accounts.next_page import HOME, safe
from app.accounts.permissions import NOT_ANY_MORE
from app.accounts.site import of_request
from app.components import component
from app.errors import NotFound, SignInNeeded, ValidationFailed
from app.trail import recorder as trail
from app.web.faces import keep_all_private, settings, site_root

pages = Blueprint("accounts", __name__)
_SIGN_IN, _CODE = "accounts/sign_in.html", "accounts/code.html"
_FORGOTTEN, _PASSWORD = "accounts/forgotten.html", "accounts/password.html"
_DONE = {
    "password": "Your password is set. Sign in with it.",
    "ended": "All your sessions have ended.",
    "deleted": "The account is deleted.",
    "lost": f"{NOT_ANY_MORE} A form that you sent was not stored.",
}

keep_all_private(pages)


@pages.get("/login")
def sign_in_page() -> Response:
    """Show the form to sign in; lead somebody who is signed in to the page that they wanted."""
    aim = safe(request.args.get("next", HOME))
    if visitor() is not None:
        return see(aim)
    return _sign_in(aim, done=_DONE.get(request.args.get("done", ""), ""))


@pages.post("/login")
def sign_in_form() -> Response:
    """Sign in with an address and a password."""
    aim, email = safe(field("next")), field("email")
    try:
        if sign_in.with_password(email, field("password")):
            return see(aim)
    except TooManyRequests:
        return _sign_in(aim, 429, email=email, error=wait_text())
    except ValidationFailed as error:
        return _sign_in(aim, error.status, email=email, error=error.detail)
    return see(f"/login/code?{urlencode({'next': aim})}")


def _sign_in(aim: str, status: int = 200, *, email: str = "", error: str = "", done: str = "") -> Response:
    """Return the form to sign in.

    Template context: ``aim`` the page to return to, ``email`` as typed, ``error`` and ``done`` sentences or "",
    ``lacks_https`` whether the browser will not keep the session.
    """
    is_local = request.host.partition(":")[0] in ("localhost", "127.0.0.1")
    lacks_https = settings().environment != "development" and not request.is_secure and not is_local
    return page(_SIGN_IN, status, aim=aim, email=email[:254], error=error, done=done, lacks_https=lacks_https)


@pages.get("/login/code")
def code_page() -> Response:
    """Show the form for the code of the second factor. Template context: ``aim``, ``error`` a sentence or ""."""
    aim = safe(request.args.get("next", HOME))
    if not sign_in.is_pending():
        return see(f"/login?{urlencode({'next': aim})}")
    return page(_CODE, aim=aim, error="")


@pages.post("/login/code")
def code_form() -> Response:
    """Sign in with the code of the second factor."""
    aim = safe(field("next"))
    try:
        sign_in.with_code(field("code"))
    except SignInNeeded:
        return see(f"/login?{urlencode({'next': aim})}")
    except TooManyRequests:
        return page(_CODE, 429, aim=aim, error=wait_text())
    except ValidationFailed as error:
        return page(_CODE, error.status, aim=aim, error=error.detail)
    return see(aim)


@pages.post("/logout")
def sign_out() -> Response:
    """Sign out."""
    sign_in.sign_out()
    return see(HOME)


@pages.get("/login/forgotten")
def forgotten_page() -> Response:
    """Show the form that asks for a link."""
    return _forgotten()


@pages.post("/login/forgotten")
def forgotten_form() -> Response:
    """Send a link to set a password. The response is the same for every address."""
    typed, site = field("email"), of_request(settings(), site_root())
    try:
        email = users.read_email(typed)
        attempts.count_link(email)
    except ValidationFailed as error:
        return _forgotten(error.status, email=typed, error=messages(error.errors)["email"])
    except TooManyRequests:
        return _forgotten(429, email=typed, error=wait_text())
    component(Postbox).add(trail.carried(lambda: links.send_reset(email, site)))
    return _forgotten(email=email, is_sent=True)


def _forgotten(status: int = 200, *, email: str = "", error: str = "", is_sent: bool = False) -> Response:
    """Return the form that asks for a link. Template context: ``email`` as typed, ``error``, ``is_sent``."""
    return page(_FORGOTTEN, status, email=email[:254], error=error, is_sent=is_sent)


@pages.get("/account/password/<string(maxlength=100):token>")
def password_page(token: str) -> Response:
    """Show the form that sets a password by a link. Programs that look at links do not use it up."""
    return _password(token)


@pages.post("/account/password/<string(maxlength=100):token>")
def password_form(token: str) -> Response:
    """Set a password by a link."""
    new = field("password")
    if new != field("again"):
        return _password(token, 422, {"again": "The two passwords differ."})
    try:
        links.set_password(token, new)
    except ValidationFailed as error:
        return _password(token, error.status, messages(error.errors))
    except NotFound as error:
        return _gone(error)
    return see("/login?done=password")


def _password(token: str, status: int = 200, errors: dict[str, str] | None = None) -> Response:
    """Return the form that sets a password.

    Template context: ``email`` of the account, ``errors`` messages by field, ``gone`` why the link does not work.
    """
    try:
        email = links.owner_of(token).email
    except NotFound as error:
        return _gone(error)
    return _unreferred(page(_PASSWORD, status, email=email, errors=errors or {}, gone=""))


def _gone(error: NotFound) -> Response:
    return _unreferred(page(_PASSWORD, error.status, email="", errors={}, gone=error.detail))


def _unreferred(response: Response) -> Response:
    """Keep the address of the page, which is a secret, from other pages."""
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
