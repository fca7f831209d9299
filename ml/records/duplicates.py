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
    _, first = np.unique(keys, axis=0, return_index=True)
    repeated = np.ones(len(keys), dtype=bool)
    repeated[first] = False
    return repeated
