"""Cells of a table checked against the predictors of a model."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.card import Predictor
from ml.predictors.encoding import find_level, limits_of, not_a_level, why_impossible

# Invalid cells, and missing columns, that a message names.
_MOST_NAMES = 10
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
#: Python's float also reads "nan", "1_000" and digits of other scripts, which have other characters than these.
_PLAIN = re.compile(r"[0-9.eE+\-\n]*")
_INFINITE = re.compile(r"[+-]?inf(inity)?", re.IGNORECASE)
_WITH_POINT = re.compile(r"[+-]?\d*\.\d+", re.ASCII)
_WITH_COMMA = re.compile(r"[+-]?\d*,\d+", re.ASCII)
#: It may be a mark of thousands.
_AMBIGUOUS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}", re.ASCII)


@dataclass(frozen=True)
class Problem:
    """A cell that cannot be used.

    Attributes
    ----------
    row : int
        Position of the row in its chunk.
    predictor : str
        "" where the row as a whole cannot be used.
    text : str
        What is wrong.
    """

    row: int
    predictor: str
    text: str


def check_columns(
    predictors: Sequence[Predictor], columns: Sequence[Sequence[str]], decimal: str = "."
) -> tuple[NDArray[Any], list[Problem]]:
    """Return the values of rows in the order of the predictors, and the cells that cannot be used.

    Parameters
    ----------
    predictors : sequence of Predictor
    columns : sequence of sequence of str
        The cells of each predictor, stripped.
    decimal : {".", ","}
        Decimal mark of the table.

    Returns
    -------
    values : ndarray, shape (n, n_predictors)
        float64; objects if a predictor is categorical. Cells that cannot be used are NaN or unknown levels.
    problems : list of Problem
        In the order of the rows, and within a row in that of the predictors.
    """
    values: list[NDArray[Any]] = []
    problems: list[Problem] = []
    for predictor, cells in zip(predictors, columns, strict=True):
        if predictor.type == "categorical":
            values.append(np.array(cells, dtype=object))
            problems += _unknown_levels(predictor, cells)
            continue
        numbers = read_numbers(cells, decimal)
        values.append(numbers)
        low, high = limits_of(predictor)
        for row in np.flatnonzero(~((numbers >= low) & (numbers <= high))).tolist():
            number, text = float(numbers[row]), cells[row]
            wrong = why_no_number(text, decimal) if math.isnan(number) else f"{why_impossible(predictor, number)}: "
            problems.append(Problem(row, predictor.name, wrong if math.isnan(number) else f"{wrong}{text:.40}"))
    problems.sort(key=lambda problem: problem.row)
    if all(predictor.type == "continuous" for predictor in predictors):
        return np.column_stack(values), problems
    return np.column_stack([column.astype(object) for column in values]), problems


def read_numbers(cells: Sequence[str], decimal: str) -> NDArray[np.float64]:
    """Return numbers, NaN where a cell is none."""
    joined = "\n".join(cells)
    if decimal == ",":
        joined = joined.replace(",", ".")
    if _PLAIN.fullmatch(joined):
        try:
            # a text with several decimal marks is not a number
            numbers = np.array(list(map(float, joined.split("\n"))), dtype=np.float64)
            # a cell with a line break is more than one of them
            if len(numbers) == len(cells):
                return numbers
        except ValueError:
            pass
    return np.array([_number(text.replace(",", ".") if decimal == "," else text) for text in cells], dtype=np.float64)


def _number(text: str) -> float:
    return float(text) if _NUMBER.fullmatch(text) or _INFINITE.fullmatch(text) else math.nan


def _unknown_levels(predictor: Predictor, cells: Sequence[str]) -> list[Problem]:
    levels = predictor.levels or []
    unknown = {text for text in set(cells) if find_level(levels, text) is None}
    if not unknown:
        return []
    return [
        Problem(row, predictor.name, not_a_level(levels, text)) for row, text in enumerate(cells) if text in unknown
    ]


def why_no_number(text: str, decimal: str = ".") -> str:
    """Return why a cell is not a number."""
    if not text:
        return "has no value"
    comma = decimal == "." and re.fullmatch(r"-?\d+,\d+", text, re.ASCII)
    return f"is not a number: {text!r:.40}{' (write a decimal point)' if comma else ''}"


def describe_cells(name: str, cells: Sequence[tuple[str, str, str]], number: int) -> str:
    """Return one line that names a file and its first ten cells that cannot be used.

    Parameters
    ----------
    name : str
        Of the file.
    cells : sequence of (str, str, str)
        Place of the row, predictor ("" for the row as a whole) and what is wrong.
    number : int
        Number of such cells, of which `cells` has the first ones at least.
    """
    listed = "; ".join(
        f"{predictor}: {place}{joint(text)}{text}" if predictor else f"{place}: {text}"
        for place, predictor, text in cells[:_MOST_NAMES]
    )
    more = f"; and {number - _MOST_NAMES:,} more" if number > _MOST_NAMES else ""
    return f"{name}: {listed}{more}"


def place_of(row: int, line: int | None) -> str:
    """Return the place of a row: its number among the rows of data, from 1, and its line in the file, if it has one."""
    return f"row {row:,}" if line is None else f"row {row:,} (line {line:,})"


def joint(text: str) -> str:
    """Return what joins the place of a cell to the text about it."""
    return ": " if " is not one of " in text else " "


def missing_columns(predictors: Iterable[Predictor], header: Sequence[str]) -> list[str]:
    """Return the predictors that have no column."""
    present = set(header)
    return [predictor.name for predictor in predictors if predictor.name not in present]


def name_missing(missing: Sequence[str], header: Sequence[str]) -> str:
    """Return the names of missing columns, each with the column that differs from it in case."""
    in_lower_case = {name.lower(): name for name in header}
    names = [
        f"{name} (it has {in_lower_case[name.lower()]:.60})" if name.lower() in in_lower_case else name
        for name in missing[:_MOST_NAMES]
    ]
    more = f" and {len(missing) - _MOST_NAMES:,} more" if len(missing) > _MOST_NAMES else ""
    return ", ".join(names) + more


class DecimalMark:
    """The decimal mark of a table, by the cells of its continuous predictors.

    It is a comma where a number shows it, and none shows a point: 5,000 alone may be five thousand.
    """

    def __init__(self) -> None:
        self._has_point = self._has_comma = False

    def read(self, columns: Mapping[str, Sequence[str]], names: Iterable[str]) -> None:
        """Take the cells of a chunk into account."""
        if self._has_point:
            return
        for name in names:
            cells = columns[name]
            joined = "\n".join(cells)
            if "," in joined:
                self._has_comma |= any(_WITH_COMMA.fullmatch(text) and not _AMBIGUOUS.fullmatch(text) for text in cells)
            if "." in joined:
                self._has_point |= any(map(_WITH_POINT.fullmatch, cells))

    @property
    def mark(self) -> str:
        """``,`` or ``.``."""
        return "," if self._has_comma and not self._has_point else "."
