"""Compiled walk of a forest along one predictor, while the others keep their values."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def walk_line(splits, shares, leaves, starts, row, feature, below_lowest, highest, at, jump):  # noqa: ANN001, ANN201
    """Find the steps of the sum of leaf values as one predictor rises.

    Parameters
    ----------
    splits, shares, leaves, starts
        As `ml.kernels.trees` describes them.
    row : float32, shape (n_predictors,)
        Encoded; the value of the predictor itself is ignored.
    feature : int
    below_lowest, highest : float32
        The predictor varies in (below_lowest, highest].
    at : float32, shape (n_splits,)
        Filled: a step is at a value where the sum is still the one before it; larger values have the one after it.
    jump : float64, shape (n_splits,)
        Filled: by how much the sum changes there.

    Returns
    -------
    n : int
        Number of steps, in no order.
    base : float
        The sum at the lowest value.
    """
    largest = 0
    for t in range(starts.shape[0] - 1):
        largest = max(largest, starts[t + 1] - starts[t])
    # Right sides that are still to be visited: first split, number of splits, first leaf, and range of the predictor.
    split_of, count_of = np.empty(largest + 1, np.int64), np.empty(largest + 1, np.int64)
    leaf_of = np.empty(largest + 1, np.int64)
    low_of, high_of = np.empty(largest + 1, np.float32), np.empty(largest + 1, np.float32)
    n = 0
    base = 0.0
    for t in range(starts.shape[0] - 1):
        split_of[0], count_of[0] = starts[t], starts[t + 1] - starts[t]
        leaf_of[0] = split_of[0] + t
        low_of[0], high_of[0] = below_lowest, highest
        waiting = 1
        last = np.nan
        while waiting > 0:
            waiting -= 1
            i, below, leaf = split_of[waiting], count_of[waiting], leaf_of[waiting]
            low, high = low_of[waiting], high_of[waiting]
            while below > 0:
                left, threshold = np.int64(splits[i].left), splits[i].threshold
                if splits[i].feature == feature:
                    goes_left = low < threshold
                    if goes_left and high > threshold:
                        split_of[waiting], count_of[waiting] = i + 1 + left, below - 1 - left
                        leaf_of[waiting] = leaf + left + 1
                        low_of[waiting], high_of[waiting] = threshold, high
                        waiting += 1
                        high = threshold
                else:
                    goes_left = row[splits[i].feature] <= threshold
                if goes_left:
                    i += 1
                    below = left
                else:
                    i += 1 + left
                    leaf += left + 1
                    below -= left + 1
            value = np.float64(shares[leaves[leaf]])
            if np.isnan(last):
                base += value
            elif value != last:
                at[n] = low
                jump[n] = value - last
                n += 1
            last = value
    return n, base
