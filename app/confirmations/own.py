"""Observations of one person: looked up, and withdrawn."""

from __future__ import annotations

from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult, delete, literal, select, update

from app.catalogue import access
from app.catalogue.species import Species
from app.catalogue.studies import Study
from app.confirmations.tables import Observation, State
from app.database.db import db
from app.database.types import now

#: The reason of an accepted observation that was withdrawn.
WITHDRAWN = "Withdrawn by whoever reported it."
_OPTIONS = {"synchronize_session": False}


def before(person_id: str | None, state: State | None, after: str | None, limit: int) -> list[Observation]:
    """Return observations of a person, of studies that may be read, latest first.

    Parameters
    ----------
    person_id : str or None
        None for those without a person.
    state : str or None
        None for all states.
    after : str or None
        Id of the last row of the previous page.
    limit : int
    """
    statement = (
        select(Observation)
        .join(Species, Species.id == Observation.species_id)
        .join(Study, Study.id == Species.study_id)
        .where(_is_of(person_id), access.readable())
    )
    if state is not None:
        statement = statement.where(Observation.state == state)
    if after is not None:
        statement = statement.where(Observation.id < after)
    return list(db.session.scalars(statement.order_by(Observation.id.desc()).limit(limit)))


def find(observation_id: str, person_id: str | None) -> Observation | None:
    """Return an observation of a person."""
    statement = select(Observation).where(Observation.id == observation_id, _is_of(person_id))
    return db.session.scalars(statement).one_or_none()


def delete_pending(observation_id: str, person_id: str | None) -> bool:
    """Delete an observation of a person that waits, and commit; return whether there was one."""
    waits = (Observation.id == observation_id, _is_of(person_id), Observation.state == "pending")
    return _execute(delete(Observation).where(*waits))


def take_back_accepted(observation_id: str, person_id: str | None) -> bool:
    """Let an accepted observation of a person count no more, and commit; return whether there was one.

    The row stays: trainings may have used it, and nobody can accept it again.
    """
    moment = now()
    counts = (Observation.id == observation_id, _is_of(person_id), Observation.state == "accepted")
    values = {"state": "refused", "reason": WITHDRAWN, "moderated_at": moment, "withdrawn_at": moment}
    return _execute(update(Observation).where(*counts).values(**values, moderator_id=None))


def free_key(same_key: str) -> None:
    """Let the same be reported again where it was withdrawn after it was accepted. The caller commits."""
    withdrawn = (Observation.same_key == same_key, Observation.withdrawn_at.is_not(None))
    # an id is unique, and no hash
    freed = update(Observation).where(*withdrawn).values(same_key=literal("withdrawn ") + Observation.id)
    db.session.execute(freed, execution_options={**_OPTIONS, "unwatched": True})


def _is_of(person_id: str | None) -> ColumnElement[bool]:
    return Observation.observer_id.is_(None) if person_id is None else Observation.observer_id == person_id


def _execute(statement: Any) -> bool:
    result = cast("CursorResult[Any]", db.session.execute(statement, execution_options=_OPTIONS))
    if result.rowcount:
        db.session.commit()
    else:
        db.session.rollback()
    return bool(result.rowcount)
