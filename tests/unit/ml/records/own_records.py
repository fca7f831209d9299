"""Tables, cells and files that tests of the audit share."""

from pathlib import Path

import numpy as np
import pandas as pd

from ml.recipes.reports import RecordFileReport
from ml.records.reasons import CODES
from ml.records.recount import decide
from ml.records.table import RecordTable

OWN_DATA = Path(__file__).resolve().parents[4].parent / "shared" / "data" / "own-data"

#: A record that no check concerns, of a lizard in the mountains of Spain.
GOOD = {
    "scientificName": "Lacerta schreiberi",
    "decimalLatitude": "40.2345",
    "decimalLongitude": "-5.4321",
    "license": "CC_BY_4_0",
    "eventDate": "2001-05-03",
}


def table(rows, name="records.csv"):
    """Return a table of records; a term that a row lacks is an empty text."""
    frame = pd.DataFrame(rows, dtype=object).fillna("")
    report = RecordFileReport(format="table", n=len(frame), columns=list(frame), mapping={})
    return RecordTable(name, "table", frame, np.arange(2, len(frame) + 2), report)


class SmallGrid:
    """Cells of one degree from 10 W to 10 E and 35 N to 55 N; no value in the second layer north of 50 N."""

    width_m = 10_000.0
    names = ("warm", "wet")

    def cell_of(self, longitude, latitude):
        inside = (abs(longitude) < 10) & (latitude > 35) & (latitude < 55)
        cell = np.floor(longitude + 10).astype(int) + 20 * np.floor(latitude - 35).astype(int)
        return np.where(inside, cell, -1).astype(np.int64)

    def has_values(self, cell):
        return cell // 20 < 15

    def values(self, cell):
        wet = np.where(self.has_values(cell), cell % 20, np.nan)
        return np.stack([cell // 20, wet], axis=1).astype(np.float32)


def reasons(audit, recipe):
    """Return the reason of each record, "" where it is kept."""
    return ["" if reason < 0 else CODES[reason] for reason in decide(audit, recipe).reason]


def counts(report):
    """Return the checks that drop records, with their numbers."""
    return {count.code: count.n for count in report.reasons if count.drops and count.n}


def flags(report):
    """Return the flags that mark records, with their numbers."""
    return {count.code: count.n for count in report.reasons if count.kind == "flag" and not count.drops and count.n}
