"""The tables of species and of the pieces of their names."""

from __future__ import annotations

from sqlalchemy import JSON, ForeignKey, String, func, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.catalogue import access
from app.catalogue.studies import Study
from app.database.db import Base, db


class Species(Base):
    """A species within a study."""

    __tablename__ = "species"

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(String(100), unique=True)
    scientific_name: Mapped[str] = mapped_column(String(200))
    vernacular_name: Mapped[str] = mapped_column(String(200), default="")
    other_names: Mapped[list[str]] = mapped_column(JSON, default=list)
    # Nothing reads this column. It stays because it is NOT NULL in the tables of the previous release.
    name_key: Mapped[str] = mapped_column(String(200), index=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("studies.id"), index=True)

    study: Mapped[Study] = relationship(lazy="joined", innerjoin=True)


class SpeciesGram(Base):
    """Three letters of a name.

    The previous release searches in this table. This release searches in the snapshot and neither reads nor writes it
    (docs/decisions/041-search-in-the-snapshot.md); a later one drops it.
    """

    __tablename__ = "species_grams"

    gram: Mapped[str] = mapped_column(String(3), primary_key=True)
    species_id: Mapped[int] = mapped_column(ForeignKey("species.id", ondelete="CASCADE"), primary_key=True, index=True)


def find(slug: str) -> Species | None:
    """Return the species with this slug, where the present request may read its study."""
    species = db.session.scalar(select(Species).where(Species.slug == slug))
    return species if species is not None and access.may(species.study, "read") else None


def of_study(study_id: int, after: str, limit: int) -> list[Species]:
    """Return species of a study in the order of their slugs, starting after one of them."""
    query = select(Species).where(Species.study_id == study_id, Species.slug > after)
    return list(db.session.scalars(query.order_by(Species.slug).limit(limit)))


def species_counts() -> dict[int, int]:
    """Return the number of species of each study, by the study's id."""
    rows = db.session.execute(select(Species.study_id, func.count()).group_by(Species.study_id))
    return {row[0]: row[1] for row in rows}
