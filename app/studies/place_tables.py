"""The places of the kept records of studies, as they are looked up by area."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Float, ForeignKey, Index, Integer, SmallInteger, String, delete, insert, select, update
from sqlalchemy.orm import Mapped, mapped_column

from app.catalogue.study_tables import Study
from app.database.db import Base, db
from app.database.types import UtcDateTime, now
from app.geography.areas import Bounds
from app.geography.index import PlaceColumns, within
from app.studies.tables import StudyRecipe

LONGEST_SPECIES = 200
# Rows of one statement.
_BLOCK = 2_000
# What is derived from files and recipe is no change by itself.
_DERIVED = {"synchronize_session": False, "unwatched": True}


class RecordPlaceSet(Base):
    """What the places of a study were made from. A study without a row has none that are up to date."""

    __tablename__ = "record_place_sets"

    study_id: Mapped[int] = mapped_column(ForeignKey("studies.id", ondelete="CASCADE"), primary_key=True)
    #: Hash of the recipe and the files.
    source: Mapped[str] = mapped_column(String(64))
    #: Number of places, and of those beyond the largest number of a study.
    places: Mapped[int] = mapped_column(Integer)
    left_out: Mapped[int] = mapped_column(Integer)
    made_at: Mapped[datetime] = mapped_column(UtcDateTime(), default=now)


class RecordPlace(Base):
    """The kept records of one species at one place."""

    __tablename__ = "record_places"
    __table_args__ = (
        # Places of a study are looked up by rows of one degree of latitude, and by longitude within each.
        Index("ix_record_places_study_id_band_longitude", "study_id", "band", "longitude"),
    )

    study_id: Mapped[int] = mapped_column(ForeignKey("studies.id", ondelete="CASCADE"), primary_key=True)
    #: In the order of the files, which says nothing about where a place is.
    position: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    species: Mapped[str] = mapped_column(String(LONGEST_SPECIES))
    #: Degrees of WGS 84.
    latitude: Mapped[float] = mapped_column(Float)
    longitude: Mapped[float] = mapped_column(Float)
    #: The latitude in whole degrees, rounded down.
    band: Mapped[int] = mapped_column(SmallInteger)
    records: Mapped[int] = mapped_column(Integer)
    #: The latest one.
    year: Mapped[int | None] = mapped_column(SmallInteger)


#: `migrations/versions/0015_record_places.py` makes the index of points.
PLACE = PlaceColumns(RecordPlace.latitude, RecordPlace.longitude, RecordPlace.band, "ix_record_places_point")


class Row(NamedTuple):
    """One place, as a list needs it."""

    position: int
    species: str
    latitude: float
    longitude: float
    records: int
    year: int | None


def set_of(study_id: int) -> RecordPlaceSet | None:
    """Return what the places of a study were made from."""
    query = select(RecordPlaceSet).where(RecordPlaceSet.study_id == study_id)
    return db.session.scalar(query.execution_options(populate_existing=True))


def has_name(study_id: int, species: str) -> bool:
    """Return whether a study has places of a species by its name, as records have it."""
    query = select(RecordPlace.position).where(RecordPlace.study_id == study_id, RecordPlace.species == species)
    return db.session.scalar(query.limit(1)) is not None


def names_of(study_id: int) -> list[str]:
    """Return the names of the species that have places in a study."""
    query = select(RecordPlace.species).where(RecordPlace.study_id == study_id).distinct()
    return list(db.session.scalars(query.order_by(RecordPlace.species)))


def select_rows(study_id: int, species: str | None, bounds: Bounds | None, after: int, limit: int) -> list[Row]:
    """Return the places of a study that an index selects, in the order of their positions.

    Parameters
    ----------
    study_id : int
    species : str or None
        A name; None for all.
    bounds : Bounds or None
    after : int
        Position of the last row of the previous page; -1 for the first page.
    limit : int
    """
    columns = [getattr(RecordPlace, name) for name in Row._fields]
    query = select(*columns).where(RecordPlace.study_id == study_id, RecordPlace.position > after)
    if species is not None:
        query = query.where(RecordPlace.species == species)
    if bounds is not None:
        query = query.where(within(bounds, PLACE))
    return [Row(*row) for row in db.session.execute(query.order_by(RecordPlace.position).limit(limit))]


def replace(study_id: int, revision: int, source: str, rows: Sequence[Mapping[str, Any]], left_out: int) -> bool:
    """Store the places of a study in place of those that it has, and commit.

    Parameters
    ----------
    study_id : int
    revision : int
        The revision of the study that the places were made from.
    source : str
    rows : sequence of mapping
        Columns of `RecordPlace` but study and position.
    left_out : int

    Returns
    -------
    bool
        False where the study has another revision by now. Nothing is changed then.
    """
    # A transaction of SQLite that has read must not write after somebody else has.
    db.session.rollback()
    # This locks the row: a change of the study waits, and then removes these places.
    lock = update(StudyRecipe).where(StudyRecipe.study_id == study_id, StudyRecipe.revision == revision)
    locked: Any = db.session.execute(lock.values(revision=revision), execution_options=_DERIVED)
    if not locked.rowcount:
        db.session.rollback()
        return False
    remove(study_id)
    for block in _blocks(rows):
        db.session.execute(insert(RecordPlace), [{"study_id": study_id, **row} for row in block])
    db.session.execute(
        insert(RecordPlaceSet).values(
            study_id=study_id, source=source, places=len(rows), left_out=left_out, made_at=now()
        )
    )
    db.session.commit()
    return True


def _blocks(rows: Sequence[Mapping[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    for start in range(0, len(rows), _BLOCK):
        block = rows[start : start + _BLOCK]
        yield [{"position": start + number, **row} for number, row in enumerate(block)]


def remove(study_id: int) -> None:
    """Remove the places of a study. The caller commits."""
    for table in (RecordPlace, RecordPlaceSet):
        db.session.execute(delete(table).where(table.study_id == study_id), execution_options=_DERIVED)


def own_slugs() -> list[str]:
    """Return the slugs of all studies of own data."""
    query = select(Study.slug).join(StudyRecipe, StudyRecipe.study_id == Study.id).order_by(Study.slug)
    return list(db.session.scalars(query))
