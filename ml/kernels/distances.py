"""Compiled loops over distances to the training records and over their ranges."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def nearest(points, penalty, place):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Nearest of `points`, shape (n_predictors, n), to `place`: its index and squared distance.

    Two different levels of a predictor whose `penalty` is above 0 are that far apart, squared.
    """
    n = points.shape[1]
    distance = np.zeros(n, np.float32)
    for j in range(points.shape[0]):
        here = place[j]
        if penalty[j] > 0:
            apart = np.float32(penalty[j])
            for i in range(n):
                distance[i] += apart if points[j, i] != here else np.float32(0.0)
        else:
            for i in range(n):
                step = points[j, i] - here
                distance[i] += step * step
    best = 0
    for i in range(n):
        if distance[i] < distance[best]:
            best = i
    return best, distance[best]


@njit(cache=True, nogil=True)
def nearest_rows(points, penalty, places, squared):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Squared distance of each of `places`, shape (n, n_predictors), to the nearest of `points`, into `squared`."""
    for r in range(places.shape[0]):
        _, squared[r] = nearest(points, penalty, places[r])


@njit(cache=True, nogil=True)
def similarity(reference, offsets, row, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """MESS similarity of each continuous predictor (Elith et al. 2010); categorical ones are 100."""
    for j in range(row.shape[0]):
        begin, end = offsets[j], offsets[j + 1]
        n = end - begin
        if n == 0:
            out[j] = 100.0
            continue
        low, high, p = reference[begin], reference[end - 1], row[j]
        span = high - low
        if p < low or p > high:
            # a constant predictor has no span to measure by: any other value is fully dissimilar
            distance = p - low if p < low else high - p
            out[j] = 100.0 * distance / span if span > 0 else -100.0
            continue
        below = np.searchsorted(reference[begin:end], p)
        share = 100.0 * below / n
        # a training value itself is inside; the paper's f = 0 case yields 0 only at or below the minimum
        out[j] = 2.0 * share if share <= 50.0 else 2.0 * (100.0 - share)


@njit(cache=True, nogil=True)
def within_ranges(reference, offsets, rows, within):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Whether no `similarity` of a row is negative.

    Parameters
    ----------
    reference : float32, shape (n_values,)
    offsets : int64, shape (n_predictors + 1,)
    rows : float32, shape (n, n_predictors)
        Natural units.
    within : bool, shape (n,)
        Filled.
    """
    likeness = np.empty(rows.shape[1])
    for r in range(rows.shape[0]):
        similarity(reference, offsets, rows[r], likeness)
        within[r] = True
        for j in range(rows.shape[1]):
            if likeness[j] < 0:
                within[r] = False
