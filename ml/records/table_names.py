"""Names of species of one table, for its report."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from ml.recipes.reports import MOST_NAMES

_TERMS = ("species", "scientificName")


def has_background(texts: Mapping[str, pd.Series]) -> bool:
    """Return whether the names of a table mark rows as background, as tables of Maxent do."""
    return any(
        str(name).strip().lower() == "background" for term in _TERMS if term in texts for name in texts[term].unique()
    )


def frequent_names(frame: pd.DataFrame) -> list[tuple[str, int]]:
    """Return the most frequent names of species, or of taxa where no species are named."""
    for term in _TERMS:
        if term in frame:
            counts = frame[term].value_counts()
            names = [(str(name), int(n)) for name, n in counts.items() if name and n]
            if names:
                # Equal counts in the order of the names, so that reports are equal too.
                return sorted(names, key=lambda item: (-item[1], item[0]))[:MOST_NAMES]
    return []
