"""The tables of model versions and of which of them answered when."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, UniqueConstraint, false, func, select, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.catalogue.species import Species
from app.catalogue.studies import Study
from app.database.db import db
from app.database.types import UtcDateTime, now


class ModelVersion(db.Model):  # type: ignore[name-defined]
    """One trained model of one species."""

    __tablename__ = "model_versions"
    __table_args__ = (
        UniqueConstraint("species_id", "version"),
        # At most one model answers for a species, whatever two operators do at once.
        Index(
            "ix_model_versions_active_species",
            "species_id",
            unique=True,
            postgresql_where=text("active"),
            sqlite_where=text("active = 1"),
        ),
    )

    id: Mapped[str] = mapped_column(String(150), primary_key=True)
    species_id: Mapped[int] = mapped_column(ForeignKey("species.id"), index=True)
    version: Mapped[int]
    path: Mapped[str] = mapped_column(String(1000))
    card: Mapped[dict[str, Any]] = mapped_column(JSON)
    registered_at: Mapped[datetime] = mapped_column(UtcDateTime(), default=now)
    active: Mapped[bool] = mapped_column(default=False, server_default=false())

    species: Mapped[Species] = relationship(lazy="joined", innerjoin=True)


class Activation(db.Model):  # type: ignore[name-defined]
    """That a model began to answer for its species; withdrawn when it was rolled back."""

    __tablename__ = "activations"

    id: Mapped[int] = mapped_column(primary_key=True)
    species_id: Mapped[int] = mapped_column(ForeignKey("species.id"), index=True)
    model_id: Mapped[str] = mapped_column(ForeignKey("model_versions.id"))
    activated_at: Mapped[datetime] = mapped_column(UtcDateTime(), default=now)
    withdrawn_at: Mapped[datetime | None] = mapped_column(UtcDateTime())


def find(model_id: str) -> ModelVersion | None:
    """Return the model with this id."""
    return db.session.get(ModelVersion, model_id)


def active_for(species_id: int) -> ModelVersion | None:
    """Return the model that answers for a species."""
    return db.session.scalar(
        select(ModelVersion).where(ModelVersion.species_id == species_id, ModelVersion.active.is_(True))
    )


def active_by_species(species_ids: Iterable[int]) -> dict[int, tuple[str, int]]:
    """Return id and version of the model that answers for each of some species."""
    rows = db.session.execute(
        select(ModelVersion.species_id, ModelVersion.id, ModelVersion.version).where(
            ModelVersion.species_id.in_(list(species_ids)), ModelVersion.active.is_(True)
        )
    )
    return {species_id: (model_id, version) for species_id, model_id, version in rows}


def species_and_models() -> list[Any]:
    """Return every species with its study and, where one answers, its model: id, slug, names, study, model, AUC."""
    auc = ModelVersion.card["metrics"]["auc_roc"]["value"].as_float()
    wanted = (
        select(
            Species.id,
            Species.slug,
            Species.scientific_name,
            Species.vernacular_name,
            Study.slug.label("study_slug"),
            Study.title.label("study_title"),
            ModelVersion.id.label("model_id"),
            ModelVersion.version,
            ModelVersion.path,
            auc.label("auc"),
        )
        .join(Study, Study.id == Species.study_id)
        .outerjoin(ModelVersion, (ModelVersion.species_id == Species.id) & ModelVersion.active.is_(True))
        .order_by(Species.slug)
    )
    return list(db.session.execute(wanted))


def best_active(metric: str) -> ModelVersion | None:
    """Return the active model with the highest value of a metric; of equals the first by id."""
    value = ModelVersion.card["metrics"][metric]["value"].as_float()
    wanted = select(ModelVersion).where(ModelVersion.active).order_by(value.is_(None), value.desc(), ModelVersion.id)
    return db.session.scalars(wanted.limit(1)).first()


def any_active_of_study(study_id: int) -> ModelVersion | None:
    """Return the first model by id that answers for a species of a study."""
    wanted = select(ModelVersion).join(Species).where(ModelVersion.active, Species.study_id == study_id)
    return db.session.scalars(wanted.order_by(ModelVersion.id).limit(1)).first()


def after(model_id: str, limit: int, species: str | None = None) -> list[ModelVersion]:
    """Return models in the order of their ids, from behind one of them."""
    statement = select(ModelVersion).where(ModelVersion.id > model_id).order_by(ModelVersion.id).limit(limit)
    if species is not None:
        statement = statement.join(Species, Species.id == ModelVersion.species_id).where(Species.slug == species)
    return list(db.session.scalars(statement))


def versions_of(species_id: int, limit: int) -> list[ModelVersion]:
    """Return the models of a species, latest version first."""
    wanted = select(ModelVersion).where(ModelVersion.species_id == species_id)
    return list(db.session.scalars(wanted.order_by(ModelVersion.version.desc()).limit(limit)))


def species_with_models() -> list[tuple[str, str]]:
    """Return slug and scientific name of every species that has a model, by name."""
    has_model = select(ModelVersion.id).where(ModelVersion.species_id == Species.id).exists()
    wanted = select(Species.slug, Species.scientific_name).where(has_model)
    return [(slug, name) for slug, name in db.session.execute(wanted.order_by(Species.scientific_name, Species.slug))]


def standing_activations(species_id: int) -> list[Activation]:
    """Return the activations of a species that were not rolled back, latest first."""
    return list(
        db.session.scalars(
            select(Activation)
            .where(Activation.species_id == species_id, Activation.withdrawn_at.is_(None))
            .order_by(Activation.id.desc())
        )
    )


def latest_version(species_id: int) -> int:
    """Return the highest version number of a species, 0 when it has none."""
    highest = select(func.max(ModelVersion.version)).where(ModelVersion.species_id == species_id)
    return db.session.scalar(highest) or 0


def metric_of(model_ids: Iterable[str], metric: str) -> dict[str, dict[str, Any]]:
    """Read one metric out of each model's card, leaving the rest of the card in the database."""
    # a card is tens of kilobytes, most of it places; a list shows one number of each
    wanted = select(ModelVersion.id, ModelVersion.card["metrics"][metric]).where(ModelVersion.id.in_(list(model_ids)))
    return {model_id: found for model_id, found in db.session.execute(wanted) if found}
