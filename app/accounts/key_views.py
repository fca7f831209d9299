"""Routes of one's own API keys."""

from __future__ import annotations

from flask import Blueprint, Response
from werkzeug.exceptions import TooManyRequests

from app.accounts import service
from app.accounts.account_views import account_page, finish, refuse
from app.accounts.forms import messages, page
from app.errors import Conflict, NotFound, ValidationFailed
from app.web.faces import keep_all_private
from app.web.input_validation import read_form

pages = Blueprint("account_keys", __name__)
_KEY = "accounts/key.html"
# What is no number of days is refused as one that is too small.
_NO_DAYS = 0

keep_all_private(pages)


@pages.post("/account/keys")
def create() -> Response:
    """Make a key, and show it once. Template context: ``key`` KeyDetail, ``text`` the key itself."""
    form = read_form(["scopes"])
    name, scopes, typed_days = form.get("name", ""), form.getlist("scopes"), form.get("days", "")[:10]
    typed: dict[str, object] = {"name": name[:200], "scopes": scopes[:10], "days": typed_days}
    days = int(typed_days) if typed_days.isascii() and typed_days.isdecimal() else _NO_DAYS
    try:
        confirmed = form.get("confirm", ""), form.get("confirm-code", "")
        detail, text = service.create_key(*confirmed, name, scopes, days)
    except Conflict as error:
        return account_page(error.status, error=error.detail, typed=typed)
    except ValidationFailed as error:
        return account_page(error.status, messages(error.errors), typed=typed)
    except TooManyRequests as error:
        return refuse(error)
    return page(_KEY, key=detail, text=text)


@pages.post("/account/keys/<uuid:key_id>/revoke")
def revoke(key_id: object) -> Response:
    """Revoke one key."""
    try:
        service.revoke_key(str(key_id))
    except NotFound as error:
        return account_page(error.status, error=error.detail)
    return finish("key")


@pages.post("/account/keys/revoke")
def revoke_all() -> Response:
    """Revoke all keys."""
    service.revoke_all_keys()
    return finish("keys")
