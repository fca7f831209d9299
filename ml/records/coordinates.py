"""Columns of coordinates as people write them."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml.records.coordinate_text import COMMA, DECIMAL, THOUSANDS, Axis, parse_coordinate
from ml.records.missing import MISSING


def parse_coordinates(
    texts: pd.Series, axis: Axis, *, decimal_comma: bool = False
) -> tuple[NDArray[np.float64], dict[str, str]]:
    """Return the coordinates of a column; each different text is parsed once.

    A comma is a decimal one in all values (``10,500`` too) where it is a decimal one in some (``10,5``).

    Parameters
    ----------
    texts : Series of text, shape (n,)
        Text or categorical text, "" where a value is missing; numbers, as `RecordTable` has those of large tables, are
        returned as they are.
    axis : {"longitude", "latitude"}
    decimal_comma : bool
        A comma is known to be a decimal one.

    Returns
    -------
    degrees : ndarray of float64, shape (n,)
        NaN where the value is missing or unreadable.
    unreadable : dict
        Text to the reason why it is not a coordinate; texts that are missing values are not in it.
    """
    if pd.api.types.is_float_dtype(texts.dtype):
        return texts.to_numpy(dtype=np.float64), {}
    if isinstance(texts.dtype, pd.CategoricalDtype):
        codes, different = texts.cat.codes.to_numpy(), [str(text) for text in texts.cat.categories]
        parsed, unreadable = _parse_all(different, axis, decimal_comma)
        # A code of -1 is a missing value.
        return np.append(parsed, np.nan)[codes], unreadable
    return _parse_all([str(text) for text in texts.tolist()], axis, decimal_comma)


def _parse_all(texts: list[str], axis: Axis, decimal_comma: bool) -> tuple[NDArray[np.float64], dict[str, str]]:
    degrees = np.full(len(texts), np.nan)
    unreadable: dict[str, str] = {}
    others: dict[str, list[int]] = {}
    match = DECIMAL.fullmatch
    for i, text in enumerate(texts):
        # Nearly all coordinates are decimal numbers.
        if match(text) and math.isfinite(number := float(text)):
            degrees[i] = number
        elif text.lower() not in MISSING:
            others.setdefault(text, []).append(i)
    decimal_comma = decimal_comma or any(COMMA.fullmatch(text) and not THOUSANDS.fullmatch(text) for text in others)
    for text, places in others.items():
        try:
            degrees[places] = parse_coordinate(text, axis, decimal_comma=decimal_comma)
        except ValueError as error:
            unreadable[text] = str(error)
    return degrees, unreadable
