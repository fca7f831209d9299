"""Compiled code that evaluates terms, networks and distances; used in training and in serving alike.

Nothing here looks whether indices are within bounds: `ml.packing` does, before an array from outside gets here.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

TERM = np.dtype([("kind", "<i4"), ("first", "<i4"), ("second", "<i4"), ("knot", "<f8")])
LINEAR, QUADRATIC, PRODUCT, RISING, FALLING, LEVEL = range(6)

#: Number of points of a predictor's quantile table, which spreads skewed predictors evenly for the network.
N_QUANTILES = 101
# Predictors far outside the training range are held at this many standard deviations in the network.
_HELD_AT = 3.0
# Ranks run over 0..1; centred and multiplied by this they have the spread of a standardised predictor.
_RANK_SCALE = 3.46


@njit(cache=True, nogil=True)
def half_sample_variance(mean, sums, squares, sizes):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Variance of a forest's share of presences over samples of records, from the spread between its half samples.

    `sums` and `squares` are of leaf values by group, `sizes` the numbers of trees. The spread between groups also holds
    the luck of a group's few trees, estimated from the spread within the groups and taken off. The difference can be
    negative by chance; the mean of a normal distribution around it, cut at zero, is used instead, as in Athey et al.
    (2019).
    """
    n = sizes.shape[0]
    if n < 2:
        return 0.0
    between, within, size = 0.0, 0.0, 0.0
    for g in range(n):
        share = sums[g] / sizes[g]
        between += (share - mean) ** 2
        within += squares[g] / sizes[g] - share * share
        size += sizes[g]
    between, within, size = between / n, within / n, size / n
    if size <= 1:
        return between
    noise = max(0.0, within) / (size - 1)
    spread = max(between, noise) * math.sqrt(2 / n)
    if spread <= 0:
        return 0.0
    ratio = (between - noise) / spread
    density = math.exp(-(ratio**2) / 2) / math.sqrt(2 * math.pi)
    return max(0.0, between - noise + spread * density / (0.5 * math.erfc(-ratio / math.sqrt(2))))


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
def _term(kind, a, b, knot):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    if kind == LINEAR:
        return a
    if kind == QUADRATIC:
        return a * a
    if kind == PRODUCT:
        return a * b
    if kind == RISING:
        return max(0.0, (a - knot) / (1.0 - knot))
    if kind == FALLING:
        return max(0.0, (knot - a) / knot)
    return 1.0 if a == knot else 0.0


@njit(cache=True, nogil=True)
def _held(terms, t, low, span, rows, r, which):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """A predictor's value on 0..1 of its training range; a level's code as it is."""
    j = terms[t].first if which == 0 else terms[t].second
    value = np.float64(rows[r, j])
    if terms[t].kind == LEVEL:
        return value
    return min(1.0, max(0.0, (value - low[j]) / span[j]))


@njit(cache=True, nogil=True)
def expand_terms(terms, low, span, rows, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Value of each term for each row, shape (n, n_terms), into `out`."""
    for t in range(terms.shape[0]):
        for r in range(rows.shape[0]):
            a = _held(terms, t, low, span, rows, r, 0)
            b = _held(terms, t, low, span, rows, r, 1) if terms[t].kind == PRODUCT else 0.0
            out[r, t] = _term(terms[t].kind, a, b, terms[t].knot)


@njit(cache=True, nogil=True)
def sum_terms(terms, coefficients, low, span, rows, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Weighted sum of the terms of each row, shape (n,), added to `out`."""
    for t in range(terms.shape[0]):
        for r in range(rows.shape[0]):
            a = _held(terms, t, low, span, rows, r, 0)
            b = _held(terms, t, low, span, rows, r, 1) if terms[t].kind == PRODUCT else 0.0
            out[r] += coefficients[t] * _term(terms[t].kind, a, b, terms[t].knot)


@njit(cache=True, nogil=True)
def share_terms(terms, coefficients, centres, low, span, rows, effects):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Sum of the terms of one row (`rows` of shape (1, n_predictors)) and of their centres.

    Adds each term's distance from its centre to its predictor's effect; a product's is shared by halves.
    """
    total = 0.0
    base = 0.0
    for t in range(terms.shape[0]):
        a = _held(terms, t, low, span, rows, 0, 0)
        b = _held(terms, t, low, span, rows, 0, 1) if terms[t].kind == PRODUCT else 0.0
        value = coefficients[t] * _term(terms[t].kind, a, b, terms[t].knot)
        centre = coefficients[t] * centres[t]
        total += value
        base += centre
        if terms[t].kind == PRODUCT:
            effects[terms[t].first] += (value - centre) / 2
            effects[terms[t].second] += (value - centre) / 2
        else:
            effects[terms[t].first] += value - centre
    return total, base


@njit(cache=True, nogil=True)
def network_inputs(quantiles, positions, mean, scale, n_levels, rows, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """What the network sees, into `out` of shape (n, n_inputs).

    A continuous predictor enters twice, by its rank and by its standardised value; a categorical one by its level.
    """
    for r in range(rows.shape[0]):
        k = 0
        for j in range(rows.shape[1]):
            value = np.float64(rows[r, j])
            if n_levels[j] > 0:
                for level in range(n_levels[j]):
                    out[r, k + level] = 1.0 if value == level else 0.0
                k += n_levels[j]
                continue
            out[r, k] = (_rank(quantiles[j], positions[j], value) - 0.5) * _RANK_SCALE
            standard = (value - mean[j]) / scale[j]
            out[r, k + 1] = min(_HELD_AT, max(-_HELD_AT, standard))
            k += 2


@njit(cache=True, nogil=True)
def _rank(values, positions, value):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Rank of a value between the table's points; of a value that fills several points, the middle of them."""
    right = np.searchsorted(values, value, side="right")
    if right == 0:
        return positions[0]
    left = np.searchsorted(values, value, side="left")
    if left < right:
        return (positions[left] + positions[right - 1]) / 2
    if right == values.shape[0]:
        return positions[-1]
    # between two different values: from the middle of the lower one's points to the middle of the upper one's
    below, above = values[right - 1], values[right]
    low = (positions[np.searchsorted(values, below, side="left")] + positions[right - 1]) / 2
    high = (positions[right] + positions[np.searchsorted(values, above, side="right") - 1]) / 2
    return low + (high - low) * (value - below) / (above - below)


@njit(cache=True, nogil=True)
def forward(hidden_1, hidden_2, output, inputs, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Mean output of the networks for each row, shape (n,), into `out`."""
    n_networks, width = output.shape[0], output.shape[1] - 1
    first, second = np.empty(width), np.empty(width)
    for r in range(inputs.shape[0]):
        total = 0.0
        for m in range(n_networks):
            first[:] = hidden_1[m, -1]
            for i in range(inputs.shape[1]):
                x = np.float64(inputs[r, i])
                if x != 0:
                    for h in range(width):
                        first[h] += x * hidden_1[m, i, h]
            second[:] = hidden_2[m, -1]
            for i in range(width):
                x = first[i]
                if x > 0:
                    for h in range(width):
                        second[h] += x * hidden_2[m, i, h]
            value = np.float64(output[m, width])
            for h in range(width):
                if second[h] > 0:
                    value += second[h] * output[m, h]
            total += value
        out[r] = total / n_networks
