"""The tables of rollouts and of what their arms did, and the queries on them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, NamedTuple, cast

from sqlalchemy import JSON, CheckConstraint, CursorResult, ForeignKey, Index, String, Text, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.catalogue.species import Species
from app.catalogue.study_tables import Study
from app.catalogue.versions import ModelVersion
from app.database.db import Base, db
from app.database.types import UtcDateTime, now

#: ``running`` until it is stopped by a person or by the rule (``stopped``), until its candidate is activated
#: (``promoted``), or until another version is (``replaced``).
State = Literal["running", "stopped", "promoted", "replaced"]
#: ``share``: the candidate answers a share of the clients. ``shadow``: it computes copies that nobody sees.
Mode = Literal["share", "shadow"]
Arm = Literal["active", "candidate"]


class Rollout(Base):
    """A candidate tried beside the active model of its species."""

    __tablename__ = "rollouts"
    __table_args__ = (
        CheckConstraint("state IN ('running', 'stopped', 'promoted', 'replaced')", name="state"),
        CheckConstraint("mode IN ('share', 'shadow')", name="mode"),
        # At most one rollout of a study runs, whatever two admins do at once.
        Index(
            "ix_rollouts_running_study",
            "study_id",
            unique=True,
            postgresql_where=text("state = 'running'"),
            sqlite_where=text("state = 'running'"),
        ),
        Index("ix_rollouts_study_id_id", "study_id", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("studies.id"))
    species_id: Mapped[int] = mapped_column(ForeignKey("species.id"), index=True)
    candidate_id: Mapped[str] = mapped_column(ForeignKey("model_versions.id"))
    active_id: Mapped[str] = mapped_column(ForeignKey("model_versions.id"))
    mode: Mapped[str] = mapped_column(String(10))
    percent: Mapped[int]
    state: Mapped[str] = mapped_column(String(10), default="running", server_default="running")
    revision: Mapped[int] = mapped_column(default=1, server_default="1")
    reason: Mapped[str] = mapped_column(Text, default="", server_default="")
    started_at: Mapped[datetime] = mapped_column(UtcDateTime(), default=now)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    measured_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    # of the rule that stops it: the logarithm of its evidence, and the counts that are in it
    evidence: Mapped[float] = mapped_column(default=0.0, server_default="0")
    judged: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)

    species: Mapped[Species] = relationship(lazy="joined", innerjoin=True)
    candidate: Mapped[ModelVersion] = relationship(foreign_keys=[candidate_id], lazy="joined", innerjoin=True)
    active: Mapped[ModelVersion] = relationship(foreign_keys=[active_id], lazy="joined", innerjoin=True)


class RolloutCount(Base):
    """A number of an arm, to which every worker adds."""

    __tablename__ = "rollout_counts"

    rollout_id: Mapped[int] = mapped_column(ForeignKey("rollouts.id", ondelete="CASCADE"), primary_key=True)
    arm: Mapped[str] = mapped_column(String(10), primary_key=True)
    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    amount: Mapped[float]


class RolloutRow(NamedTuple):
    """A running rollout as the snapshot has it."""

    id: int
    species: str
    active_id: str
    mode: str
    percent: int
    candidate_id: str
    version: int
    path: str


def running() -> list[RolloutRow]:
    """Return the rollouts that run, by id."""
    query = (
        select(
            Rollout.id,
            Species.slug.label("species"),
            Rollout.active_id,
            Rollout.mode,
            Rollout.percent,
            Rollout.candidate_id,
            ModelVersion.version,
            ModelVersion.path,
        )
        .join(Species, Species.id == Rollout.species_id)
        .join(ModelVersion, ModelVersion.id == Rollout.candidate_id)
        .where(Rollout.state == "running")
        .order_by(Rollout.id)
    )
    return [RolloutRow(*row) for row in db.session.execute(query)]


def latest_of_study(study_id: int) -> Rollout | None:
    """Return the rollout of a study that began last."""
    query = select(Rollout).where(Rollout.study_id == study_id).order_by(Rollout.id.desc()).limit(1)
    # a thread or another process may have changed the row since this session read it
    return db.session.scalars(query, execution_options={"populate_existing": True}).first()


def running_in_public(limit: int) -> list[Rollout]:
    """Return the rollouts of public studies that run, latest first."""
    query = (
        select(Rollout)
        .join(Species, Species.id == Rollout.species_id)
        .join(Study, Study.id == Species.study_id)
        .where(Rollout.state == "running", Study.visibility == "public")
        .order_by(Rollout.id.desc())
        .limit(limit)
    )
    return list(db.session.scalars(query))


def end(rollout_id: int, state: State, reason: str, revision: int | None = None) -> bool:
    """End a rollout that runs, without a commit, and return whether it ran and had the revision.

    Of several that end it at the same time one succeeds: the condition is a part of the statement.
    """
    values = {"state": state, "reason": reason, "ended_at": now()}
    return _update_running(rollout_id, revision, values)


def change_percent(rollout_id: int, percent: int, revision: int) -> bool:
    """Change the share of a rollout that runs, without a commit, and return whether it ran and had the revision."""
    return _update_running(rollout_id, revision, {"percent": percent})


def _update_running(rollout_id: int, revision: int | None, values: dict[str, object]) -> bool:
    statement = update(Rollout).where(Rollout.id == rollout_id, Rollout.state == "running")
    if revision is not None:
        statement = statement.where(Rollout.revision == revision)
    statement = statement.values(**values, revision=Rollout.revision + 1)
    result = db.session.execute(statement, execution_options={"synchronize_session": False})
    return cast("CursorResult[Any]", result).rowcount == 1


def end_of_species(species_id: int, model_id: str, reason: str) -> None:
    """End the rollout of a species, without a commit, because a model is about to answer for it.

    A rollout whose candidate is this model is promoted, any other is replaced.
    """
    query = select(Rollout.id, Rollout.candidate_id).where(Rollout.species_id == species_id, Rollout.state == "running")
    for rollout_id, candidate_id in db.session.execute(query):
        end(rollout_id, "promoted" if candidate_id == model_id else "replaced", reason)


def lock(rollout_id: int) -> bool:
    """Exclude other writers of a rollout's counts until the end of the transaction; False where there is no such row.

    An update also takes the lock of SQLite, which has no ``SELECT … FOR UPDATE``.
    """
    statement = update(Rollout).where(Rollout.id == rollout_id).values(measured_at=now())
    result = db.session.execute(statement, execution_options={"synchronize_session": False, "unwatched": True})
    return cast("CursorResult[Any]", result).rowcount == 1


def add_counts(rollout_id: int, amounts: Mapping[tuple[Arm, str], float]) -> None:
    """Add to the numbers of a rollout, without a commit."""
    dialect = db.session.get_bind().dialect.name
    make = postgresql.insert if dialect == "postgresql" else sqlite.insert
    rows = [
        {"rollout_id": rollout_id, "arm": arm, "name": name, "amount": amount}
        for (arm, name), amount in sorted(amounts.items())
    ]
    statement = make(RolloutCount)
    statement = statement.on_conflict_do_update(
        index_elements=["rollout_id", "arm", "name"],
        set_={"amount": RolloutCount.amount + statement.excluded.amount},
    )
    db.session.execute(statement, rows)


def counts_of(rollout_id: int) -> dict[tuple[Arm, str], float]:
    """Return the numbers of a rollout by arm and name."""
    query = select(RolloutCount.arm, RolloutCount.name, RolloutCount.amount)
    rows = db.session.execute(query.where(RolloutCount.rollout_id == rollout_id))
    return {(cast("Arm", arm), name): amount for arm, name, amount in rows}


def save_evidence(rollout_id: int, evidence: float, judged: Mapping[str, int]) -> None:
    """Store the state of the rule, without a commit."""
    statement = update(Rollout).where(Rollout.id == rollout_id).values(evidence=evidence, judged=dict(judged))
    db.session.execute(statement, execution_options={"synchronize_session": False, "unwatched": True})


class Judgement(NamedTuple):
    """The state of the rule of a rollout."""

    evidence: float
    judged: dict[str, int]
    mode: str
    state: str
    started_at: datetime


def judgement_of(rollout_id: int) -> Judgement:
    """Return the state of the rule of a rollout that exists."""
    columns = (Rollout.evidence, Rollout.judged, Rollout.mode, Rollout.state, Rollout.started_at)
    query = select(*columns).where(Rollout.id == rollout_id)
    return Judgement(*db.session.execute(query).one())
