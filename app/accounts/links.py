"""Links that work once: to set a password."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, select, update

from app.accounts import passwords, users
from app.accounts.delivery import Messenger, Postbox
from app.accounts.sealing import hash_of_token, new_token
from app.accounts.tables import OneTimeLink, Origin, User
from app.components import component
from app.database.db import db
from app.database.types import now
from app.errors import NotFound
from app.trail import recorder as trail

log = logging.getLogger(__name__)

#: How long a link that somebody asked for can be used, and one that an operator made.
RESET, INVITATION = timedelta(hours=1), timedelta(days=3)
_LONGEST_TOKEN = 100
_GONE = "This link was used, has expired, or is not complete. Ask for a new one."


def create(user: User, life: timedelta) -> str:
    """Return the token of a new link of an operator that sets the password of a person.

    Earlier links of operators stop working.
    """
    token = _store(user, life, "operator")
    _replace_earlier(token, user.id, "operator")
    return token


def _store(user: User, life: timedelta, origin: Origin) -> str:
    token = new_token()
    row = OneTimeLink(token_hash=hash_of_token(token), user_id=user.id, purpose="password", origin=origin)
    row.expires_at = now() + life
    db.session.execute(delete(OneTimeLink).where(OneTimeLink.expires_at < now()))
    db.session.add(row)
    db.session.commit()
    log.info("account %s: a link to set the password was made", user.id)
    return token


def _replace_earlier(token: str, user_id: str, origin: Origin) -> None:
    """Revoke the links of a person that were made before another one of the same origin."""
    own = hash_of_token(token)
    made_at = select(OneTimeLink.created_at).where(OneTimeLink.token_hash == own).scalar_subquery()
    db.session.execute(
        delete(OneTimeLink)
        .where(
            OneTimeLink.user_id == user_id,
            OneTimeLink.origin == origin,
            OneTimeLink.token_hash != own,
            OneTimeLink.created_at <= made_at,
        )
        .execution_options(synchronize_session=False)
    )
    db.session.commit()


def address_of(token: str, site: str) -> str:
    """Return the address of a link."""
    return f"{site}/account/password/{token}"


def send_reset(email: str, site: str) -> None:
    """Send a link to the person with an address, where there is one who may sign in.

    Anybody can ask for it, so links of operators stay as they are. Where it cannot be sent, earlier links stay too.
    """
    user = users.find(email)
    if user is None or user.disabled:
        return
    user_id, token = user.id, _store(user, RESET, "visitor")
    address = address_of(token, site)
    component(Messenger).send(
        user.email,
        "Set your EcoPredict password",
        "Somebody, probably you, asked to set a new password for EcoPredict.\n\nOpen this link within one hour and "
        f"choose a password:\n{address}\n\nIf it was not you, do nothing: your password stays as it is.\n",
    )
    _replace_earlier(token, user_id, "visitor")


def send_invitation(email: str, address: str) -> None:
    """Send the link of an invitation soon, by mail."""
    component(Postbox).add(
        lambda: component(Messenger).send(
            email,
            "Your EcoPredict account",
            "Somebody who runs EcoPredict has made an account for this address.\n\nOpen this link within "
            f"{INVITATION.days} days and choose a password:\n{address}\n\nIf you did not expect this, do nothing.\n",
        )
    )


def owner_of(token: str) -> User:
    """Return the person whose password a link sets; the link is not used up.

    Raises
    ------
    NotFound
        The link was used, has expired or does not exist.
    """
    user = db.session.scalars(
        select(User)
        .join(OneTimeLink, OneTimeLink.user_id == User.id)
        .where(*_is_usable(token), User.disabled.is_(False))
    ).first()
    if user is None:
        raise NotFound(_GONE)
    return user


def set_password(token: str, password: str) -> User:
    """Set the password of the owner of a link, and use the link up: of two requests with it, one is accepted.

    Raises
    ------
    NotFound
        The link was used, has expired or does not exist.
    ValidationFailed
        The password is refused; the link can be used again.
    """
    user = owner_of(token)
    trail.about("account", user.id)
    users.check_password(password, user.email)
    user_id, password_hash = user.id, passwords.hash_of(password)
    used = update(OneTimeLink).where(*_is_usable(token)).values(used_at=now())
    result = db.session.execute(used.execution_options(synchronize_session=False))
    if not result.rowcount:  # type: ignore[attr-defined]  # of an UPDATE
        db.session.rollback()
        raise NotFound(_GONE)
    users.store_password(user_id, password_hash)
    db.session.execute(update(User).where(User.id == user_id, User.verified_at.is_(None)).values(verified_at=now()))
    db.session.commit()
    return user


def _is_usable(token: str) -> tuple[ColumnElement[bool], ...]:
    moment: datetime = now()
    return (
        OneTimeLink.token_hash == hash_of_token(token[:_LONGEST_TOKEN]),
        OneTimeLink.purpose == "password",
        OneTimeLink.used_at.is_(None),
        OneTimeLink.expires_at > moment,
    )
