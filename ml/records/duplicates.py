"""Duplicate records: the reasons they are left out for, and the function that finds them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: Reasons as they are counted and as model cards store them.
SAME_CELL = "another record in the same cell"
SAME_PLACE = "another record at the same place"
DUPLICATE_REASONS = (SAME_CELL, SAME_PLACE)


def duplicates(keys: ArrayLike) -> NDArray[np.bool_]:
    """Return which rows repeat the key of an earlier row.

    Parameters
    ----------
    keys : array-like, shape (n,) or (n, n_columns)
        One key for each row: a cell number, or several finite numbers.

    Returns
    -------
    ndarray of bool, shape (n,)
        False for the first row of each key, True for the others.
    """
    keys = np.asarray(keys)
    repeated = np.ones(len(keys), dtype=bool)
    if keys.ndim == 1 and keys.dtype.kind in "iu" and len(keys) and keys.min() >= 0 and keys.max() < 8 * len(keys):
        # Small numbers need no sorting. Of several values for one place, numpy keeps the last: the first row.
        first = np.full(int(keys.max()) + 1, -1, dtype=np.int64)
        first[keys[::-1]] = np.arange(len(keys) - 1, -1, -1)
        repeated[first[first >= 0]] = False
        return repeated
    _, first = np.unique(keys, axis=0, return_index=True)
    repeated[first] = False
    return repeated
