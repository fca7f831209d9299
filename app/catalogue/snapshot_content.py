"""The content of the snapshot: species with the models that answer, by slug, by name and in several orders."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from app.catalogue.entries import SpeciesEntry, StudyEntry
from app.catalogue.names import binomial, fold, shorten
from app.catalogue.search import SearchIndex
from app.errors import ValidationFailed


@dataclass(frozen=True)
class Snapshot:
    """All species of the registry that a request may read.

    Attributes
    ----------
    species : list of SpeciesEntry
    by_slug : dict
    by_name : dict
        Species by folded scientific name; a name can be that of species of several studies.
    has_all_names : bool
        Whether the entries have their other names, as of the latest change.
    """

    species: list[SpeciesEntry] = field(default_factory=list)
    by_slug: dict[str, SpeciesEntry] = field(default_factory=dict)
    by_name: dict[str, list[SpeciesEntry]] = field(default_factory=dict)
    has_all_names: bool = True

    @classmethod
    def of(cls, species: list[SpeciesEntry], *, has_all_names: bool = True) -> Snapshot:
        """Index some species."""
        by_name: dict[str, list[SpeciesEntry]] = {}
        for entry in species:
            by_name.setdefault(fold(entry.scientific_name), []).append(entry)
        return cls(species, {entry.slug: entry for entry in species}, by_name, has_all_names)

    def resolve(self, name: str, study: str | None = None) -> SpeciesEntry:
        """Return the species meant by a slug or a scientific name, with or without authorship.

        A name means a species with a model that answers; one without is meant where no other has the name. A scientific
        name can be one of a study.

        Raises
        ------
        ValidationFailed
            None is meant, or more than one; the pointer is ``/species``.
        """
        matches = self.meant_by(name, study)
        if len(matches) > 1:
            slugs = ", ".join(match.slug for match in matches[:5])
            raise ValidationFailed([("/species", f"more than one study has this species; name one of {slugs}")])
        if not matches:
            raise _unknown(name.strip())
        return matches[0]

    def meant_by(self, name: str, study: str | None = None) -> list[SpeciesEntry]:
        """Return the species that a slug or a scientific name can mean, by slug; several studies may have it."""
        stripped = name.strip()
        entry = self.by_slug.get(stripped.lower())
        if entry is not None:
            return [entry]
        spellings = [spelling for spelling in (fold(stripped), fold(binomial(stripped))) if spelling]
        for answers in (True, False):
            for spelling in spellings:
                named = [one for one in self.by_name.get(spelling, []) if study in (None, one.study.slug)]
                matches = [match for match in named if (match.model is not None) is answers]
                if matches:
                    return sorted(matches, key=lambda match: match.slug)
        return []

    def resolve_in(self, name: str, study: str) -> SpeciesEntry:
        """Return the species of a study that is meant by a slug or a scientific name.

        Raises
        ------
        ValidationFailed
            The study has no such species; the pointer is ``/species``.
        """
        entry = self.resolve(name, study)
        if entry.study.slug != study:
            raise _unknown(name.strip())
        return entry

    def resolve_study(self, slug: str) -> str:
        """Return the slug of a study, which may be written in capitals.

        Raises
        ------
        ValidationFailed
            No study has this slug; the pointer is ``/study``.
        """
        for entry in self.species:
            if entry.study.slug.lower() == slug.strip().lower():
                return entry.study.slug
        raise ValidationFailed([("/study", f"no study is called “{shorten(slug.strip())}”")])

    def best(self) -> SpeciesEntry | None:
        """Return the species whose model has the highest AUC: the stable example for a first visitor."""
        return self.by_score[0] if self.by_score else None

    @cached_property
    def by_score(self) -> list[SpeciesEntry]:
        """The species that have a model, the highest AUC first."""
        return sorted((entry for entry in self.species if entry.model is not None), key=_rank)

    @property
    def n_models(self) -> int:
        """Number of models that answer."""
        return sum(entry.model is not None for entry in self.species)

    @cached_property
    def by_scientific_name(self) -> list[SpeciesEntry]:
        """The species in the order of their scientific names."""
        return sorted(self.species, key=lambda entry: (entry.scientific_name, entry.slug))

    @cached_property
    def studies(self) -> list[StudyEntry]:
        """The studies that have species, by title."""
        return sorted({entry.study for entry in self.species}, key=lambda study: (study.title, study.slug))

    @cached_property
    def index(self) -> SearchIndex:
        """The names, prepared for search."""
        return SearchIndex(self.species)


def _unknown(name: str) -> ValidationFailed:
    return ValidationFailed([("/species", f"no species is called “{shorten(name)}”")])


def _rank(entry: SpeciesEntry) -> tuple[bool, float, str]:
    model = entry.model
    auc = model.auc if model else None
    return auc is None, -(auc or 0.0), model.id if model else ""
