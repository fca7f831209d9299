"""Every record with what became of it, as a CSV file."""

from __future__ import annotations

import csv
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from ml.coarse_places import coarsen
from ml.records.decision import Decision
from ml.records.errors import OccurrenceError
from ml.records.reasons import CODES, PLACELESS
from ml.records.saved_audit import Audit
from ml.records.table import RecordTable
from ml.spreadsheets import without_formula

#: Columns before those of the files.
COLUMNS = ("file", "line", "status", "reason", "flags", "name", "longitude", "latitude")
_CHUNK = 10_000

#: Stands for all other reasons on a grid.
OF_PLACE = "place"


def write_rows(
    tables: Iterable[RecordTable],
    audit: Audit,
    decision: Decision,
    output: Path,
    status: Literal["kept", "dropped"] | None = None,
    grid_km: int | None = None,
) -> int:
    """Write records with their status, reason and flags.

    Parameters
    ----------
    tables : iterable of RecordTable
        The tables that were audited, in the same order.
    audit : Audit
    decision : Decision
    output : Path
        CSV file in UTF-8. It gets its name only when it is complete. ``name``, ``longitude`` and ``latitude`` are the
        species after merging and the place in WGS 84, empty where there is none; the columns of the files follow as
        they were read. A text that a spreadsheet would take for a formula begins with an apostrophe.
    status : {"kept", "dropped"}, optional
        Only these records; by default all.
    grid_km : int, optional
        Width of the cells whose centres are written in the place of coordinates. The columns of the files, which have
        the place in many forms, are then left out, as are flags that come from the place, such as ``capital``, and
        reasons that do are ``place``.

    Returns
    -------
    int
        Number of rows.

    Raises
    ------
    OccurrenceError
        The tables are not those of the audit.
    """
    handle, draft = tempfile.mkstemp(prefix=".records-", suffix=".csv", dir=output.parent)
    try:
        n = 0
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            # The header has the columns of all tables.
            tables = list(tables)
            terms = sorted({str(term) for table in tables for term in table.frame}) if grid_km is None else []
            writer.writerow([*COLUMNS, *(_safe(term) for term in terms)])
            begin = 0
            for number, table in enumerate(tables):
                if number >= len(audit.files) or audit.files[number] != table.name:
                    raise OccurrenceError(f"{table.name} is not the file that was audited; audit the records again")
                end = begin + len(table.frame)
                if not np.array_equal(audit.line[begin:end], table.lines):
                    raise OccurrenceError(f"{table.name} changed after its records were audited; audit them again")
                for rows in _rows(table, terms, audit, decision, begin, status, grid_km):
                    writer.writerows(rows)
                    n += len(rows)
                begin = end
            if begin != audit.n:
                raise OccurrenceError(f"the audit has {audit.n:,} records and the files {begin:,}; audit them again")
        Path(draft).chmod(0o644)
        Path(draft).replace(output)
        return n
    finally:
        Path(draft).unlink(missing_ok=True)


def _rows(
    table: RecordTable,
    terms: list[str],
    audit: Audit,
    decision: Decision,
    begin: int,
    status: Literal["kept", "dropped"] | None,
    grid_km: int | None,
) -> Iterator[list[list[str]]]:
    for first in range(0, len(table.frame), _CHUNK):
        part = table.frame.iloc[first : first + _CHUNK]
        rows = np.arange(begin + first, begin + first + len(part))
        kept = decision.kept[rows]
        use = np.ones(len(part), dtype=bool) if status is None else kept == (status == "kept")
        part, rows, kept = part[use], rows[use], kept[use]
        longitude, latitude = audit.longitude[rows], audit.latitude[rows]
        if grid_km is not None:
            longitude, latitude = coarsen(longitude, latitude, grid_km)
        flags = {code: mask[rows] for code, mask in decision.flags.items() if grid_km is None or code in PLACELESS}
        columns = [
            [_safe(table.name)] * len(rows),
            [str(line) for line in audit.line[rows]],
            ["kept" if one else "dropped" for one in kept],
            ["" if reason < 0 else _shown(CODES[reason], grid_km) for reason in decision.reason[rows]],
            [";".join(code for code, mask in flags.items() if mask[i]) for i in range(len(rows))],
            ["" if code < 0 else _safe(decision.names[code]) for code in decision.species[rows]],
            [_degrees(value) for value in longitude],
            [_degrees(value) for value in latitude],
            *(_cells(part, term, table.unreadable.get(term, {})) for term in terms),
        ]
        yield [list(row) for row in zip(*columns, strict=True)]


def _shown(reason: str, grid_km: int | None) -> str:
    """Return a reason; on a grid without what it says about the place."""
    return reason if grid_km is None or reason in PLACELESS else OF_PLACE


def _cells(part: pd.DataFrame, term: str, unreadable: dict[int, str]) -> list[str]:
    if term not in part:
        return [""] * len(part)
    if not pd.api.types.is_float_dtype(part[term].dtype):
        return [_safe(value) for value in part[term]]
    # A coordinate that is not one is stored as an infinite number, and its text beside the table.
    return [
        _safe(unreadable.get(row, "unreadable") if np.isinf(value) else value)
        for row, value in zip(part.index, part[term], strict=True)
    ]


def _degrees(value: float) -> str:
    return "" if np.isnan(value) else repr(round(float(value), 7))


def _safe(value: object) -> str:
    """Return a text of a cell that no spreadsheet runs as a formula. Numbers stay as they are."""
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return ""
    return without_formula(str(value))
