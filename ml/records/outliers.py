"""Outliers among the conditions of a species."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ml.records.cells import Cells

#: Fewer values have no outliers.
FEWEST = 10
#: Larger samples are thinned evenly before the limits are computed.
_LARGEST_SAMPLE = 20_000
#: Largest number of values that are read at once: 20 MB.
_MOST_VALUES = 5_000_000


def reverse_jackknife(values: NDArray[np.floating]) -> tuple[float, float]:
    """Return the limits outside which values are outliers, by the reverse jackknife.

    Each gap between neighbours in the sorted, distinct values is multiplied by the distance of its outer end from the
    mean. A gap whose product, divided by the standard deviation of all products, exceeds 0.95 √n + 0.2 separates
    outliers from the other values: the smaller part. Two separate outliers can hide each other.

    Parameters
    ----------
    values : ndarray, shape (n,)
        NaN is left out.

    Returns
    -------
    lowest, highest : float
        Infinite where there is no outlier on that side.

    References
    ----------
    Chapman, A. D. (2005). Principles and methods of data cleaning: primary species and species-occurrence data.
    Global Biodiversity Information Facility, Copenhagen.
    """
    x = np.unique(values[np.isfinite(values)].astype(np.float64))
    if len(x) > _LARGEST_SAMPLE:
        x = x[np.linspace(0, len(x) - 1, _LARGEST_SAMPLE).astype(np.int64)]
    lowest, highest = -np.inf, np.inf
    if len(x) < FEWEST:
        return lowest, highest
    mean = x.mean()
    products = np.diff(x) * np.where(x[:-1] < mean, mean - x[:-1], x[1:] - mean)
    spread = products.std()
    if spread == 0.0:
        return lowest, highest
    # The smaller part is the one of the outliers: they may have drawn the mean to their side of the gap.
    below = np.arange(1, len(x)) * 2 <= len(x)
    wide = products / spread > 0.95 * np.sqrt(len(x)) + 0.2
    if (wide & below).any():
        lowest = float(x[1:][wide & below].max())
    if (wide & ~below).any():
        highest = float(x[:-1][wide & ~below].min())
    return lowest, highest


def unusual_conditions(
    species: NDArray[np.int32], cell: NDArray[np.int64], reliable: NDArray[np.bool_], cells: Cells
) -> NDArray[np.bool_]:
    """Return which records are in cells with a condition that is an outlier among those of their species.

    Parameters
    ----------
    species : ndarray of int32, shape (n,)
        -1 without a species.
    cell : ndarray of int64, shape (n,)
        Cells in which every layer has a value, or -1.
    reliable : ndarray of bool, shape (n,)
        Records that the limits are computed from. Each cell of a species counts once.
    cells : Cells

    Returns
    -------
    ndarray of bool, shape (n,)
    """
    out = np.zeros(len(species), dtype=bool)
    rows = np.flatnonzero((species >= 0) & (cell >= 0))
    if not len(rows):
        return out
    rows = rows[np.argsort(species[rows], kind="stable")]
    continuous = ~np.array(getattr(cells, "categorical", [False] * cells.values(cell[rows[:1]]).shape[1]), dtype=bool)
    most = max(1, _MOST_VALUES // len(continuous))
    begins = np.flatnonzero(np.append(True, np.diff(species[rows]) != 0))
    for begin, end in zip(begins, np.append(begins[1:], len(rows)), strict=True):
        group = rows[begin:end]
        out[group] = _outside(cell[group], reliable[group], cells, continuous, most)
    return out


def _outside(
    cell: NDArray[np.int64], reliable: NDArray[np.bool_], cells: Cells, continuous: NDArray[np.bool_], most: int
) -> NDArray[np.bool_]:
    """Return which records of one species are in unusual cells."""
    sample = np.unique(cell[reliable])
    if len(sample) < FEWEST:
        return np.zeros(len(cell), dtype=bool)
    sample = sample[np.linspace(0, len(sample) - 1, min(len(sample), most)).astype(np.int64)]
    conditions = cells.values(sample)
    limits = np.array([reverse_jackknife(conditions[:, layer]) for layer in np.flatnonzero(continuous)])
    if not len(limits) or not np.isfinite(limits).any():
        return np.zeros(len(cell), dtype=bool)
    distinct, inverse = np.unique(cell, return_inverse=True)
    outside = np.zeros(len(distinct), dtype=bool)
    for begin in range(0, len(distinct), most):
        part = slice(begin, begin + most)
        values = cells.values(distinct[part])[:, continuous]
        outside[part] = ((values < limits[:, 0]) | (values > limits[:, 1])).any(axis=1)
    return np.asarray(outside[inverse])
