"""Coordinates of a table of records in degrees, with the texts that are not coordinates."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml.records.coordinate_text import Axis, parse_coordinate
from ml.records.coordinates import parse_coordinates
from ml.records.synonyms import METRES, plain_label, split_hemisphere
from ml.records.table import RecordTable
from ml.records.terms import COORDINATES

_AXES: dict[str, Axis] = {"decimalLatitude": "latitude", "decimalLongitude": "longitude"}
#: Texts of one column that a note names.
_MOST_NAMED = 3


def degrees_of(
    table: RecordTable, term: str, datum: str | None = None
) -> tuple[NDArray[np.float64], NDArray[np.bool_], dict[str, str]]:
    """Return the coordinates of a table.

    Parameters
    ----------
    table : RecordTable
    term : {"decimalLatitude", "decimalLongitude"}
    datum : str, optional
        Datum of the file as the user states it.

    Returns
    -------
    degrees : ndarray of float64, shape (n,)
        NaN where missing or unreadable. Negative where the name of the column states south or west.
    unreadable : ndarray of bool, shape (n,)
    reasons : dict
        Unreadable text to the reason.
    """
    records, label, axis = table.frame, table.report.mapping.get(term, ""), _AXES[term]
    if term not in records:
        return np.full(len(records), np.nan), np.zeros(len(records), dtype=bool), {}
    if pd.api.types.is_float_dtype(records[term].dtype):
        degrees = records[term].to_numpy(dtype=np.float64)
        # Large tables have their coordinates as numbers, infinite where the text is unreadable.
        unreadable = np.isinf(degrees)
        degrees = np.where(unreadable, np.nan, degrees)
        reasons = {text: _reason(text, axis) for text in set(table.unreadable.get(term, {}).values())}
    else:
        # Between columns that a semicolon or a tab separates, a comma is a decimal one: degrees have no thousands.
        no_thousands = table.report.delimiter in (";", "\t") and not datum and plain_label(label) not in METRES
        degrees, reasons = parse_coordinates(records[term], axis, decimal_comma=no_thousands)
        unreadable = records[term].isin(list(reasons)).to_numpy(dtype=bool)
    if split_hemisphere(label)[1] < 0 and not (degrees < 0.0).any():
        degrees = -degrees
    return degrees, unreadable, reasons


def _reason(text: str, axis: Axis) -> str:
    try:
        parse_coordinate(text, axis)
    except ValueError as error:
        return str(error)
    return "it can be read in two ways"


def unreadable_coordinates(table: RecordTable, datum: str | None = None) -> list[str]:
    """Return a note on the first texts that are not coordinates, with their lines and the reason."""
    notes = []
    for term in COORDINATES:
        _, unreadable, reasons = degrees_of(table, term, datum)
        rows = np.flatnonzero(unreadable)
        stored = table.unreadable.get(term, {})
        named: list[str] = []
        for row in rows[:1_000].tolist():
            text = stored.get(row, str(table.frame[term].iloc[row]))
            if text in reasons and text not in named and len(named) < _MOST_NAMED:
                named.append(text)
                column = table.report.mapping.get(term, term)[:40]
                notes.append(
                    f"line {table.lines[row]:,}, column {column}: {text[:60]!r} is unreadable: {reasons[text]}"
                )
        if len(rows) > len(named) and named:
            notes[-1] += f" ({len(rows):,} coordinates of the column are unreadable)"
    return notes
