"""Signing in: password, second factor, session; and signing out."""

from __future__ import annotations

import logging
import time

from flask import current_app, request
from sqlalchemy import update
from sqlalchemy.exc import SQLAlchemyError

from app.accounts import attempts, ended, identity, passwords, second_factor, users
from app.accounts.sessions import ID
from app.accounts.tables import User
from app.database.db import db
from app.errors import SignInNeeded, ValidationFailed
from app.trail import recorder as trail

log = logging.getLogger(__name__)
#: The only message about a sign-in that fails, so that it says nothing about an account.
REFUSED = "This address and password do not belong together, or the account is disabled."
WRONG_CODE = "This code is wrong, was used, or has expired."
#: Seconds between the password and the second factor.
_PENDING_S = 600
_PENDING = "pending"


def with_password(email: str, password: str) -> bool:
    """Sign in with an address and a password.

    Returns
    -------
    bool
        Whether the person is signed in; False where a code of the second factor is needed too.

    Raises
    ------
    ValidationFailed
        They do not belong together.
    TooManyRequests
        There were too many attempts.
    """
    user, epoch = check_password(email, password)
    if user.totp_secret is None:
        _finish(user, epoch)
        return True
    identity.begin_session(**{_PENDING: [user.id, epoch, int(time.time())]})
    return False


def check_password(email: str, password: str) -> tuple[User, int]:
    """Return the person with an address and a password, and the epoch that belongs to the password.

    Raises
    ------
    ValidationFailed
        They do not belong together.
    TooManyRequests
        There were too many attempts.
    """
    attempts.count_sign_in(email)
    user = users.find(email)
    user_id, epoch = (user.id, user.epoch) if user is not None else (None, 0)
    trail.about("account", user_id or "")
    stored = user.password_hash if user is not None and not user.disabled else None
    # no transaction waits for the hash; the password may be changed meanwhile, so nothing is read again but to compare
    db.session.rollback()
    is_right = passwords.matches(stored, password)
    user = _of_epoch(user_id, epoch) if is_right else None
    if user is None or stored is None:
        log.info("a sign-in was refused%s", f" (account {user_id})" if user_id is not None else "")
        raise ValidationFailed([("/email", REFUSED)], REFUSED)
    if passwords.is_outdated(stored):
        renewed = passwords.hash_of(password)
        db.session.execute(
            update(User).where(User.id == user.id, User.password_hash == stored).values(password_hash=renewed),
            execution_options={"unwatched": True},
        )
        db.session.commit()
    return user, epoch


def is_pending() -> bool:
    """Return whether the password was right and the code is missing."""
    return _pending() is not None


def with_code(code: str) -> None:
    """Sign in with the code of the second factor, after the password.

    Raises
    ------
    SignInNeeded
        There was no password a moment ago.
    ValidationFailed
        The code is wrong.
    TooManyRequests
        There were too many attempts.
    """
    pending = _pending()
    if pending is None:
        raise SignInNeeded("Sign in again.")
    user, epoch = pending
    _finish(check_code(user, epoch, code), epoch)


def check_code(user: User, epoch: int, code: str) -> User:
    """Return a person whose password was right, once the code of the second factor is right too.

    Raises
    ------
    SignInNeeded
        The password was changed meanwhile.
    ValidationFailed
        The code is wrong.
    TooManyRequests
        There were too many attempts.
    """
    trail.about("account", user.id)
    attempts.count_code(user.id)
    if not second_factor.accept(user, code):
        log.info("a second factor was refused (account %s)", user.id)
        raise ValidationFailed([("/code", WRONG_CODE)], WRONG_CODE)
    again = _of_epoch(user.id, epoch)
    if again is None:
        raise SignInNeeded("Sign in again.")
    return again


def sign_out() -> None:
    """End the session of this request. A copy of its cookie is worthless from now on."""
    own = identity.own_session()
    session_id, person = own.get(ID) or own.lost_id, identity.visitor()
    own.end()
    # the cookie goes also where the session could not be read
    own.modified = current_app.config["SESSION_COOKIE_NAME"] in request.cookies
    if session_id is None:
        return
    if person is not None:
        trail.add("account", person.id)
    ended.remember(session_id)
    if person is not None:
        log.info("account %s signed out", person.id)


def _pending() -> tuple[User, int] | None:
    """Return the person whose password was right a moment ago, and the epoch of that password."""
    own = identity.own_session()
    pending = own.get(_PENDING)
    if not isinstance(pending, list) or len(pending) != 3 or time.time() - pending[2] > _PENDING_S:
        return None
    if ended.has_ended(own[ID]):
        return None
    user = _of_epoch(pending[0], pending[1])
    return (user, pending[1]) if user is not None else None


def _of_epoch(user_id: str | None, epoch: int) -> User | None:
    """Return a person as the database has them now, or None where their sessions of an epoch have ended."""
    user = db.session.get(User, user_id, populate_existing=True) if user_id is not None else None
    return user if user is not None and user.epoch == epoch and not user.disabled else None


def _finish(user: User, epoch: int) -> None:
    user_id = user.id
    identity.sign_in(user, epoch)
    try:
        trail.add("account", user_id)
        users.note_sign_in(user_id)
        db.session.commit()
    except SQLAlchemyError:
        # nobody is signed in without a line
        identity.own_session().end()
        raise
    log.info("account %s signed in", user_id)
