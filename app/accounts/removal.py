"""The end of an account."""

from __future__ import annotations

import logging

from app.accounts import users
from app.accounts.tables import User
from app.database.db import db
from app.errors import Conflict, NotFound

log = logging.getLogger(__name__)


def check(user_id: str, verified: str | None = None) -> None:
    """Raise what `remove` would raise at present; nothing is changed."""
    _for_removal(user_id, verified)
    db.session.rollback()


def remove(user_id: str, verified: str | None = None) -> None:
    """Delete an account with its codes and links, which ends its sessions. The audit trail keeps its id.

    Parameters
    ----------
    user_id : str
    verified : str, optional
        Hash of the present password, where that has confirmed the deletion.

    Raises
    ------
    NotFound
        Somebody has deleted it.
    Conflict
        It is the last admin, or the password is another one by now.
    """
    user = _for_removal(user_id, verified)
    # the database deletes codes and links with their person
    db.session.delete(user)
    db.session.commit()
    log.info("account %s deleted", user_id)


def _for_removal(user_id: str, verified: str | None) -> User:
    users.take_turns()
    user = db.session.get(User, user_id, populate_existing=True)
    if user is None:
        db.session.rollback()
        raise NotFound("This account does not exist any more.")
    if verified is not None and user.password_hash != verified:
        db.session.rollback()
        raise Conflict("The password was changed at the same time. Sign in again.")
    users.keep_last_admin(user)
    return user
