"""Rows of a table, collected by column: only the columns that have a meaning."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml.records.columns import IndexColumn, NumberColumn, TextColumn
from ml.records.coordinate_text import Axis
from ml.records.delimited import no_name
from ml.records.errors import OccurrenceError

_AXES: dict[str, Axis] = {"decimalLatitude": "latitude", "decimalLongitude": "longitude"}
#: Largest number of records of a file.
MAX_ROWS = 20_000_000
#: Rows that are collected at a time.
_BATCH = 256
#: A day with a time.
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[T ][\d:.]+(?:Z|[+-][\d:]+)?", re.ASCII)
#: Rows and characters of a cell in the preview.
PREVIEW_ROWS, _PREVIEW_CELL = 5, 200


@dataclass(frozen=True)
class Plan:
    """Which columns of a table are collected.

    Attributes
    ----------
    columns : mapping of str to (int or None)
        Term to column; None for a term that has its default value in all rows.
    defaults : mapping of str to str
        Value of a term where a row has none.
    environment : mapping of str to int
        Name to column of what may be numbers.
    unnamed : sequence of int
        Columns without a name, which must be empty; the first one may be an index.
    preview : sequence of (int or None)
        Columns of the preview.
    days : bool
        Leave out the time of day of eventDate.
    compact : bool
        Store coordinates of large tables as numbers.
    """

    columns: Mapping[str, int | None]
    defaults: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, int] = field(default_factory=dict)
    unnamed: Sequence[int] = ()
    preview: Sequence[int | None] = ()
    days: bool = True
    compact: bool = True


@dataclass
class CollectedColumns:
    """Columns of a table.

    Attributes
    ----------
    texts : dict of str to Series
    environment : dict of str to ndarray of float64
    lines : ndarray of int64
    preview : list of list of str
        First rows. Where the encoding is a guess, rows that contain other letters than those of ASCII come first.
    n_foreign : int
        Rows that contain other letters than those of ASCII, where the encoding is a guess.
    nodata : dict of str to int
        Conditions of -9999, which are missing values, by column.
    """

    texts: dict[str, pd.Series]
    environment: dict[str, NDArray[np.float64]]
    lines: NDArray[np.int64]
    preview: list[list[str]]
    n_foreign: int = 0
    nodata: dict[str, int] = field(default_factory=dict)


def collect(
    rows: Iterator[tuple[int, Sequence[str]]],
    plan: Plan,
    name: str,
    *,
    guessed_encoding: bool = False,
    keep_empty: bool = False,
) -> CollectedColumns:
    """Collect the rows of a table.

    Parameters
    ----------
    rows : iterator of (int, sequence of str)
        Line and fields of each row.
    plan : Plan
    name : str
        Name of the file, for messages.
    guessed_encoding : bool
        Show rows with letters that depend on the encoding.
    keep_empty : bool
        Keep rows without any value, which spreadsheets write.

    Raises
    ------
    OccurrenceError
        There are too many rows, or a column that has values has no name.
    """
    texts = {term: TextColumn(axis=_AXES.get(term) if plan.compact else None) for term in plan.columns}
    numbers = {label: NumberColumn() for label in plan.environment}
    unnamed = {position: IndexColumn() for position in plan.unnamed}
    lines = array("q")
    batch: list[Sequence[str]] = []
    first: list[Sequence[str]] = []
    foreign: list[Sequence[str]] = []
    n_foreign = 0

    def flush() -> None:
        for term, column in texts.items():
            position, default = plan.columns[term], plan.defaults.get(term, "")
            if position is None:
                column.extend([default] * len(batch))
            elif term == "eventDate" and plan.days:
                column.extend([_day(row[position].strip()) or default for row in batch])
            elif default:
                column.extend([row[position].strip() or default for row in batch])
            else:
                column.extend([row[position].strip() for row in batch])
        for label, number in numbers.items():
            number.extend([row[plan.environment[label]].strip() for row in batch])
        for position, index in unnamed.items():
            index.extend([row[position].strip() for row in batch])
        batch.clear()
        if len(lines) > MAX_ROWS:
            raise OccurrenceError(f"{name} has more than {MAX_ROWS:,} records; split it")

    for line, fields in rows:
        if not keep_empty and not any(fields):
            continue
        lines.append(line)
        batch.append(fields)
        if len(first) < PREVIEW_ROWS:
            first.append(fields)
        if guessed_encoding and not "".join(fields).isascii():
            n_foreign += 1
            if len(foreign) < PREVIEW_ROWS:
                foreign.append(fields)
        if len(batch) == _BATCH:
            flush()
    flush()
    for number in numbers.values():
        number.finish()
    for position, index in unnamed.items():
        if index.has_values and (position > 0 or not index.is_index):
            raise OccurrenceError(no_name(position + 1, name))
    shown = [*foreign, *(row for row in first if row not in foreign)][:PREVIEW_ROWS]
    return CollectedColumns(
        {term: column.series() for term, column in texts.items()},
        {label: column.values() for label, column in numbers.items() if column.is_numeric and column.n_numbers},
        np.array(lines, dtype=np.int64),
        [[_cell(row, position) for position in plan.preview] for row in shown],
        n_foreign,
        {label: column.n_nodata for label, column in numbers.items() if column.is_numeric and column.n_nodata},
    )


def _day(text: str) -> str:
    """Return a date without its time of day; a text that is not one date is returned as it is."""
    match = _TIME.fullmatch(text)
    return match[1] if match else text


def _cell(row: Sequence[str], position: int | None) -> str:
    return row[position].strip()[:_PREVIEW_CELL] if position is not None else ""
