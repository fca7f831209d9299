"""Sessions that have ended before their cookies expire."""

from __future__ import annotations

from sqlalchemy import delete, exists, select
from sqlalchemy.exc import IntegrityError

from app.accounts.sessions import ABSOLUTE
from app.accounts.tables import EndedSession
from app.database.db import db
from app.database.types import now


def remember(session_id: str) -> None:
    """Store that a session has ended: copies of its cookie are worthless from now on."""
    moment = now()
    db.session.execute(delete(EndedSession).where(EndedSession.expires_at < moment))
    db.session.add(EndedSession(id=session_id, expires_at=moment + ABSOLUTE))
    try:
        db.session.commit()
    except IntegrityError:
        # the button was pressed twice
        db.session.rollback()


def has_ended(session_id: str) -> bool:
    """Return whether a session has ended."""
    return bool(db.session.scalar(select(exists().where(EndedSession.id == session_id))))
