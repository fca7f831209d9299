"""The tables of species and of the pieces of their names that make search tolerant of typing errors."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import JSON, ForeignKey, String, delete, func, select
from sqlalchemy.orm import Mapped, joinedload, mapped_column, relationship

from app.catalogue.names import Names, grams_of_name
from app.catalogue.studies import Study
from app.database.db import db


class Species(db.Model):  # type: ignore[name-defined]
    """A species within a study."""

    __tablename__ = "species"

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(String(100), unique=True)
    scientific_name: Mapped[str] = mapped_column(String(200))
    vernacular_name: Mapped[str] = mapped_column(String(200), default="")
    other_names: Mapped[list[str]] = mapped_column(JSON, default=list)
    name_key: Mapped[str] = mapped_column(String(200), index=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("studies.id"), index=True)

    study: Mapped[Study] = relationship(lazy="joined", innerjoin=True)

    @property
    def names(self) -> Names:
        """Every name the species goes by."""
        return (self.scientific_name, self.vernacular_name, *self.other_names)


class SpeciesGram(db.Model):  # type: ignore[name-defined]
    """Three letters of a name: plain rows and an index search alike on PostgreSQL and SQLite."""

    __tablename__ = "species_grams"

    gram: Mapped[str] = mapped_column(String(3), primary_key=True)
    species_id: Mapped[int] = mapped_column(ForeignKey("species.id", ondelete="CASCADE"), primary_key=True, index=True)


def find(slug: str) -> Species | None:
    """Return the species with this slug."""
    return db.session.scalar(select(Species).where(Species.slug == slug))


def after(scientific_name: str, slug: str, limit: int, study: str | None) -> list[Species]:
    """Return species in the order of their scientific names, from behind a place in it."""
    statement = select(Species).order_by(Species.scientific_name, Species.slug).limit(limit)
    if slug:
        same = (Species.scientific_name == scientific_name) & (Species.slug > slug)
        statement = statement.where((Species.scientific_name > scientific_name) | same)
    if study is not None:
        statement = statement.join(Study, Study.id == Species.study_id).where(Study.slug == study)
    return list(db.session.scalars(statement))


def sharing_grams(grams: Sequence[str], limit: int, study: str | None) -> list[Species]:
    """Return the species whose names share the most pieces with a query."""
    shared = func.count()
    best = (
        select(SpeciesGram.species_id, shared.label("shared"))
        .where(SpeciesGram.gram.in_(grams))
        .group_by(SpeciesGram.species_id)
        .order_by(shared.desc(), SpeciesGram.species_id)
        .limit(limit)
    )
    if study is not None:
        best = best.join(Species, Species.id == SpeciesGram.species_id).join(Study).where(Study.slug == study)
    found = best.subquery()
    statement = (
        select(Species)
        .join(found, found.c.species_id == Species.id)
        .options(joinedload(Species.study))
        .order_by(found.c.shared.desc(), Species.slug)
    )
    return list(db.session.scalars(statement))


def index_names(species: Species) -> None:
    """Write the pieces of a species' names anew."""
    db.session.execute(delete(SpeciesGram).where(SpeciesGram.species_id == species.id))
    grams = {gram for name in species.names for gram in grams_of_name(name)}
    db.session.add_all(SpeciesGram(species_id=species.id, gram=gram) for gram in sorted(grams))


def species_counts() -> dict[int, int]:
    """Return how many species each study has."""
    from app.catalogue.species import Species

    rows = db.session.execute(select(Species.study_id, func.count()).group_by(Species.study_id))
    return {row[0]: row[1] for row in rows}
