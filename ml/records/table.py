"""Records of one file as they were read: only the columns that have a meaning, as text."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml.recipes.reports import RecordFileReport


@dataclass(frozen=True)
class RecordTable:
    """Records of one file.

    Attributes
    ----------
    name : str
        Name of the file.
    format : str
        As `RecordFileReport.format`.
    frame : DataFrame, shape (n_records, n_terms + n_environment)
        The mapped Darwin Core terms, in the standard's spelling, as text or categorical text, "" where a value is
        missing. A column is as the file has it, without blanks around it: numbers and dates are not interpreted. There
        are two exceptions, to use less memory: eventDate has no time of day, and coordinates of tables with more than
        100,000 different values are float64 (NaN where missing, infinite where unreadable). Samples with data have
        their conditions as further columns of float64, NaN where missing, named in ``report.environment``.
    lines : ndarray of int64, shape (n_records,)
        Line of the file (row of the sheet) of each record; the header is line 1. Of an archive: line of the file that
        has the occurrences.
    report : RecordFileReport
    unreadable : dict of str to dict of int to str
        Texts of coordinates that are stored as infinite numbers, by term and position.
    """

    name: str
    format: str
    frame: pd.DataFrame
    lines: NDArray[np.int64]
    report: RecordFileReport
    unreadable: dict[str, dict[int, str]] = field(default_factory=dict)

    def text(self, term: str) -> pd.Series:
        """Return the column of a term, as text or categorical text; empty texts where the file does not have it."""
        if term in self.frame:
            return self.frame[term]
        codes = np.zeros(len(self.frame), dtype=np.int8)
        return pd.Series(pd.Categorical.from_codes(codes, pd.Index([""], dtype=object)))
