"""Compiled code that evaluates terms, networks and distances; used in training and in serving alike.

Nothing here looks whether indices are within bounds: `ml.packing` does, before an array from outside gets here.
"""

from __future__ import annotations

import numpy as np
from numba import njit

TERM = np.dtype([("kind", "<i4"), ("first", "<i4"), ("second", "<i4"), ("knot", "<f8")])
LINEAR, QUADRATIC, PRODUCT, RISING, FALLING, LEVEL = range(6)


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
