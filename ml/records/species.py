"""The species of records: which column states it, and which names look like one species."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rapidfuzz import process
from rapidfuzz.distance import Levenshtein

from ml.records.checks import Column, first_stated
from ml.records.missing import is_missing
from ml.records.names import canonical_name

#: Ranks above the species: such a name is not one of a species.
_HIGHER = frozenset(
    re.findall(
        r"\w+",
        "domain kingdom subkingdom phylum subphylum division class subclass superorder order suborder infraorder "
        "superfamily family subfamily tribe subtribe genus subgenus section series",
    )
)
#: Names with at most this many different letters look alike.
_FEW_LETTERS = 2
#: Shorter names, and more names than this, are not compared.
_SHORTEST, _MOST = 10, 5_000


def species_texts(records: pd.DataFrame, default: str | None) -> Column:
    """Return the name of the species of each record, as the file states it; "" where it states none.

    GBIF's interpretation (``species``, ``acceptedScientificName``) comes before ``scientificName``, then genus and
    epithet, then GBIF's key of the species or taxon.

    Parameters
    ----------
    records : DataFrame
    default : str or None
        The species of a file in which no record has a name.
    """
    names = first_stated([Column.of(records, t) for t in ("species", "acceptedScientificName", "scientificName")])
    if "taxonRank" in records and "species" in records:
        # GBIF leaves ``species`` empty where only a genus or a family is known.
        higher = Column.of(records, "taxonRank").each(lambda rank: rank.lower() in _HIGHER)
        higher &= Column.of(records, "species").each(is_missing)
        names = _set(names, higher, "")
    else:
        higher = np.zeros(len(records), dtype=bool)
    for fallback in (_binomials(records), _keys(records, "speciesKey"), _keys(records, "taxonKey")):
        names = first_stated([names, fallback])
    names = _set(names, higher, "")
    missing = names.each(is_missing) & ~higher
    # In a file with names, a record without one is undetermined, and not of the species that somebody states.
    return _set(names, missing, default if default and missing.all() else "")


def _set(column: Column, rows: NDArray[np.bool_], text: str) -> Column:
    if rows.any():
        column.codes = np.where(rows, len(column.texts), column.codes).astype(np.int32)
        column.texts = [*column.texts, text]
    return column


def _binomials(records: pd.DataFrame) -> Column:
    """Return genus and epithet of each record, where the table has both."""
    genus, epithet = Column.of(records, "genus"), Column.of(records, "specificEpithet")
    pairs, codes = np.unique(genus.codes.astype(np.int64) * len(epithet.texts) + epithet.codes, return_inverse=True)
    both = [(genus.texts[pair // len(epithet.texts)], epithet.texts[pair % len(epithet.texts)]) for pair in pairs]
    column = Column.of(records, "")
    column.texts = ["" if is_missing(first) or is_missing(second) else f"{first} {second}" for first, second in both]
    column.codes = codes.astype(np.int32)
    return column


def _keys(records: pd.DataFrame, term: str) -> Column:
    column = Column.of(records, term)
    column.texts = ["" if is_missing(text) else f"GBIF:{text.removesuffix('.0')}" for text in column.texts]
    return column


def number_species(
    columns: Sequence[Column],
) -> tuple[list[NDArray[np.int32]], list[str], list[list[str]]]:
    """Return the number of the species of each record, by table, with names and spellings.

    Returns
    -------
    codes : list of ndarray of int32, shape (n,)
        -1 without a species.
    names : list of str
        Canonical names in alphabetical order.
    spellings : list of list of str
        The texts of each species, at most 20.
    """
    canonical = [[canonical_name(text) for text in column.texts] for column in columns]
    stated = [np.bincount(column.codes, minlength=len(column.texts)) for column in columns]
    used: dict[str, set[str]] = {}
    for column, names, n in zip(columns, canonical, stated, strict=True):
        for text, name, count in zip(column.texts, names, n, strict=True):
            if name and count:
                used.setdefault(name, set()).add(text)
    ordered = sorted(used)
    numbers = {name: number for number, name in enumerate(ordered)}
    codes = [
        np.array([numbers.get(name, -1) for name in names] or [-1], dtype=np.int32)[column.codes]
        for column, names in zip(columns, canonical, strict=True)
    ]
    return codes, ordered, [sorted(used[name])[:20] for name in ordered]


def look_alike(names: Sequence[str], counts: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Return pairs of names that differ in one or two letters: the rarer and the more frequent one.

    Parameters
    ----------
    names : sequence of str
    counts : ndarray of int64, shape (n_names,)
        Records of each name.

    Returns
    -------
    list of pair of int
        Positions. A name is at most once the rarer one; equally frequent names are in alphabetical order.
    """
    if not 2 <= len(names) <= _MOST:
        return []
    lower = [name.lower() for name in names]
    pairs: dict[int, tuple[int, int]] = {}
    for begin in range(0, len(names), 500):
        distances = process.cdist(
            lower[begin : begin + 500], lower, scorer=Levenshtein.distance, score_cutoff=_FEW_LETTERS, dtype=np.uint8
        )
        for i, j in np.argwhere(distances <= _FEW_LETTERS):
            rare, frequent = int(i) + begin, int(j)
            if rare == frequent or min(len(names[rare]), len(names[frequent])) < _SHORTEST:
                continue
            if (counts[frequent], -frequent) <= (counts[rare], -rare) or not _alike(lower[rare], lower[frequent]):
                continue
            distance = int(distances[i, j])
            if rare not in pairs or (distance, frequent) < pairs[rare]:
                pairs[rare] = (distance, frequent)
    return sorted((rare, frequent) for rare, (_, frequent) in pairs.items())


def _alike(first: str, second: str) -> bool:
    """Return whether each word differs by at most one letter in five, unlike *Parus major* and *Parus minor*."""
    words, others = first.split(), second.split()
    if len(words) != len(others):
        return False
    return all(
        Levenshtein.distance(word, other) <= max(1, min(len(word), len(other)) // 5)
        for word, other in zip(words, others, strict=True)
    )
