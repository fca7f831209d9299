"""The table of predictions."""

from __future__ import annotations

import os
import time
import uuid
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import JSON, ForeignKey, Index, String, func, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.extensions import db
from app.registry.tables import ModelVersion, UtcDateTime
from app.species.tables import Species


class Prediction(db.Model):  # type: ignore[name-defined]
    """One answer that was given."""

    __tablename__ = "predictions"
    __table_args__ = (Index("ix_predictions_species_id_id", "species_id", "id"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    species_id: Mapped[int] = mapped_column(ForeignKey("species.id"))
    model_id: Mapped[str] = mapped_column(ForeignKey("model_versions.id"), index=True)
    environment: Mapped[dict[str, Any]] = mapped_column(JSON)
    answer: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime())

    species: Mapped[Species] = relationship(lazy="joined", innerjoin=True)
    model: Mapped[ModelVersion] = relationship(lazy="joined", innerjoin=True)


def new_id() -> str:
    """Return a UUID of version 7: ids made later sort later, so an id is also a place in the list."""
    nanoseconds = time.time_ns()
    milliseconds, rest = divmod(nanoseconds, 1_000_000)
    fraction = rest * 4096 // 1_000_000
    noise = int.from_bytes(os.urandom(8)) & ((1 << 62) - 1)
    return str(uuid.UUID(int=(milliseconds << 80) | (0x7 << 76) | (fraction << 64) | (0b10 << 62) | noise))


def first_id_of(moment: datetime) -> str:
    """Return an id that sorts before every id made at a moment or later, and behind every earlier one."""
    return str(uuid.UUID(int=int(moment.timestamp() * 1000) << 80))


def store(prediction: Prediction) -> None:
    """Write a prediction, at once and for good."""
    db.session.add(prediction)
    db.session.commit()


def find(prediction_id: str) -> Prediction | None:
    """Return the prediction with this id."""
    return db.session.get(Prediction, prediction_id)


def before(prediction_id: str | None, limit: int, species: str | None) -> list[Prediction]:
    """Return predictions, latest first, from before one of them."""
    statement = select(Prediction).order_by(Prediction.id.desc()).limit(limit)
    if prediction_id is not None:
        statement = statement.where(Prediction.id < prediction_id)
    if species is not None:
        statement = statement.join(Species, Species.id == Prediction.species_id).where(Species.slug == species)
    return list(db.session.scalars(statement))


class Asked(NamedTuple):
    """What looking back needs of a row: the answer itself, tens of times as large, stays in the database."""

    environment: dict[str, float | str]
    kind: str | None
    inside: bool | None


def latest_of_study(study_id: int, first_id: str, limit: int) -> list[Asked]:
    """Return what a study was asked, latest first, from an id on."""
    # the index on species and id finds the rows; only those that are wanted are read
    wanted = (
        select(Prediction.id)
        .join(Species, Species.id == Prediction.species_id)
        .where(Species.study_id == study_id, Prediction.id >= first_id)
        .order_by(Prediction.id.desc())
        .limit(limit)
        .subquery()
    )
    novelty = Prediction.answer["novelty"]
    statement = (
        select(Prediction.environment, novelty["kind"].as_string(), novelty["in_area_of_applicability"].as_boolean())
        .join(wanted, wanted.c.id == Prediction.id)
        .order_by(Prediction.id.desc())
    )
    return [Asked(*row) for row in db.session.execute(statement)]


def counts_by_species(first_id: str) -> list[tuple[Species, int]]:
    """Return how often each species was asked about from an id on, most often first."""
    counts = (
        select(Prediction.species_id, func.count().label("requests"))
        .where(Prediction.id >= first_id)
        .group_by(Prediction.species_id)
        .subquery()
    )
    statement = (
        select(Species, counts.c.requests)
        .join(counts, counts.c.species_id == Species.id)
        .order_by(counts.c.requests.desc(), Species.slug)
    )
    return [(species, requests) for species, requests in db.session.execute(statement)]
