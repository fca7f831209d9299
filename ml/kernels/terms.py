"""Compiled evaluation of the terms of a MaxEnt-type model, in training and in serving.

Parameters that the functions share:

- ``terms``: structured array of `TERM`, shape (n_terms,);
- ``coefficients``, ``centres``: float64, shape (n_terms,);
- ``low``, ``span``: float64, shape (n_predictors,), minimum and width of each training range;
- ``rows``: float32, shape (n, n_predictors), encoded.
"""

from __future__ import annotations

import numpy as np
from numba import njit

#: ``first`` and ``second`` are columns; ``knot`` is that of a hinge, or the code of a category.
TERM = np.dtype([("kind", "<i4"), ("first", "<i4"), ("second", "<i4"), ("knot", "<f8")])
LINEAR, QUADRATIC, PRODUCT, RISING, FALLING, CATEGORY = range(6)
# Rows that are scaled together.
_ROWS = 512


@njit(cache=True, nogil=True)
def _term(kind, a, b, knot):  # noqa: ANN001, ANN202
    """Return the value of a term for one or two scaled values."""
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
def _scaled(terms, t, low, span, rows, r, which):  # noqa: ANN001, ANN202
    """Return a predictor's value, scaled to 0..1 of its training range and clamped; a category's code unchanged."""
    j = terms[t].first if which == 0 else terms[t].second
    value = np.float64(rows[r, j])
    if terms[t].kind == CATEGORY:
        return value
    return min(1.0, max(0.0, (value - low[j]) / span[j]))


@njit(cache=True, nogil=True)
def expand_terms(terms, low, span, rows, out):  # noqa: ANN001, ANN201
    """Compute the value of each term for each row into `out`, float64 of shape (n, n_terms)."""
    for t in range(terms.shape[0]):
        for r in range(rows.shape[0]):
            a = _scaled(terms, t, low, span, rows, r, 0)
            b = _scaled(terms, t, low, span, rows, r, 1) if terms[t].kind == PRODUCT else 0.0
            out[r, t] = _term(terms[t].kind, a, b, terms[t].knot)


@njit(cache=True, nogil=True)
def sum_terms(terms, coefficients, low, span, rows, out):  # noqa: ANN001, ANN201
    """Add the weighted sum of the terms of each row to `out`, float64 of shape (n,).

    The rows are scaled once, in parts that stay in the cache of a core, and the kind of a term is looked at outside the
    loop over rows, so that this loop is compiled to vector instructions. Terms are added in their order, as in
    `share_terms`, so that one row and many rows give the same bits.
    """
    scaled = np.empty((rows.shape[1], _ROWS))
    for start in range(0, rows.shape[0], _ROWS):
        n = min(_ROWS, rows.shape[0] - start)
        for j in range(rows.shape[1]):
            for r in range(n):
                # the span of a categorical predictor is not used
                width = span[j] if span[j] != 0 else 1.0
                scaled[j, r] = min(1.0, max(0.0, (np.float64(rows[start + r, j]) - low[j]) / width))
        total = out[start : start + n]
        for t in range(terms.shape[0]):
            kind, knot, weight = terms[t].kind, terms[t].knot, coefficients[t]
            a = scaled[terms[t].first, :n]
            if kind == LINEAR:
                for r in range(n):
                    total[r] += weight * a[r]
            elif kind == QUADRATIC:
                for r in range(n):
                    total[r] += weight * (a[r] * a[r])
            elif kind == PRODUCT:
                b = scaled[terms[t].second, :n]
                for r in range(n):
                    total[r] += weight * (a[r] * b[r])
            elif kind == RISING:
                for r in range(n):
                    total[r] += weight * max(0.0, (a[r] - knot) / (1.0 - knot))
            elif kind == FALLING:
                for r in range(n):
                    total[r] += weight * max(0.0, (knot - a[r]) / knot)
            else:
                for r in range(n):
                    total[r] += weight * (1.0 if rows[start + r, terms[t].first] == knot else 0.0)


@njit(cache=True, nogil=True)
def share_terms(terms, coefficients, centres, low, span, rows, effects):  # noqa: ANN001, ANN201
    """Share the terms of one row among the predictors.

    Each term's distance from its centre is added to its predictor's effect; that of a product is halved between both
    predictors.

    Parameters
    ----------
    rows : float32, shape (1, n_predictors)
    effects : float64, shape (n_predictors,)
        Added to.

    Returns
    -------
    total, base : float
        Weighted sums of the terms and of their centres.
    """
    total = 0.0
    base = 0.0
    for t in range(terms.shape[0]):
        a = _scaled(terms, t, low, span, rows, 0, 0)
        b = _scaled(terms, t, low, span, rows, 0, 1) if terms[t].kind == PRODUCT else 0.0
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
