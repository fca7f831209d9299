"""The table of predictions."""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, cast

from sqlalchemy import JSON, CursorResult, ForeignKey, Index, Row, String, Text, delete, func, select, text
from sqlalchemy import cast as as_type
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.catalogue import access, sensitive
from app.catalogue.species import Species
from app.catalogue.study_tables import Study
from app.catalogue.versions import ModelVersion
from app.database.db import Base, db
from app.database.types import UtcDateTime
from app.outbox.row import QueuedRow


class Prediction(Base):
    """One stored answer."""

    __tablename__ = "predictions"
    __table_args__ = (
        Index("ix_predictions_species_id_id", "species_id", "id"),
        Index("ix_predictions_user_id_id", "user_id", "id"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    species_id: Mapped[int] = mapped_column(ForeignKey("species.id"))
    model_id: Mapped[str] = mapped_column(ForeignKey("model_versions.id"), index=True)
    environment: Mapped[dict[str, Any]] = mapped_column(JSON)
    answer: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime())
    #: Id of the person who asked. It is no foreign key: an answer is stored also where the account is gone by then.
    user_id: Mapped[str | None] = mapped_column(String(36))

    species: Mapped[Species] = relationship(lazy="joined", innerjoin=True)
    model: Mapped[ModelVersion] = relationship(lazy="joined", innerjoin=True)


def new_id() -> str:
    """Return a UUID of version 7: ids sort by creation time."""
    nanoseconds = time.time_ns()
    milliseconds, rest = divmod(nanoseconds, 1_000_000)
    fraction = rest * 4096 // 1_000_000
    noise = int.from_bytes(os.urandom(8)) & ((1 << 62) - 1)
    return str(uuid.UUID(int=(milliseconds << 80) | (0x7 << 76) | (fraction << 64) | (0b10 << 62) | noise))


def first_id_of(moment: datetime) -> str:
    """Return an id that sorts before every id made at a moment or later, and after every earlier id."""
    # a reset clock starts in 1970, and a period before that would give a negative id
    return str(uuid.UUID(int=max(0, int(moment.timestamp() * 1000)) << 80))


def clock_ahead() -> timedelta:
    """Return how far this machine's clock is ahead of the database server's; zero for SQLite."""
    if db.session.get_bind().dialect.name != "postgresql":
        return timedelta()
    server_time: datetime = db.session.execute(select(func.clock_timestamp())).scalar_one()
    return datetime.now(UTC) - server_time


def insert(rows: list[QueuedRow]) -> None:
    """Insert predictions that are not stored yet, and commit.

    Parameters
    ----------
    rows : list of QueuedRow
    """
    values = [
        {
            "id": row.id,
            "species_id": row.species_id,
            "model_id": row.model_id,
            "environment": row.environment,
            "answer": json.loads(row.answer),
            "created_at": row.created_at,
            "user_id": row.user_id,
        }
        for row in rows
    ]
    dialect = db.session.get_bind().dialect.name
    make = postgresql.insert if dialect == "postgresql" else sqlite.insert
    # a process may die after the insert and before it removes the row from the spool; the second insert must do nothing
    db.session.execute(make(Prediction).on_conflict_do_nothing(index_elements=["id"]), values)
    db.session.commit()


_WRITTEN = text("""
    INSERT INTO predictions (id, species_id, model_id, environment, answer, created_at, user_id)
    SELECT id, species_id, model_id, environment, answer, created_at, user_id
    FROM json_to_recordset(CAST(:rows AS json)) AS row (
        id text, species_id integer, model_id text, environment json, answer json, created_at timestamptz,
        user_id text
    )
    ON CONFLICT (id) DO NOTHING
""")


def insert_json(rows: list[bytes]) -> None:
    """Insert rows as JSON into PostgreSQL, which parses them itself; otherwise like `insert`."""
    db.session.execute(_WRITTEN, {"rows": (b"[" + b",".join(rows) + b"]").decode()})
    db.session.commit()


def find(prediction_id: str) -> Prediction | None:
    """Return the prediction with this id."""
    return db.session.get(Prediction, prediction_id)


def existing(ids: Collection[str]) -> set[str]:
    """Return which of some ids are those of predictions."""
    return set(db.session.scalars(select(Prediction.id).where(Prediction.id.in_(ids)))) if ids else set()


def before(prediction_id: str | None, limit: int, species: str | None, user_id: str | None = None) -> list[Prediction]:
    """Return predictions that may be read, latest first, from before one of them; of a person where an id is given.

    Those of everybody are without studies whose places the request sees on a grid: people ask about places they found.
    """
    statement = select(Prediction).order_by(Prediction.id.desc()).limit(limit)
    if user_id is not None:
        statement = statement.where(Prediction.user_id == user_id)
    elif sensitive.has_marks():
        exact = select(Species.id).join(Study, Study.id == Species.study_id).where(sensitive.seen_exactly())
        statement = statement.where(Prediction.species_id.in_(exact))
    if access.hides_some():
        seen = select(Species.id).join(Study, Study.id == Species.study_id).where(access.readable())
        statement = statement.where(Prediction.species_id.in_(seen))
    if prediction_id is not None:
        statement = statement.where(Prediction.id < prediction_id)
    if species is not None:
        statement = statement.join(Species, Species.id == Prediction.species_id).where(Species.slug == species)
    return list(db.session.scalars(statement))


def of_person(user_id: str, before: str | None, limit: int) -> Sequence[Row[Any]]:
    """Return the predictions of a person from before one of them, latest first, each with slugs.

    A row has the slug of its species, the slug of its study as `study`, and whether the present request may read the
    study as `is_readable`.
    """
    columns = (Prediction.id, Prediction.created_at, Prediction.model_id, Prediction.environment, Prediction.answer)
    of_study = (Study.slug.label("study"), access.readable().label("is_readable"))
    statement = select(*columns, Species.slug, *of_study).join(Species, Species.id == Prediction.species_id)
    statement = statement.join(Study, Study.id == Species.study_id).where(Prediction.user_id == user_id)
    if before is not None:
        statement = statement.where(Prediction.id < before)
    return db.session.execute(statement.order_by(Prediction.id.desc()).limit(limit)).all()


def delete_of_person(user_id: str, most: int) -> int:
    """Delete the latest predictions of a person, at most a number of them, and commit; return how many."""
    latest = select(Prediction.id).where(Prediction.user_id == user_id).order_by(Prediction.id.desc()).limit(most)
    statement = delete(Prediction).where(Prediction.id.in_(latest))
    result = db.session.execute(statement, execution_options={"synchronize_session": False})
    db.session.commit()
    return int(cast("CursorResult[Any]", result).rowcount)


class ConditionsRow(NamedTuple):
    """The columns that analytics reads; the answer itself is tens of times as large and is not loaded."""

    environment: dict[str, float | str]
    kind: str | None
    inside: bool | None


def latest_of_study(study_id: int, first_id: str, last_id: str, limit: int) -> list[ConditionsRow]:
    """Return the requested conditions of a study with ids in [first_id, last_id), latest first."""
    # the index on species and id selects the rows before any of them is read
    ids = (
        select(Prediction.id)
        .join(Species, Species.id == Prediction.species_id)
        .where(Species.study_id == study_id, Prediction.id >= first_id, Prediction.id < last_id)
        .order_by(Prediction.id.desc())
        .limit(limit)
        .subquery()
    )
    novelty = Prediction.answer["novelty"]
    statement = (
        select(Prediction.environment, novelty["kind"].as_string(), novelty["in_area_of_applicability"].as_boolean())
        .join(ids, ids.c.id == Prediction.id)
        .order_by(Prediction.id.desc())
    )
    return [ConditionsRow(*row) for row in db.session.execute(statement)]


def most_frequent(species_ids: list[int] | None, recent: int, limit: int) -> list[tuple[int, dict[str, float | str]]]:
    """Return species and conditions among the latest predictions, most frequent first."""
    latest = select(Prediction.species_id, Prediction.environment).order_by(Prediction.id.desc()).limit(recent)
    if species_ids is not None:
        latest = latest.where(Prediction.species_id.in_(species_ids))
    rows = latest.subquery()
    # PostgreSQL cannot compare json values; conditions are stored in canonical form, so equal ones have equal text
    conditions = as_type(rows.c.environment, Text)
    statement = (
        select(rows.c.species_id, conditions)
        .group_by(rows.c.species_id, conditions)
        .order_by(func.count().desc(), rows.c.species_id, conditions)
        .limit(limit)
    )
    return [(species_id, json.loads(text)) for species_id, text in db.session.execute(statement)]


def counts_by_species(first_id: str, last_id: str) -> list[tuple[Species, int]]:
    """Return the number of predictions for each species that may be read with ids in [first_id, last_id)."""
    counts = (
        select(Prediction.species_id, func.count().label("requests"))
        .where(Prediction.id >= first_id, Prediction.id < last_id)
        .group_by(Prediction.species_id)
        .subquery()
    )
    statement = (
        select(Species, counts.c.requests)
        .join(counts, counts.c.species_id == Species.id)
        .join(Study, Study.id == Species.study_id)
        .where(access.readable())
        .order_by(counts.c.requests.desc(), Species.slug)
    )
    return [(species, requests) for species, requests in db.session.execute(statement)]


def count_before(prediction_id: str) -> int:
    """Return the number of predictions with a smaller id."""
    return db.session.scalar(select(func.count()).select_from(Prediction).where(Prediction.id < prediction_id)) or 0


def delete_between(first_id: str, last_id: str, most: int) -> tuple[int, str | None]:
    """Delete the oldest predictions with ids in [first_id, last_id), and commit.

    Parameters
    ----------
    first_id, last_id : str
    most : int
        Largest number to delete.

    Returns
    -------
    (int, str or None)
        Number deleted, and the id where the next call starts; None when nothing is left. Starting there skips the dead
        rows that the database has not vacuumed yet.
    """
    within = (Prediction.id >= first_id) & (Prediction.id < last_id)
    next_id = db.session.scalar(select(Prediction.id).where(within).order_by(Prediction.id).offset(most).limit(1))
    statement = delete(Prediction).where(Prediction.id >= first_id, Prediction.id < (next_id or last_id))
    result = db.session.execute(statement, execution_options={"synchronize_session": False})
    deleted = cast("CursorResult[Any]", result).rowcount
    db.session.commit()
    return deleted, next_id
