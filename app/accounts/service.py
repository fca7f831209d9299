"""What people change about their own account.

Each change needs the present password, and where there is a second factor a code of it too. Ending sessions and
revoking keys needs neither.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.accounts import attempts, identity, keys, passwords, second_factor, users
from app.accounts.identity import Visitor
from app.accounts.keys import KeyDetail
from app.accounts.tables import User
from app.components import component
from app.database.db import db
from app.database.types import now
from app.errors import SignInNeeded, ValidationFailed
from app.plans.service import Limits, Plans
from app.plans.usage import end_of_month, total_of

log = logging.getLogger(__name__)
_WRONG_PASSWORD = "this is not your password"  # noqa: S105
_WRONG_CODE = "this is not the code that the application shows now"
_HAS_ONE = "There is a second factor. Turn it off first."


@dataclass(frozen=True)
class AccountDetail:
    """What the page of an account shows."""

    email: str
    role: str
    created_at: datetime
    verified_at: datetime | None
    last_sign_in_at: datetime | None
    has_second_factor: bool
    n_codes_left: int
    keys: list[KeyDetail]
    plan: Limits
    #: Requests this month by their cost, and when the next month begins.
    used: int
    next_month: datetime


def detail() -> AccountDetail:
    """Return the account of the person who is signed in."""
    user = _own()
    has_second_factor = user.totp_secret is not None
    n_left = second_factor.n_codes_left(user.id) if has_second_factor else 0
    own = keys.browse(user.id)
    return AccountDetail(
        user.email,
        user.role,
        user.created_at,
        user.verified_at,
        user.last_sign_in_at,
        has_second_factor,
        n_left,
        own,
        component(Plans).get(user.plan),
        total_of(user.id),
        end_of_month(now()),
    )


def change_password(present: str, new: str, code: str = "") -> None:
    """Change the password. All other sessions end, and this one goes on with a new id.

    Raises
    ------
    ValidationFailed
        The present password or the code is wrong, or the new password is refused.
    TooManyRequests
        There were too many attempts.
    Conflict
        Another request has changed the password meanwhile.
    """
    user_id, verified = confirm(present, code, ("present", "present-code"))
    users.check_password(new, _reload(user_id).email, "new")
    db.session.rollback()
    epoch = users.store_password(user_id, passwords.hash_of(new), verified)
    db.session.commit()
    identity.sign_in(_reload(user_id), epoch)


def begin_second_factor(password: str) -> tuple[str, str, str]:
    """Begin the setup of a second factor.

    Returns
    -------
    secret : str
        For the application that shows the codes.
    setup : str
        A sealed text for the form that confirms the setup.
    picture : str
        Address of the QR code.

    Raises
    ------
    ValidationFailed
        The password is wrong, or there is a second factor.
    TooManyRequests
        There were too many attempts.
    """
    user, _ = _confirmed(password, "password")
    if user.totp_secret is not None:
        raise ValidationFailed([("/password", _HAS_ONE)], _HAS_ONE)
    # the epoch of this session, which the new password of another request has ended
    secret, setup = second_factor.new_setup(user.id, _person().epoch)
    return secret, setup, second_factor.picture_of(secret, user.email)


def shown_setup(setup: str) -> tuple[str, str]:
    """Return the secret and the QR code of a setup that goes on.

    Raises
    ------
    ValidationFailed
        The setup has expired.
    """
    user = _own()
    secret = second_factor.secret_of_setup(user.id, user.epoch, setup)
    if secret is None or user.totp_secret is not None:
        raise second_factor.expired()
    return secret, second_factor.picture_of(secret, user.email)


def confirm_second_factor(setup: str, code: str) -> list[str]:
    """Turn the second factor on, and return the recovery codes. All other sessions end.

    Raises
    ------
    ValidationFailed
        The code is wrong, or the setup has expired.
    TooManyRequests
        There were too many attempts.
    """
    person = _person()
    attempts.count_code(person.id)
    secret, _ = shown_setup(setup)
    codes = second_factor.turn_on(person.id, person.epoch, secret, code)
    if codes is None:
        raise ValidationFailed([("/code", _WRONG_CODE)])
    identity.sign_in(_reload(person.id), person.epoch + 1)
    log.info("account %s: second factor turned on, all other sessions ended", person.id)
    return codes


def remove_second_factor(password: str, code: str) -> None:
    """Turn the second factor off.

    Raises
    ------
    ValidationFailed
        The password or the code is wrong.
    TooManyRequests
        There were too many attempts.
    """
    user_id, _ = confirm(password, code, ("remove", "remove-code"))
    second_factor.turn_off(user_id)
    log.info("account %s: second factor turned off", user_id)


def renew_recovery_codes(password: str, code: str) -> list[str]:
    """Replace the recovery codes, and return the new ones.

    Raises
    ------
    ValidationFailed
        The password or the code is wrong, or there is no second factor.
    TooManyRequests
        There were too many attempts.
    """
    user_id, _ = confirm(password, code, ("renew", "renew-code"))
    if _reload(user_id).totp_secret is None:
        raise ValidationFailed([("/renew", "belongs to an account with a second factor")])
    log.info("account %s: new recovery codes", user_id)
    return second_factor.renew_codes(user_id)


def create_key(password: str, code: str, name: str, scopes: Sequence[str], days: int) -> tuple[KeyDetail, str]:
    """Make a key for programs, and return it with its text, which nobody sees again.

    Raises
    ------
    ValidationFailed
        The password or the code is wrong, or what the key should be is refused.
    TooManyRequests
        There were too many attempts.
    Conflict
        There are too many keys, or the sessions have ended meanwhile.
    """
    keys.check(_own().role, name, scopes, days)
    user_id, _ = confirm(password, code, ("confirm", "confirm-code"))
    return keys.create(_reload(user_id), _person().epoch, name, scopes, days)


def revoke_key(key_id: str) -> None:
    """Revoke a key of the person who is signed in.

    Raises
    ------
    NotFound
        They have no such key.
    """
    keys.revoke(key_id, _person().id)


def revoke_all_keys() -> None:
    """Revoke all keys of the person who is signed in."""
    keys.revoke_all(_person().id)


def confirm(password: str, code: str, fields: tuple[str, str] = ("password", "code")) -> tuple[str, str]:
    """Return the id of the person who is signed in and the hash of the password, once all factors have confirmed it.

    Parameters
    ----------
    password, code : str
        The code counts where there is a second factor.
    fields : tuple of str
        Fields of the form that have the two.

    Raises
    ------
    ValidationFailed
        The password or the code is wrong.
    TooManyRequests
        There were too many attempts.
    """
    user, verified = _confirmed(password, fields[0])
    user_id = user.id
    if user.totp_secret is not None:
        attempts.count_code(user_id)
        if not second_factor.accept(user, code):
            raise ValidationFailed([(f"/{fields[1]}", _WRONG_CODE)])
    return user_id, verified


def end_sessions() -> None:
    """End all sessions of the person who is signed in, this one too."""
    users.end_sessions(_person().id)
    identity.own_session().end()


def _person() -> Visitor:
    person = identity.visitor()
    if person is None:
        raise SignInNeeded("This needs an account. Sign in, and try again.")
    return person


def _own() -> User:
    return _reload(_person().id)


def _reload(user_id: str) -> User:
    user = db.session.get(User, user_id, populate_existing=True)
    if user is None:
        raise SignInNeeded("This account does not exist any more.")
    return user


def _confirmed(password: str, field: str) -> tuple[User, str]:
    """Return the person who is signed in, once their password has confirmed it, and the hash of that password."""
    user = _own()
    attempts.count_password(user.id)
    stored = user.password_hash
    db.session.rollback()
    if not passwords.matches(stored, password) or stored is None:
        log.info("account %s: a change was refused, the password was wrong", user.id)
        raise ValidationFailed([(f"/{field}", _WRONG_PASSWORD)])
    return user, stored
