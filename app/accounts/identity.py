"""The person who sends a request."""

from __future__ import annotations

import logging
from typing import cast

from flask import Flask, current_app, g, has_request_context, request, session
from flask_login import LoginManager, current_user, login_user
from sqlalchemy import exists, select
from sqlalchemy.exc import SQLAlchemyError

from app.accounts import credentials, ended
from app.accounts.needs import NEEDS
from app.accounts.next_page import page_of_request
from app.accounts.quota import has_quota
from app.accounts.roles import Role, includes
from app.accounts.sessions import ID, Session
from app.accounts.tables import EndedSession, User
from app.accounts.visitors import Visitor
from app.components import components
from app.database.db import db
from app.errors import AppError, Unavailable
from app.limits.limiter import OneLimit, client_of
from app.plans.callers import Caller, caller_of
from app.throttled_log import ThrottledLog
from app.trail.recorder import Sender
from app.web.credentials import by_program

__all__ = [
    "Visitor",
    "begin_session",
    "is_uncertain",
    "load",
    "may",
    "own_session",
    "sender",
    "sign_in",
    "visitor",
    "was_signed_in",
]

log = logging.getLogger(__name__)
_failure = ThrottledLog(log)
_manager = LoginManager()
# Flask-Login's own protection compares addresses, which change on the way.
_manager.session_protection = None


def visitor() -> Visitor | None:
    """Return the person who sends the present request, or None. The response depends on it from now on."""
    if not has_request_context():
        return None
    g.reads_identity = True
    return load()


def load() -> Visitor | None:
    """Look up the person who sends the present request, once: by a key or a token, otherwise by a session.

    Raises
    ------
    CredentialRefused, TooManyRefused, Unavailable
        There is a key or a token, and it is not accepted or cannot be checked.
    """
    if by_program():
        return _load_by_program()
    found = current_user._get_current_object()
    return found if isinstance(found, Visitor) else None


def _load_by_program() -> Visitor:
    outcome = g.get("by_program")
    if outcome is None:
        try:
            outcome = credentials.find()
        except AppError as error:
            outcome = error
        g.by_program = outcome
    if isinstance(outcome, Visitor):
        return outcome
    raise outcome


def sender() -> Sender:
    """Return who sends the present request, as far as it is known: nothing is looked up for it."""
    # where this module keeps the person of a program, and Flask-Login that of a session
    person = g.get("by_program") or g.get("_login_user")
    return Sender(person.id if isinstance(person, Visitor) else None, client_of(request.remote_addr or ""))


def may(needed: Role) -> bool:
    """Return whether the present request may do what a role may do.

    In development and in tests every request may, and so may a command or a job.
    """
    if not has_request_context() or not current_app.config["SETTINGS"].needs_accounts:
        return True
    person = visitor()
    return person is not None and includes(person.role, needed)


def is_uncertain() -> bool:
    """Return whether the request has a session that cannot be read, because Redis or the database is down."""
    return bool(g.get("accounts_down")) or own_session().lost_id is not None


def own_session() -> Session:
    """Return the session of the present request."""
    return cast("Session", session._get_current_object())  # type: ignore[attr-defined]  # werkzeug's LocalProxy


def was_signed_in() -> bool:
    """Return whether the request has a session of somebody, which may have ended, or whose account may be disabled."""
    is_sent = current_app.session_interface.get_cookie_name(current_app) in request.cookies
    # the session of somebody who still has to enter a code names no person
    return is_sent and ("_user_id" in own_session() or not own_session())


def named_user_id() -> str | None:
    """Return the id of the person of a key or token, or whom the session names, without a look into the database."""
    by_key = g.get("by_program")
    if isinstance(by_key, Visitor):
        return by_key.id
    stored = own_session().get("_user_id")
    return stored.partition(":")[0] if isinstance(stored, str) else None


def sign_in(user: User, epoch: int) -> None:
    """Begin a session of a person, with a new id.

    Parameters
    ----------
    user : User
    epoch : int
        That which belonged to what the person has proved. Where it is not the present one, the session is worthless.

    Raises
    ------
    Unavailable
        It cannot be stored.
    """
    person = Visitor(user.id, user.email, user.role, epoch, user.plan)
    begin_session()
    login_user(person)
    # a hash of the client's address, for the protection that is off
    own_session().pop("_id", None)


def begin_session(**content: object) -> None:
    """Begin a session, and end the one that the request came with.

    Raises
    ------
    Unavailable
        It cannot be stored.
    """
    own = own_session()
    earlier = own.get(ID) or own.lost_id
    own.begin(**content)
    if earlier is not None:
        ended.remember(earlier)


def _caller() -> Caller | None:
    """Return the person who sends the present request as the limits see them; None for strangers."""
    if not by_program() and not own_session():
        return None
    if "caller" not in g:
        try:
            # What is not accepted ends here. It has a limit of its own, and takes nothing from others at its address.
            person = load()
        except Unavailable:
            # counted by address; app.accounts.permissions refuses it
            person = None
        if person is None:
            g.caller = None
        else:
            # an admin in a browser is never stopped; a key of an admin may be in the wrong hands
            is_admin = person.role == "admin" and person.scopes is None
            counts = has_quota(request.endpoint or "") and not is_admin
            g.caller = caller_of(person.id, person.plan, has_quota=counts, is_open=_is_open())
    caller: Caller | None = g.caller
    return caller


def _is_open() -> bool:
    """Return whether the person could send the present request without a session; keys and tokens ask for a plan."""
    return not by_program() and NEEDS.get(request.endpoint or "", "admin") is None


@_manager.user_loader  # type: ignore[untyped-decorator, unused-ignore]  # Flask-Login has no types
def _load(stored: str) -> Visitor | None:
    user_id, _, epoch = stored.partition(":")
    try:
        return _find(user_id, epoch)
    except SQLAlchemyError as error:
        _failure.warning("the database does not answer, everybody counts as not signed in: %s", type(error).__name__)
        g.accounts_down = True
        return None
    finally:
        # The connection goes back before the view begins, which may read from the replica.
        db.session.rollback()


def _find(user_id: str, epoch: str) -> Visitor | None:
    has_ended = exists().where(EndedSession.id == own_session().get(ID, ""))
    row = db.session.execute(
        select(User.id, User.email, User.role, User.epoch, User.plan).where(
            User.id == user_id, User.disabled.is_(False), ~has_ended
        )
    ).first()
    return Visitor(*row) if row is not None and str(row.epoch) == epoch else None


def init_app(app: Flask) -> None:
    """Let templates and views ask who sends a request."""
    _manager.init_app(app, add_context_processor=False)
    components(app).get(OneLimit).know_accounts(_caller)
    app.jinja_env.globals.update(visitor=visitor, may=may, return_to=page_of_request)
