"""Columns of a table while it is read: text in little memory, and numbers."""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml.records.coordinate_text import Axis, has_decimal_comma, parse_coordinate
from ml.records.missing import is_missing
from ml.records.numbers import decimal_mark

#: Different values from which a column is not stored as codes any more, unless most of its values are repeated.
_MANY = 100_000
#: Texts that are not coordinates, stored for a column of numbers.
_MOST_UNREADABLE = 10_000
#: No value, in tables of Maxent.
_NODATA = -9999.0
_DECIMAL = re.compile(r"[+-]?\d{1,9}(?:\.\d*)?", re.ASCII)


class _Codes(dict[str, int]):
    """Code of each different value, in the order of their first occurrence."""

    def __missing__(self, value: str) -> int:
        self[value] = code = len(self)
        return code


class TextColumn:
    """A column of text. Equal values are stored once, as long as that needs less memory.

    Parameters
    ----------
    axis : {"longitude", "latitude"}, optional
        Store coordinates of large tables as numbers, where most values differ.
    """

    def __init__(self, *, axis: Axis | None = None) -> None:
        self._axis = axis
        self._codes: _Codes | None = _Codes()
        self._array = array("i")
        self._values: list[str] = []
        self._numbers: array[float] | None = None
        self._comma = False
        # Texts that are not coordinates, by position.
        self._unreadable: dict[int, str] = {}

    def extend(self, values: Iterable[str]) -> None:
        """Append values."""
        if self._numbers is not None:
            self._extend_numbers(self._numbers, values)
        elif self._codes is None:
            self._values.extend(values)
        else:
            self._array.extend(map(self._codes.__getitem__, values))
            if len(self._codes) > _MANY and 2 * len(self._codes) > len(self._array):
                different = list(self._codes)
                codes, self._codes, self._array = self._array, None, array("i")
                if self._axis:
                    self._numbers = array("d")
                    self._comma = has_decimal_comma(different)
                    self._extend_numbers(self._numbers, (different[code] for code in codes))
                else:
                    self._values = [different[code] for code in codes]

    def _extend_numbers(self, numbers: array[float], values: Iterable[str]) -> None:
        for value in values:
            if _DECIMAL.fullmatch(value):
                numbers.append(float(value))
                continue
            try:
                numbers.append(parse_coordinate(value, self._axis or "latitude", decimal_comma=self._comma))
            except ValueError:
                if len(self._unreadable) < _MOST_UNREADABLE:
                    self._unreadable[len(numbers)] = value
                numbers.append(math.inf)

    def series(self) -> pd.Series:
        """Return the column as text, as categorical text where values are repeated, or as numbers. Call it once.

        Numbers are infinite where the text is not a coordinate. The attribute ``unreadable`` has these texts by
        position (at most 10,000), and ``decimal_mark`` the mark of the decimals.
        """
        if self._numbers is not None:
            series = pd.Series(np.array(self._numbers))
            self._numbers = None
            series.attrs = {"unreadable": self._unreadable, "decimal_mark": "," if self._comma else "."}
            return series
        if self._codes is None:
            values, self._values = self._values, []
            return pd.Series(values, dtype=object)
        codes = np.frombuffer(self._array, dtype=np.intc) if len(self._array) else np.empty(0, dtype=np.intc)
        categories = pd.Index(list(self._codes), dtype=object)
        return pd.Series(pd.Categorical.from_codes(codes, categories))


class NumberColumn:
    """A column that is one of numbers until a text is found in it.

    Attributes
    ----------
    is_numeric : bool
    n_numbers : int
        Values that are not missing.
    n_nodata : int
        Values of -9999, by which Maxent's tables state that there is no value.
    """

    def __init__(self) -> None:
        self._array = array("d")
        self._marks: set[str] = set()
        self.is_numeric = True
        self.n_numbers = 0
        self.n_nodata = 0

    def extend(self, values: Iterable[str]) -> None:
        """Append values; the first text that is neither a number nor a missing value makes the column one of text."""
        if not self.is_numeric:
            return
        for value in values:
            number = math.nan
            if not is_missing(value):
                if mark := decimal_mark(value):
                    self._marks.add(mark)
                if "," in value:
                    self._marks.add(mark or "1,000")
                    value = value.replace(",", ".")
                try:
                    number = float(value)
                except ValueError:
                    number = math.inf
                # Python reads "1_000", "infinity" and digits of other scripts too.
                if not math.isfinite(number) or "_" in value or not value.isascii() or len(self._marks - {"1,000"}) > 1:
                    self.is_numeric, self._array = False, array("d")
                    return
                if number == _NODATA:
                    number = math.nan
                    self.n_nodata += 1
                else:
                    self.n_numbers += 1
            self._array.append(number)

    def finish(self) -> None:
        """Make the column one of text where its commas may be marks of thousands."""
        if "1,000" in self._marks and "," not in self._marks:
            self.is_numeric, self._array = False, array("d")

    def values(self) -> NDArray[np.float64]:
        """Return the numbers, NaN where a value is missing."""
        return np.array(self._array, dtype=np.float64)


class IndexColumn:
    """A column without a name: it may be empty, or the first one with different values (an index)."""

    def __init__(self) -> None:
        # Hashes need less memory than the texts; that two texts have one hash of 64 bits does not happen.
        self._hashes = array("q")
        self.has_values = False

    def extend(self, values: list[str]) -> None:
        """Append values."""
        self.has_values = self.has_values or any(values)
        self._hashes.extend(map(hash, values))

    @property
    def is_index(self) -> bool:
        """Whether all values are different."""
        return len(np.unique(np.array(self._hashes))) == len(self._hashes)
