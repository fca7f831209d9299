"""The table of studies that learn from observations, and what is counted for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

from sqlalchemy import Boolean, ColumnElement, CursorResult, ForeignKey, Integer, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column

from app.catalogue.species import Species
from app.catalogue.study_tables import Study
from app.confirmations.tables import Observation
from app.database.db import Base, db

_BLOCK = 500
_UNWATCHED = {"synchronize_session": False, "unwatched": True}


class StudyLearning(Base):
    """Whether a study of own data learns from observations."""

    __tablename__ = "study_learning"

    study_id: Mapped[int] = mapped_column(ForeignKey("studies.id", ondelete="CASCADE"), primary_key=True)
    is_on: Mapped[bool] = mapped_column(Boolean)
    #: Newly accepted presences that start a training.
    number: Mapped[int] = mapped_column(Integer)


class Due(NamedTuple):
    """A study with enough new observations."""

    study_id: int
    slug: str
    owner_id: str | None


def find(study_id: int) -> StudyLearning | None:
    """Return what a study has chosen, or None."""
    return db.session.get(StudyLearning, study_id, populate_existing=True)


def _is_new() -> ColumnElement[bool]:
    """Return the condition of observations that become records of the next training, and of none before."""
    return (
        (Observation.state == "accepted")
        & Observation.present.is_(True)
        & Observation.latitude.is_not(None)
        & Observation.learned.is_(False)
    )


def n_new(study_id: int) -> int:
    """Return the number of accepted presences of a study that no training has used or was asked for."""
    query = select(func.count()).select_from(Observation).join(Species, Species.id == Observation.species_id)
    return db.session.scalar(query.where(Species.study_id == study_id, _is_new())) or 0


def due(ids: Sequence[str] | None = None) -> list[Due]:
    """Return the studies with enough new observations, of all or of those that some observations belong to."""
    query = (
        select(Study.id, Study.slug, Study.owner_id)
        .join(StudyLearning, StudyLearning.study_id == Study.id)
        .join(Species, Species.study_id == Study.id)
        .join(Observation, Observation.species_id == Species.id)
        .where(StudyLearning.is_on, _is_new())
        .group_by(Study.id, Study.slug, Study.owner_id, StudyLearning.number)
        .having(func.count() >= StudyLearning.number)
        .order_by(Study.id)
    )
    if ids is not None:
        named = select(Species.study_id).join(Observation, Observation.species_id == Species.id)
        query = query.where(Study.id.in_(named.where(Observation.id.in_(ids))))
    return [Due(*row) for row in db.session.execute(query)]


def lock(study_id: int) -> StudyLearning | None:
    """Let others wait for the end of this transaction, and return the row; None where the study does not learn.

    An update also takes the lock of SQLite, which has no ``SELECT … FOR UPDATE``.
    """
    statement = update(StudyLearning).where(StudyLearning.study_id == study_id, StudyLearning.is_on)
    result = db.session.execute(statement.values(number=StudyLearning.number), execution_options=_UNWATCHED)
    if cast("CursorResult[Any]", result).rowcount != 1:
        return None
    return find(study_id)


def save(study_id: int, *, is_on: bool, number: int) -> None:
    """Store what a study has chosen, and commit."""
    make = postgresql.insert if db.session.get_bind().dialect.name == "postgresql" else sqlite.insert
    values = {"is_on": is_on, "number": number}
    statement = make(StudyLearning).values(study_id=study_id, **values)
    db.session.execute(statement.on_conflict_do_update(index_elements=["study_id"], set_=values))
    db.session.commit()


def mark_new(study_id: int) -> None:
    """Count the new observations of a study no more, without a commit."""
    species = select(Species.id).where(Species.study_id == study_id)
    statement = update(Observation).where(Observation.species_id.in_(species), _is_new()).values(learned=True)
    db.session.execute(statement, execution_options=_UNWATCHED)


def mark(study_id: int, ids: Sequence[str]) -> None:
    """Count observations of a study no more, because a training has them, and commit."""
    species = select(Species.id).where(Species.study_id == study_id)
    for start in range(0, len(ids), _BLOCK):
        named = Observation.id.in_(ids[start : start + _BLOCK]), Observation.species_id.in_(species)
        statement = update(Observation).where(*named, Observation.learned.is_(False)).values(learned=True)
        db.session.execute(statement, execution_options=_UNWATCHED)
    db.session.commit()


class Totals(NamedTuple):
    """The studies that learn, and their new observations."""

    studies: int
    new: int


def totals() -> Totals:
    """Return the numbers of all studies."""
    studies = db.session.scalar(select(func.count()).select_from(StudyLearning).where(StudyLearning.is_on)) or 0
    query = (
        select(func.count())
        .select_from(Observation)
        .join(Species, Species.id == Observation.species_id)
        .join(StudyLearning, StudyLearning.study_id == Species.study_id)
        .where(StudyLearning.is_on, _is_new())
    )
    return Totals(studies, db.session.scalar(query) or 0)
