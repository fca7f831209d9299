"""Entries of the snapshot: studies, species and the models that answer for them."""

from __future__ import annotations

from dataclasses import dataclass

from app.catalogue.names import Names


@dataclass(frozen=True)
class StudyEntry:
    """A study by its names."""

    slug: str
    title: str


@dataclass(frozen=True)
class ModelEntry:
    """The model that answers for a species."""

    id: str
    version: int
    path: str
    auc: float | None


@dataclass(frozen=True)
class SpeciesEntry:
    """A species and the model that answers for it, if any."""

    id: int
    slug: str
    scientific_name: str
    vernacular_name: str
    study: StudyEntry
    model: ModelEntry | None
    other_names: tuple[str, ...] = ()

    @property
    def names(self) -> Names:
        """Every name of the species, the scientific name first."""
        return (self.scientific_name, self.vernacular_name, *self.other_names)
