"""Queries on models, species and studies for comparisons, which have no table of their own."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import case, func, select
from sqlalchemy.orm import defer, lazyload

from app.catalogue import access
from app.catalogue.species import Species
from app.catalogue.studies import Study
from app.catalogue.versions import ModelVersion
from app.database.db import db

# Cards are tens of kilobytes each and are not needed; the species of a version is loaded by the same query.
_LIGHT = (defer(ModelVersion.card), lazyload(ModelVersion.species))


@dataclass(frozen=True)
class Choice:
    """A species to choose, its number of versions, and the number of active versions (one or none)."""

    slug: str
    scientific_name: str
    vernacular_name: str
    study_title: str
    versions: int
    answering: int


def species_of(study_id: int) -> list[tuple[Species, ModelVersion | None]]:
    """Return the species of a study by scientific name, each with its active model."""
    answering = (ModelVersion.species_id == Species.id) & ModelVersion.active.is_(True)
    rows = db.session.execute(
        select(Species, ModelVersion)
        .outerjoin(ModelVersion, answering)
        .where(Species.study_id == study_id)
        .order_by(Species.scientific_name, Species.slug)
        .options(*_LIGHT)
    )
    return [(species, version) for species, version in rows]


def studies() -> list[tuple[Study, int]]:
    """Return the studies with active models, by title, each with its number of active models."""
    rows = db.session.execute(
        select(Study, func.count())
        .join(Species, Species.study_id == Study.id)
        .join(ModelVersion, (ModelVersion.species_id == Species.id) & ModelVersion.active.is_(True))
        .where(access.readable())
        .group_by(Study.id)
        .order_by(Study.title, Study.slug)
    )
    return [(study, count) for study, count in rows]


def choices() -> list[Choice]:
    """Return the species that have a model, by study and scientific name."""
    columns = (Species.slug, Species.scientific_name, Species.vernacular_name, Study.title)
    rows = db.session.execute(
        select(*columns, func.count(), func.sum(case((ModelVersion.active.is_(True), 1), else_=0)))
        .join(Study, Study.id == Species.study_id)
        .join(ModelVersion, ModelVersion.species_id == Species.id)
        .where(access.readable())
        .group_by(*columns)
        .order_by(Study.title, Species.scientific_name, Species.slug)
    )
    return [Choice(*row) for row in rows]


def versions_of(species_id: int) -> list[ModelVersion]:
    """Return the versions of a species' model, latest first."""
    statement = select(ModelVersion).where(ModelVersion.species_id == species_id).order_by(ModelVersion.version.desc())
    return list(db.session.scalars(statement.options(*_LIGHT)))


def version_before(version: ModelVersion) -> ModelVersion | None:
    """Return the version before one, of the same species."""
    earlier = (ModelVersion.species_id == version.species_id) & (ModelVersion.version < version.version)
    return db.session.scalars(
        select(ModelVersion).where(earlier).order_by(ModelVersion.version.desc()).limit(1)
    ).first()
