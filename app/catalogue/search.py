"""Search for species by name, in memory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from app.catalogue.entries import SpeciesEntry
from app.catalogue.names import ENOUGH, NameTable, fold, grams_of_name, grams_of_query

#: Species that are scored: those that share the most three-letter pieces with the query.
MOST_CANDIDATES = 300
# Shorter texts are part of too many names.
_SHORTEST_PART = 3


class SearchIndex:
    """The names of species, prepared for comparison and indexed by their three-letter pieces.

    Parameters
    ----------
    species : sequence of SpeciesEntry
    """

    def __init__(self, species: Sequence[SpeciesEntry]) -> None:
        # of candidates that share equally many pieces, those with the lowest ids are scored
        self._species = sorted(species, key=lambda entry: entry.id)
        named = [(position, name) for position, entry in enumerate(self._species) for name in entry.names]
        self._owner = np.array([position for position, _ in named], dtype=np.intp)
        self._names = NameTable([name for _, name in named])
        positions: dict[str, list[int]] = {}
        for position, entry in enumerate(self._species):
            for gram in {gram for name in entry.names for gram in grams_of_name(name)}:
                positions.setdefault(gram, []).append(position)
        self._positions = {gram: np.array(several, dtype=np.intp) for gram, several in positions.items()}

    def search(self, query: str, study: str | None = None) -> list[SpeciesEntry]:
        """Return the species that a text may mean, best match first.

        Parameters
        ----------
        query : str
            As typed: part of a scientific, vernacular or other name.
        study : str, optional
            Slug of the study to search in.
        """
        candidates = self._candidates(query, study)
        if not candidates.size:
            return self._containing(query, study)
        scores = np.zeros(len(self._species))
        np.maximum.at(scores, self._owner, self._names.scores(query))
        matches = [(-float(scores[at]), self._species[at]) for at in candidates if scores[at] >= ENOUGH]
        found = [entry for _, entry in sorted(matches, key=lambda match: (match[0], match[1].slug))]
        return found or self._containing(query, study)

    def _containing(self, query: str, study: str | None) -> list[SpeciesEntry]:
        """Return the species with a name that contains a text, such as goldfinch for "finch", by slug."""
        part = fold(query)
        if len(part) < _SHORTEST_PART:
            return []
        matches = [
            entry
            for entry in self._species
            if study in (None, entry.study.slug) and any(part in fold(name) for name in entry.names)
        ]
        return sorted(matches, key=lambda entry: entry.slug)

    def _candidates(self, query: str, study: str | None) -> npt.NDArray[np.intp]:
        """Return the positions of the species that share the most pieces with a query."""
        shared = np.zeros(len(self._species), dtype=np.intp)
        for gram in grams_of_query(query):
            if gram in self._positions:
                shared[self._positions[gram]] += 1
        if study is not None:
            shared[[entry.study.slug != study for entry in self._species]] = 0
        order = np.argsort(-shared, kind="stable")[:MOST_CANDIDATES]
        return order[shared[order] > 0]
