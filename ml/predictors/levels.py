"""The order of a categorical predictor's levels, which determines the groups that one split of a tree can separate."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float32]


def level_order(
    rows: Rows, y: NDArray[np.int64], weight: NDArray[np.float64], categorical: tuple[int, ...]
) -> dict[int, NDArray[np.int64]]:
    """Order the levels of categorical columns by the ratio of their frequency among presences and background.

    Parameters
    ----------
    rows : ndarray of float32, shape (n, n_predictors)
    y : ndarray of 0/1, shape (n,)
    weight : ndarray of float64, shape (n,)
        Weights of the background.
    categorical : tuple of int
        Columns.

    Returns
    -------
    dict of int to ndarray of int64, shape (n_levels,)
        By column, the new code of each old code.
    """
    order = {}
    n = int(y.sum())
    for j in categorical:
        codes = rows[:, j].astype(np.int64)
        n_levels = int(codes.max()) + 1
        present = np.bincount(codes[y == 1], minlength=n_levels)
        expected = n * np.bincount(codes, weights=weight, minlength=n_levels) / weight.sum()
        # One pseudo-record on each side keeps rare levels in the middle.
        ratio = (present + 1) / (expected + 1)
        new = np.empty(n_levels, np.int64)
        new[np.lexsort((np.arange(n_levels), ratio))] = np.arange(n_levels)
        order[j] = new
    return order


def recode(rows: Rows, order: dict[int, NDArray[np.int64]]) -> Rows:
    """Return rows with level codes replaced by `level_order`; unknown codes stay."""
    if not order:
        return rows
    out = rows.copy()
    for j, new in order.items():
        codes = rows[:, j].astype(np.int64)
        known = codes < len(new)
        out[known, j] = new[codes[known]]
    return out
