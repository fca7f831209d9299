"""The table of observations: what somebody found at a place, and what the model had said."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Literal, NamedTuple

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    ColumnElement,
    Date,
    Float,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    String,
    Text,
    false,
    func,
    select,
    update,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.catalogue import access
from app.catalogue.species import Species
from app.catalogue.studies import Study
from app.catalogue.versions import ModelVersion
from app.database.db import Base, db
from app.database.types import UtcDateTime, now
from app.geography.index import PlaceColumns
from app.trail import recorder as trail

State = Literal["pending", "accepted", "refused"]
LONGEST_NOTE, LONGEST_REASON, LONGEST_ADDRESS = 1_000, 300, 500


class Observation(Base):
    """What one person found, with the prediction that the model gave then."""

    __tablename__ = "observations"
    __table_args__ = (
        CheckConstraint("state IN ('pending', 'accepted', 'refused')", name="state"),
        # Places are looked up by rows of one degree of latitude, and by longitude within each.
        Index("ix_observations_band_longitude", "band", "longitude"),
        Index("ix_observations_model_id_state", "model_id", "state"),
        Index("ix_observations_state_id", "state", "id"),
    )

    #: Sorts by the time of creation.
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    #: A hash of person, species, place and date: nobody reports the same twice. Another text where it was withdrawn.
    same_key: Mapped[str] = mapped_column(String(64), unique=True)
    species_id: Mapped[int] = mapped_column(ForeignKey("species.id", ondelete="CASCADE"), index=True)
    #: The model that predicted.
    model_id: Mapped[str] = mapped_column(ForeignKey("model_versions.id", ondelete="CASCADE"))
    #: The prediction that was confirmed or contradicted. It may have been pruned.
    prediction_id: Mapped[str | None] = mapped_column(String(36))
    present: Mapped[bool] = mapped_column(Boolean)
    observed_on: Mapped[date] = mapped_column(Date)
    #: Degrees of WGS 84; none where the prediction was for typed conditions.
    latitude: Mapped[float | None] = mapped_column(Float)
    longitude: Mapped[float | None] = mapped_column(Float)
    #: The latitude in whole degrees, rounded down.
    band: Mapped[int | None] = mapped_column(SmallInteger)
    environment: Mapped[dict[str, Any]] = mapped_column(JSON)
    suitability: Mapped[float] = mapped_column(Float)
    low: Mapped[float] = mapped_column(Float)
    high: Mapped[float] = mapped_column(Float)
    #: Whether the conditions lay in the model's area of applicability.
    inside: Mapped[bool] = mapped_column(Boolean)
    #: Whether the model was trained on a record there. None where it is not known; nobody is shown it of one report.
    at_training_place: Mapped[bool | None] = mapped_column(Boolean)
    minutes: Mapped[int | None] = mapped_column(Integer)
    people: Mapped[int | None] = mapped_column(Integer)
    photo: Mapped[str | None] = mapped_column(String(LONGEST_ADDRESS))
    note: Mapped[str] = mapped_column(Text, default="")
    #: None in development, and after the account was deleted.
    observer_id: Mapped[str | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime(), default=now)
    state: Mapped[State] = mapped_column(String(10), default="pending")
    reason: Mapped[str] = mapped_column(String(LONGEST_REASON), default="")
    moderator_id: Mapped[str | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    moderated_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    #: When its observer took back an accepted one. It is refused then, and cannot be accepted again.
    withdrawn_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    #: Whether a training has used it, or was asked for because of it.
    learned: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())

    species: Mapped[Species] = relationship(lazy="joined", innerjoin=True)
    model: Mapped[ModelVersion] = relationship(lazy="joined", innerjoin=True)


#: Where an observation is. `migrations/versions/0010_observations.py` makes the index of points.
PLACE = PlaceColumns(Observation.latitude, Observation.longitude, Observation.band, "ix_observations_point")


def find(observation_id: str) -> Observation | None:
    """Return the observation with this id, where the present request may decide it."""
    query = select(Observation).where(Observation.id == observation_id, _may_be_decided())
    return db.session.scalars(query).one_or_none()


def find_all(ids: Sequence[str]) -> list[Observation]:
    """Return those of several observations that exist, and that the present request may decide."""
    return list(db.session.scalars(select(Observation).where(Observation.id.in_(ids), _may_be_decided())))


def _may_be_decided() -> ColumnElement[bool]:
    moderated = select(Species.id).join(Study, Study.id == Species.study_id).where(access.moderated())
    return Observation.species_id.in_(moderated)


def n_pending_of(observer_id: str) -> int:
    """Return how many observations of a person wait for an editor."""
    query = select(func.count()).where(Observation.observer_id == observer_id, Observation.state == "pending")
    return db.session.scalar(query) or 0


def decide(ids: Sequence[str], was: State | None, state: State, reason: str, moderator_id: str | None) -> int:
    """Set the state of observations that have a certain state, and commit.

    Parameters
    ----------
    ids : sequence of str
    was : str or None
        The state that the decision was made on; None for any.
    state, reason : str
    moderator_id : str or None

    Returns
    -------
    int
        Number of changed observations. Those that somebody else has decided in the meantime are not among them, nor
        are those that the present request may not decide.
    """
    statement = update(Observation).where(
        Observation.id.in_(ids), _may_be_decided(), Observation.withdrawn_at.is_(None)
    )
    if was is not None:
        statement = statement.where(Observation.state == was)
    values = {"state": state, "reason": reason, "moderator_id": moderator_id, "moderated_at": now()}
    options = {"synchronize_session": False, "unwatched": True}
    changed = db.session.scalars(statement.values(**values).returning(Observation.id), execution_options=options).all()
    for observation_id in sorted(changed):
        trail.add("observation", observation_id, state)
    db.session.commit()
    return len(changed)


class Outcome(NamedTuple):
    """One accepted observation, as the accuracy needs it."""

    present: bool
    suitability: float
    inside: bool
    after_prediction: bool
    at_training_place: bool | None


#: The columns of an `Outcome`.
_OUTCOME = (
    Observation.present,
    Observation.suitability,
    Observation.inside,
    Observation.prediction_id.is_not(None),
    Observation.at_training_place,
)


def outcomes_of(model_id: str, limit: int) -> list[Outcome]:
    """Return accepted observations of a model, latest first."""
    query = (
        select(*_OUTCOME)
        .where(Observation.model_id == model_id, Observation.state == "accepted")
        .order_by(Observation.id.desc())
        .limit(limit)
    )
    return [Outcome(*row) for row in db.session.execute(query)]


class Report(NamedTuple):
    """One accepted observation with the conditions that the model had answered."""

    outcome: Outcome
    environment: dict[str, Any]


def reports_on(model_id: str, since: datetime, until: datetime | None, limit: int) -> list[Report]:
    """Return accepted observations of a model that were reported within a time, latest first."""
    query = (
        select(*_OUTCOME, Observation.environment)
        .where(Observation.model_id == model_id, Observation.state == "accepted", Observation.created_at >= since)
        .order_by(Observation.id.desc())
        .limit(limit)
    )
    if until is not None:
        query = query.where(Observation.created_at <= until)
    return [Report(Outcome(*row[:-1]), row[-1]) for row in db.session.execute(query)]


def judged_models(limit: int, *, public: bool) -> list[ModelVersion]:
    """Return the models with accepted observations of public studies or of the others, those with most first."""
    counts = (
        select(Observation.model_id, func.count().label("number"))
        .where(Observation.state == "accepted")
        .group_by(Observation.model_id)
        .subquery()
    )
    query = (
        select(ModelVersion)
        .join(counts, counts.c.model_id == ModelVersion.id)
        .join(Species, Species.id == ModelVersion.species_id)
        .join(Study, Study.id == Species.study_id)
        .where((Study.visibility == "public") == public)
        .order_by(counts.c.number.desc(), ModelVersion.id)
        .limit(limit)
    )
    return list(db.session.scalars(query))


def change_mark() -> tuple[int, datetime | None]:
    """Return what differs whenever the accepted observations do."""
    query = select(func.count(), func.max(Observation.moderated_at)).where(Observation.moderated_at.is_not(None))
    number, latest = db.session.execute(query).one()
    return number, latest


def counts_by_state() -> dict[str, int]:
    """Return the number of observations of each state."""
    rows = db.session.execute(select(Observation.state, func.count()).group_by(Observation.state))
    return {row[0]: row[1] for row in rows}


def accepted_presences(study_id: int, limit: int) -> list[Observation]:
    """Return the accepted observations of a study's species at a place, presences only, oldest first."""
    query = (
        select(Observation)
        .join(Species, Species.id == Observation.species_id)
        .where(
            Species.study_id == study_id,
            Observation.state == "accepted",
            Observation.present.is_(True),
            Observation.latitude.is_not(None),
        )
        .order_by(Observation.id)
        .limit(limit)
    )
    return list(db.session.scalars(query))
