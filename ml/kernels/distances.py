"""Compiled distances to the training records, and similarities to their ranges (MESS)."""

from __future__ import annotations

import numpy as np
from numba import njit

#: Points whose distances from a row are computed together; they and their distances stay in the cache of a core.
_POINTS = 512


@njit(cache=True, nogil=True)
def squared_distances(points, penalty, row):  # noqa: ANN001, ANN201
    """Return the squared distance of each point from a row, float32 of shape (n_points,).

    Parameters
    ----------
    points : float32, shape (n_predictors, n_points)
    penalty : float32, shape (n_predictors,)
        Squared distance between two different levels; 0 for a continuous predictor.
    row : float32, shape (n_predictors,)
    """
    n = points.shape[1]
    distance = np.zeros(n, np.float32)
    for j in range(points.shape[0]):
        value = row[j]
        if penalty[j] > 0:
            apart = np.float32(penalty[j])
            for i in range(n):
                distance[i] += apart if points[j, i] != value else np.float32(0.0)
        else:
            for i in range(n):
                step = points[j, i] - value
                distance[i] += step * step
    return distance


@njit(cache=True, nogil=True)
def nearest(points, penalty, row):  # noqa: ANN001, ANN201
    """Return the index of the nearest point to a row, and the squared distance.

    Parameters
    ----------
    points, penalty, row
        As for `squared_distances`.

    Returns
    -------
    best : int
        The first of equally near points.
    squared : float
    """
    distance = squared_distances(points, penalty, row)
    best = 0
    for i in range(distance.shape[0]):
        if distance[i] < distance[best]:
            best = i
    return best, distance[best]


@njit(cache=True, nogil=True)
def similarity(reference, offsets, row, out):  # noqa: ANN001, ANN201
    """Compute the MESS similarity of each predictor of a row.

    Parameters
    ----------
    reference : float32, shape (n_values,)
        Sorted training values, predictor by predictor.
    offsets : int64, shape (n_predictors + 1,)
        Where each predictor's values begin in `reference`; a categorical predictor has none.
    row : float32, shape (n_predictors,)
        Natural units.
    out : float64, shape (n_predictors,)
        Filled: negative exactly outside the training range, 100 for a categorical predictor and for a constant one at
        its value.

    References
    ----------
    Elith et al. 2010, Methods in Ecology and Evolution 1: 330-342, doi 10.1111/j.2041-210X.2010.00036.x.
    """
    for j in range(row.shape[0]):
        begin, end = offsets[j], offsets[j + 1]
        n = end - begin
        if n == 0:
            out[j] = 100.0
            continue
        low, high, p = reference[begin], reference[end - 1], row[j]
        span = high - low
        if span == 0 and p == low:
            # A constant at its own value says nothing: it must not be the lowest similarity.
            out[j] = 100.0
            continue
        if p < low or p > high:
            # A constant predictor has no span to divide by, so that any other value is fully dissimilar.
            distance = p - low if p < low else high - p
            out[j] = 100.0 * distance / span if span > 0 else -100.0
            continue
        below = np.searchsorted(reference[begin:end], p)
        share = 100.0 * below / n
        # In range, the paper's case f = 0 occurs at the minimum alone, where the similarity is 0.
        out[j] = 2.0 * share if share <= 50.0 else 2.0 * (100.0 - share)


@njit(cache=True, nogil=True)
def nearest_points(points, penalty, rows, squared, largest):  # noqa: ANN001, ANN201
    """Find the nearest point to each row.

    Parameters
    ----------
    points : float32, shape (n_predictors, n_points)
    penalty : float32, shape (n_predictors,)
    rows : float32, shape (n, n_predictors)
    squared : float32, shape (n,)
        Filled with the squared distance, as `nearest` computes it.
    largest : int16, shape (n,)
        Filled with the predictor that has the largest part in it.
    """
    n, bits = points.shape[1], squared.view(np.int32)
    best = np.zeros(rows.shape[0], np.int64)
    distance = np.empty(_POINTS, np.float32)
    squared[:] = np.float32(np.inf)
    for start in range(0, n, _POINTS):
        part = distance[: min(_POINTS, n - start)]
        # The bits of numbers that are not negative are in the order of the numbers. Unlike a minimum of numbers, a
        # minimum of integers is compiled to vector instructions.
        part_bits = part.view(np.int32)
        for r in range(rows.shape[0]):
            part[:] = np.float32(0.0)
            for j in range(points.shape[0]):
                value, column = rows[r, j], points[j, start : start + part.shape[0]]
                if penalty[j] > 0:
                    apart = np.float32(penalty[j])
                    for i in range(part.shape[0]):
                        part[i] += apart if column[i] != value else np.float32(0.0)
                else:
                    for i in range(part.shape[0]):
                        step = column[i] - value
                        part[i] += step * step
            lowest = part_bits[0]
            for i in range(part.shape[0]):
                lowest = min(lowest, part_bits[i])
            if lowest < bits[r]:
                i = 0
                while part_bits[i] != lowest:
                    i += 1
                best[r], squared[r] = start + i, part[i]
    for r in range(rows.shape[0]):
        most = np.float32(-1.0)
        for j in range(points.shape[0]):
            step = points[j, best[r]] - rows[r, j]
            part_of = step * step
            if penalty[j] > 0:
                part_of = penalty[j] if step != 0 else np.float32(0.0)
            if part_of > most:
                most = part_of
                largest[r] = j


@njit(cache=True, nogil=True)
def lowest_similarities(reference, offsets, rows, lowest, column):  # noqa: ANN001, ANN201
    """Compute the lowest `similarity` of each row, and its predictor.

    Parameters
    ----------
    reference : float32, shape (n_values,)
    offsets : int64, shape (n_predictors + 1,)
    rows : float32, shape (n, n_predictors)
        Natural units.
    lowest : float64, shape (n,)
        Filled.
    column : int16, shape (n,)
        Filled; the first of equal ones.
    """
    likeness = np.empty(rows.shape[1])
    for r in range(rows.shape[0]):
        similarity(reference, offsets, rows[r], likeness)
        best = np.argmin(likeness)
        lowest[r] = likeness[best]
        column[r] = best
