"""The tables of model versions and of their activations, and the queries on them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple, TypedDict

from sqlalchemy import JSON, ForeignKey, Index, String, UniqueConstraint, false, func, select, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.catalogue import access
from app.catalogue.species import Species
from app.catalogue.study_tables import Study, Visibility
from app.database.db import Base, db
from app.database.types import UtcDateTime, now

#: Ids in one query; databases limit the number of its parameters.
_MOST_IDS = 500


class ModelVersion(Base):
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


class Activation(Base):
    """The start of a model answering for its species; withdrawn when it was rolled back."""

    __tablename__ = "activations"

    id: Mapped[int] = mapped_column(primary_key=True)
    species_id: Mapped[int] = mapped_column(ForeignKey("species.id"), index=True)
    model_id: Mapped[str] = mapped_column(ForeignKey("model_versions.id"))
    activated_at: Mapped[datetime] = mapped_column(UtcDateTime(), default=now)
    withdrawn_at: Mapped[datetime | None] = mapped_column(UtcDateTime())


def find(model_id: str) -> ModelVersion | None:
    """Return the model with this id, where the present request may read its study."""
    version = db.session.get(ModelVersion, model_id)
    return version if version is not None and access.may(version.species.study, "read") else None


def active_for(species_id: int) -> ModelVersion | None:
    """Return the model that answers for a species."""
    return db.session.scalar(
        select(ModelVersion).where(ModelVersion.species_id == species_id, ModelVersion.active.is_(True))
    )


class MetricJson(TypedDict):
    """A score as a card stores it."""

    value: float
    low: float | None
    high: float | None


class CardParts(NamedTuple):
    """The parts of a model's card that lists show."""

    id: str
    auc: MetricJson | None
    validation: str
    records: Literal["presence-absence", "presence-background"]
    n_presences: float
    n_absences: float


class ListedVersion(NamedTuple):
    """A model in a list, without its card."""

    id: str
    version: int
    active: bool
    registered_at: datetime
    species_slug: str
    scientific_name: str
    study_slug: str
    study_title: str


class SpeciesRow(NamedTuple):
    """A species with its study and the model that answers for it, if any."""

    id: int
    slug: str
    scientific_name: str
    vernacular_name: str
    other_names: list[str]
    study_slug: str
    study_title: str
    visibility: Visibility
    model_id: str | None
    version: int | None
    path: str | None
    auc: float | None


def species_and_models() -> list[SpeciesRow]:
    """Return every species of every study by slug, with its study and the model that answers for it."""
    auc = ModelVersion.card["metrics"]["auc_roc"]["value"].as_float()
    query = (
        select(
            Species.id,
            Species.slug,
            Species.scientific_name,
            Species.vernacular_name,
            Species.other_names,
            Study.slug.label("study_slug"),
            Study.title.label("study_title"),
            Study.visibility,
            ModelVersion.id.label("model_id"),
            ModelVersion.version,
            ModelVersion.path,
            auc.label("auc"),
        )
        .join(Study, Study.id == Species.study_id)
        .outerjoin(ModelVersion, (ModelVersion.species_id == Species.id) & ModelVersion.active.is_(True))
        .order_by(Species.slug)
    )
    return [SpeciesRow._make(row) for row in db.session.execute(query)]


def any_active_of_study(study_id: int) -> ModelVersion | None:
    """Return the first model by id that answers for a species of a study."""
    query = select(ModelVersion).join(Species).where(ModelVersion.active, Species.study_id == study_id)
    return db.session.scalars(query.order_by(ModelVersion.id).limit(1)).first()


def active_of_study(study_id: int) -> list[str]:
    """Return the ids of the models that answer for the species of a study, in order."""
    query = select(ModelVersion.id).join(Species).where(ModelVersion.active, Species.study_id == study_id)
    return list(db.session.scalars(query.order_by(ModelVersion.id)))


def has_earlier(study_id: int) -> bool:
    """Return whether a species of a study has activations of two models that were not rolled back."""
    query = (
        select(Activation.species_id)
        .join(Species, Species.id == Activation.species_id)
        .where(Species.study_id == study_id, Activation.withdrawn_at.is_(None))
        .group_by(Activation.species_id)
        .having(func.count(Activation.model_id.distinct()) > 1)
        .limit(1)
    )
    return db.session.scalar(query) is not None


def active_counts() -> dict[int, int]:
    """Return the number of species with an active model, by the id of the study."""
    query = select(Species.study_id, func.count()).join(ModelVersion, ModelVersion.species_id == Species.id)
    rows = db.session.execute(query.where(ModelVersion.active).group_by(Species.study_id))
    return {row[0]: row[1] for row in rows}


def listing(study: str | None = None, species: str | None = None) -> list[ListedVersion]:
    """Return models that may be read, without cards and in no certain order; of a study or a species by its slug."""
    query = (
        select(
            ModelVersion.id,
            ModelVersion.version,
            ModelVersion.active,
            ModelVersion.registered_at,
            Species.slug.label("species_slug"),
            Species.scientific_name,
            Study.slug.label("study_slug"),
            Study.title.label("study_title"),
        )
        .join(Species, Species.id == ModelVersion.species_id)
        .join(Study, Study.id == Species.study_id)
        .where(access.readable())
    )
    if study is not None:
        query = query.where(Study.slug == study)
    if species is not None:
        query = query.where(Species.slug == species)
    return [ListedVersion(*row) for row in db.session.execute(query)]


def by_ids(model_ids: Sequence[str]) -> dict[str, ModelVersion]:
    """Return models with their cards, by id."""
    query = select(ModelVersion).where(ModelVersion.id.in_(model_ids))
    return {version.id: version for version in db.session.scalars(query)}


def versions_of(species_id: int, limit: int) -> list[ModelVersion]:
    """Return the models of a species, latest version first."""
    query = select(ModelVersion).where(ModelVersion.species_id == species_id)
    return list(db.session.scalars(query.order_by(ModelVersion.version.desc()).limit(limit)))


def species_with_models() -> list[tuple[str, str]]:
    """Return slug and scientific name of every species that has a model and may be read, by name."""
    has_model = select(ModelVersion.id).where(ModelVersion.species_id == Species.id).exists()
    query = select(Species.slug, Species.scientific_name).join(Study, Study.id == Species.study_id)
    query = query.where(has_model, access.readable())
    return [(slug, name) for slug, name in db.session.execute(query.order_by(Species.scientific_name, Species.slug))]


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


def card_parts(model_ids: Sequence[str]) -> list[CardParts]:
    """Read a few parts of models' cards, leaving the rest of each card in the database."""
    # a card is tens of kilobytes, and a list shows a few numbers of each; a count may exceed SQL's INTEGER
    card = ModelVersion.card
    query = select(
        ModelVersion.id,
        card["metrics"]["auc_roc"].label("auc"),
        card["validation"]["method"].as_string().label("validation"),
        card["study"]["records"].as_string().label("records"),
        card["n_presences"].as_float().label("n_presences"),
        card["n_absences"].as_float().label("n_absences"),
    )
    parts: list[CardParts] = []
    for start in range(0, len(model_ids), _MOST_IDS):
        some = model_ids[start : start + _MOST_IDS]
        parts += [CardParts(*row) for row in db.session.execute(query.where(ModelVersion.id.in_(some)))]
    return parts
