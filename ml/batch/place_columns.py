"""The columns of a table that have places."""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from ml.batch.chunks import Rows
from ml.records.coordinate_text import Axis, parse_coordinate
from ml.records.synonyms import METRES, SYNONYMS, plain_label, split_hemisphere

_TERMS = {"latitude": "decimalLatitude", "longitude": "decimalLongitude"}
_SCENARIO = "scenario"
# "Y_wgs (N)": `split_hemisphere` divides names of degrees only
_NORTH_OR_EAST = re.compile(r"(.+?)[\s_.]*[(\[]\s*[°º]?\s*(?:n|e|north|east)\s*[)\]]", re.IGNORECASE)
# Rows whose values tell degrees from metres.
_MOST_VALUES = 1_000


@dataclass(frozen=True)
class PlaceOptions:
    """What a user says about the places of a table; None stands for the usual names of columns.

    Attributes
    ----------
    latitude, longitude, scenario_column : str or None
        Names of columns.
    scenario : str or None
        Label of the scenario of the batch.
    """

    latitude: str | None = None
    longitude: str | None = None
    scenario_column: str | None = None
    scenario: str | None = None

    @property
    def is_stated(self) -> bool:
        """Whether the user says that the table has places."""
        return any((self.latitude, self.longitude, self.scenario_column, self.scenario))


@dataclass(frozen=True)
class PlaceColumns:
    """The columns of a table that have places.

    Attributes
    ----------
    latitude, longitude : str
    scenario_column : str or None
        A row without a label there has the scenario of the batch.
    scenario : str or None
        Label of the scenario of the batch; the training conditions where there is none.
    is_mixed : bool
        Whether rows without coordinates have conditions in columns, as rows of JSON may.
    """

    latitude: str
    longitude: str
    scenario_column: str | None = None
    scenario: str | None = None
    is_mixed: bool = False

    @property
    def columns(self) -> list[str]:
        """The columns that the table must have."""
        return [self.latitude, self.longitude, *([self.scenario_column] if self.scenario_column else [])]


def find_place_columns(rows: Rows, options: PlaceOptions) -> PlaceColumns | None:
    """Return the columns of places: those that are stated, or those with usual names; None where there are none.

    Columns with a name such as ``y`` and ``x`` are taken together, where their first values are degrees.

    Raises
    ------
    ValueError
        The rows cannot be read.
    """
    header = rows.header
    latitude = options.latitude or _usual(header, "latitude")
    longitude = options.longitude or _usual(header, "longitude")
    if latitude is None and longitude is None:
        latitude, longitude = _y_and_x(rows)
    if latitude is None or longitude is None:
        return None
    scenario = options.scenario_column or next((name for name in header if name.strip().lower() == _SCENARIO), None)
    return PlaceColumns(latitude, longitude, scenario, options.scenario)


def _usual(header: Sequence[str], axis: Axis) -> str | None:
    """Return the only column with a usual name of a coordinate, "latitude" itself before others."""
    term = _TERMS[axis]
    names = [name for name in header if (plain := _plain(name)) == term.casefold() or plain in SYNONYMS[term][0]]
    exact = [name for name in names if name.lower() == axis]
    several = exact or names
    return several[0] if len(several) == 1 else None


def _plain(name: str) -> str:
    """Return the plain name of a column; "" for one whose numbers count to the south or west."""
    plain, sign = split_hemisphere(name)
    if sign == 0 and (match := _NORTH_OR_EAST.fullmatch(name.strip())) is not None:
        return plain_label(match[1])
    return plain if sign >= 0 else ""


def _y_and_x(rows: Rows) -> tuple[str | None, str | None]:
    """Return the only columns with a name such as ``y_wgs84`` and ``x_wgs84``, if their first values are degrees."""
    axes: tuple[tuple[Axis, float], ...] = (("latitude", 90.0), ("longitude", 360.0))
    pair = []
    for axis, most in axes:
        words = SYNONYMS[_TERMS[axis]][1] - METRES
        names = [name for name in rows.header if _plain(name) in words]
        if len(names) != 1:
            return None, None
        pair.append((names[0], axis, most))
    chunk = next(rows.chunks(), None)
    if chunk is None:
        return None, None
    columns = chunk.take(chunk.readable[:_MOST_VALUES]).columns
    are_degrees = all(_are_degrees(columns[name], axis, most) for name, axis, most in pair)
    return (pair[0][0], pair[1][0]) if are_degrees else (None, None)


def _are_degrees(cells: Sequence[str], axis: Axis, most: float) -> bool:
    numbers = []
    for cell in cells:
        # a cell that is no coordinate is an error of its row
        with contextlib.suppress(ValueError):
            numbers.append(parse_coordinate(cell, axis, decimal_comma=True))
    known = [number for number in numbers if math.isfinite(number)]
    return bool(known) and all(-min(most, 180.0) <= number <= most for number in known)


def no_place_columns(name: str, how: str) -> str:
    """Return what a table of places lacks, and how to name its columns.

    Parameters
    ----------
    name : str
        Of the table.
    how : str
        The end of the sentence, as "with --latitude and --longitude".
    """
    return f"{name} has no column latitude or longitude; name them {how}"
