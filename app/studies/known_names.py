"""The names of which a study has a record or a model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy import select

from app.catalogue.names import binomial, fold
from app.catalogue.species import Species
from app.catalogue.study_tables import Study
from app.database.db import db
from app.studies import own, place_tables, tables
from ml.recipes.reports import MOST_NAMES


@dataclass(frozen=True)
class Names:
    """The names of a study.

    Attributes
    ----------
    keys : frozenset of str
        As names are compared, each with and without its authorship.
    is_complete : bool
        Whether they are all. The report on a file has its most frequent names only.
    """

    keys: frozenset[str]
    is_complete: bool

    def has(self, name: str) -> bool | None:
        """Return whether a name is among them; None where that is not known."""
        if not self.keys.isdisjoint(_keys(name)):
            return True
        return False if self.is_complete else None


def names_in(study: Study) -> Names:
    """Return the names of the models and of the records of a study, as the reports on its files have them."""
    texts = list(db.session.scalars(select(Species.scientific_name).where(Species.study_id == study.id)))
    is_complete = True
    if tables.recipe_of(study.slug) is not None:
        loaded = own.load(study.slug)
        texts += [name for pair in loaded.recipe.merge.items() for name in pair]
        texts += [file.species for file in loaded.recipe.records if file.species]
        for report in loaded.files:
            listed = report.records.species if report.records is not None else []
            texts += [name for name, _ in listed]
            is_complete = is_complete and len(listed) < MOST_NAMES
        if not is_complete:
            texts += place_tables.names_of(study.id)
    return Names(frozenset(_all_keys(texts)), is_complete)


def _all_keys(texts: Iterable[str]) -> Iterator[str]:
    for text in dict.fromkeys(texts):
        yield from _keys(text)


def _keys(text: str) -> set[str]:
    return {fold(text), fold(binomial(text))} - {""}
