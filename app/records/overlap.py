"""Files of records that repeat each other: the same species at the same place and date in both."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np

from ml.recipes.reports import Problem
from ml.records.recount import Audit

#: Files that are compared with each other, and notes that are written.
_MOST_FILES, _MOST_NOTES = 12, 5
#: Share of the smaller file that is worth a note.
_SHARE = 0.05


def repeated_files(audit: Audit) -> list[Problem]:
    """Return a note for each pair of files that have records in common."""
    order = np.argsort(audit.file, kind="stable")
    edges = np.searchsorted(audit.file[order], np.arange(min(len(audit.files), _MOST_FILES) + 1))
    occasions = [np.unique(audit.occasion[order[start:end]]) for start, end in pairwise(edges)]
    occasions = [numbers[numbers >= 0] for numbers in occasions]
    notes = []
    for one, other in combinations(range(len(occasions)), 2):
        smaller = min(len(occasions[one]), len(occasions[other]))
        common = len(np.intersect1d(occasions[one], occasions[other], assume_unique=True))
        if common and common >= _SHARE * smaller:
            text = (
                f"{audit.files[one]} and {audit.files[other]} have {common:,} record{'s' if common != 1 else ''} in "
                "common: the same species, place and date."
            )
            notes.append(Problem(code="files_repeat", text=text, blocking=False))
    return notes[:_MOST_NOTES]
