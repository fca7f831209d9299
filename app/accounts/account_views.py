"""Routes of one's own account."""

from __future__ import annotations

from flask import Blueprint, Response
from werkzeug.exceptions import TooManyRequests

from app.accounts import service
from app.accounts.forms import field, messages, page, see, wait_text
from app.accounts.identity import own_session
from app.accounts.keys import USUAL_DAYS
from app.accounts.scopes import MEANINGS
from app.errors import Conflict, ValidationFailed
from app.web.faces import keep_all_private, settings

pages = Blueprint("account", __name__)
_ACCOUNT, _SETUP, _CODES = "accounts/account.html", "accounts/setup.html", "accounts/codes.html"
_TOLD = "told"
_DONE = {
    "password": "Your password is changed. All other sessions have ended. Your API keys go on.",
    "removed": "The second factor is turned off.",
    "key": "The key is revoked.",
    "keys": "All keys are revoked.",
}

keep_all_private(pages)


@pages.get("/account")
def overview() -> Response:
    """Show the account, and once what was done a moment ago."""
    own = own_session()
    done = own.pop(_TOLD) if _TOLD in own else ""
    return account_page(done=_DONE.get(done, ""))


def account_page(
    status: int = 200,
    errors: dict[str, str] | None = None,
    *,
    done: str = "",
    error: str = "",
    typed: dict[str, object] | None = None,
) -> Response:
    """Return the page of the account.

    Template context: ``account`` AccountDetail, ``errors`` messages by field, ``done`` and ``error`` sentences or "",
    ``typed`` what the form for a key had, ``scopes`` their meanings by name.
    """
    account, errors = service.detail(), errors or {}
    if account.has_second_factor:
        # the form that begins a set-up is not on the page
        error = error or errors.get("password", "")
    typed = typed or {"name": "", "scopes": ["predict"], "days": str(USUAL_DAYS)}
    return page(
        _ACCOUNT,
        status,
        account=account,
        errors=errors,
        done=done,
        error=error,
        typed=typed,
        scopes=MEANINGS,
        rate_limit=settings().rate_limit,
    )


def finish(what: str) -> Response:
    """Return to the account, which says once what was done: an address would say it to whoever follows it."""
    own_session()[_TOLD] = what
    return see("/account")


def refuse(error: ValidationFailed | TooManyRequests) -> Response:
    """Return the account with the messages of a change that was refused."""
    if isinstance(error, ValidationFailed):
        return account_page(error.status, messages(error.errors))
    return account_page(429, error=wait_text())


@pages.post("/account/password")
def change_password() -> Response:
    """Change the password."""
    new = field("new")
    if new != field("again"):
        return account_page(422, {"again": "The two passwords differ."})
    try:
        service.change_password(field("present"), new, field("present-code"))
    except Conflict as error:
        return account_page(error.status, error=error.detail)
    except (ValidationFailed, TooManyRequests) as error:
        return refuse(error)
    return finish("password")


@pages.post("/account/second-factor")
def begin_second_factor() -> Response:
    """Show a new secret, and the form that confirms it.

    Template context: ``secret``, ``setup`` sealed, ``picture`` address of the QR code, ``error`` a sentence or "".
    """
    try:
        secret, setup, picture = service.begin_second_factor(field("password"))
    except (ValidationFailed, TooManyRequests) as error:
        return refuse(error)
    return page(_SETUP, secret=secret, setup=setup, picture=picture, error="")


@pages.post("/account/second-factor/confirm")
def confirm_second_factor() -> Response:
    """Turn the second factor on, and show the recovery codes once. Template context: ``codes`` list of str."""
    setup = field("setup")
    try:
        return page(_CODES, codes=service.confirm_second_factor(setup, field("code")))
    except TooManyRequests:
        return _setup(setup, 429, wait_text())
    except ValidationFailed as error:
        told = messages(error.errors)
        return _setup(setup, error.status, told["code"]) if "code" in told else refuse(error)


def _setup(setup: str, status: int, error: str) -> Response:
    """Return the page of a setup that goes on, with its key."""
    try:
        secret, picture = service.shown_setup(setup)
    except ValidationFailed as expired:
        return refuse(expired)
    return page(_SETUP, status, secret=secret, setup=setup, picture=picture, error=error)


@pages.post("/account/second-factor/remove")
def remove_second_factor() -> Response:
    """Turn the second factor off."""
    try:
        service.remove_second_factor(field("remove"), field("remove-code"))
    except (ValidationFailed, TooManyRequests) as error:
        return refuse(error)
    return finish("removed")


@pages.post("/account/recovery-codes")
def renew_recovery_codes() -> Response:
    """Show new recovery codes once."""
    try:
        return page(_CODES, codes=service.renew_recovery_codes(field("renew"), field("renew-code")))
    except (ValidationFailed, TooManyRequests) as error:
        return refuse(error)


@pages.post("/account/sessions/end")
def end_sessions() -> Response:
    """End all sessions."""
    service.end_sessions()
    return see("/login?done=ended")
