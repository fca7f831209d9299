"""The members of a blend as plain arrays, and the compiled code that evaluates them.

Every member answers in the same unit: the logarithm of how much more often the species was recorded under such
conditions than the background offers them. It is the logit of suitability when presences and background weigh the same.
Nothing here needs scikit-learn, so that serving starts fast; the estimators use the same code to build their features.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

# A node is 16 bytes, four to a cache line. The left child is always the next node, so only the right one is stored.
NODE = np.dtype([("feature", "<i4"), ("threshold", "<f4"), ("right", "<i4"), ("value", "<f4")])
LEAF = -1

TERM = np.dtype([("kind", "<i4"), ("first", "<i4"), ("second", "<i4"), ("knot", "<f8")])
LINEAR, QUADRATIC, PRODUCT, RISING, FALLING, LEVEL = range(6)

#: Number of points of a predictor's quantile table, which spreads skewed predictors evenly for the network.
N_QUANTILES = 101
#: A forest's share of presences is held this far from 0 and 1 before its logit is taken.
SHARE_LIMIT = 1e-3
# Predictors far outside the training range are held at this many standard deviations in the network.
_HELD_AT = 3.0
# Ranks run over 0..1; centred and multiplied by this they have the spread of a standardised predictor.
_RANK_SCALE = 3.46


@dataclass(frozen=True)
class Forest:
    """A forest as flat arrays.

    Attributes
    ----------
    nodes : structured ndarray of `NODE`, shape (n_nodes,)
        All trees one after the other, each in depth-first order.
    roots : ndarray of int32, shape (n_trees + 1,)
        Where each tree begins; the last entry is `n_nodes`.
    group : ndarray of int32, shape (n_trees,)
        The half sample each tree was drawn from.
    """

    nodes: NDArray[np.void]
    roots: NDArray[np.int32]
    group: NDArray[np.int32]


@dataclass(frozen=True)
class MaxentTerms:
    """A penalised MaxEnt-type model as its terms that are not zero.

    Attributes
    ----------
    terms : structured ndarray of `TERM`, shape (n_terms,)
    coefficients : ndarray of float64, shape (n_terms,)
    centres : ndarray of float64, shape (n_terms,)
        Each term's mean over the background; contributions are counted from there.
    low, span : ndarray of float64, shape (n_predictors,)
        Minimum and width of each predictor's training range, to which values are held (clamping).
    offset : float
        Taken off the sum, so that the mean density ratio over the background is 1.
    """

    terms: NDArray[np.void]
    coefficients: NDArray[np.float64]
    centres: NDArray[np.float64]
    low: NDArray[np.float64]
    span: NDArray[np.float64]
    offset: float


@dataclass(frozen=True)
class Network:
    """Several small networks with one output each: one species' part of the multi-species network.

    Attributes
    ----------
    quantiles, positions : ndarray of float64, shape (n_predictors, N_QUANTILES)
        Each predictor's values and their ranks in 0..1; zeros for a categorical one.
    mean, scale : ndarray of float64, shape (n_predictors,)
    n_levels : ndarray of int32, shape (n_predictors,)
        Number of levels of a categorical predictor, 0 for a continuous one.
    hidden_1 : ndarray of float32, shape (n_networks, n_inputs + 1, width)
        Weights of the first layer; the last row is the bias.
    hidden_2 : ndarray of float32, shape (n_networks, width + 1, width)
    output : ndarray of float32, shape (n_networks, width + 1)
    reference : ndarray of float32, shape (n_predictors,)
        Typical conditions, from which contributions are counted.
    """

    quantiles: NDArray[np.float64]
    positions: NDArray[np.float64]
    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    n_levels: NDArray[np.int32]
    hidden_1: NDArray[np.float32]
    hidden_2: NDArray[np.float32]
    output: NDArray[np.float32]
    reference: NDArray[np.float32]


@njit(cache=True, nogil=True)
def walk_rows(nodes, roots, rows, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Mean leaf value of each row, shape (n,), into `out`."""
    for r in range(rows.shape[0]):
        total = 0.0
        for t in range(roots.shape[0] - 1):
            i = roots[t]
            while nodes[i].feature >= 0:
                i = i + 1 if rows[r, nodes[i].feature] <= nodes[i].threshold else nodes[i].right
            total += nodes[i].value
        out[r] = total / (roots.shape[0] - 1)


@njit(cache=True, nogil=True)
def walk_one(nodes, roots, group, row, effects, group_sum, group_square):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Sum of leaf and of root values; fills effects by predictor, and sums and squares of leaf values by group."""
    total = 0.0
    base = 0.0
    for t in range(roots.shape[0] - 1):
        i = roots[t]
        value = nodes[i].value
        base += value
        while nodes[i].feature >= 0:
            feature = nodes[i].feature
            i = i + 1 if row[feature] <= nodes[i].threshold else nodes[i].right
            effects[feature] += nodes[i].value - value
            value = nodes[i].value
        total += value
        group_sum[group[t]] += value
        group_square[group[t]] += value * value
    return total, base


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


def share_logit(share: NDArray[np.float64], limit: float = SHARE_LIMIT) -> NDArray[np.float64]:
    """Logit of a share of presences, held at `limit` from 0 and 1; any shape."""
    held = np.clip(share, limit, 1 - limit)
    return np.asarray(np.log(held / (1 - held)))


def maxent_logit(model: MaxentTerms, rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """Logarithm of the MaxEnt-type model's density ratio for encoded rows, shape (n,)."""
    total = np.full(len(rows), -model.offset)
    sum_terms(model.terms, model.coefficients, model.low, model.span, rows, total)
    return total


def network_logit(model: Network, rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """Logarithm of the network's density ratio for encoded rows, shape (n,)."""
    inputs = np.empty((len(rows), model.hidden_1.shape[1] - 1), np.float32)
    network_inputs(model.quantiles, model.positions, model.mean, model.scale, model.n_levels, rows, inputs)
    out = np.empty(len(rows))
    forward(model.hidden_1, model.hidden_2, model.output, inputs, out)
    return out


@dataclass(frozen=True)
class Blend:
    """The members of one species' model and how their mean becomes a suitability.

    Attributes
    ----------
    forest : Forest
    maxent : MaxentTerms or None
    network : Network or None
    intercept, slope : float
        Suitability is the logistic function of intercept + slope · mean of the members' scores.
    share_limit : float
        How far the forest's share of presences is held from 0 and 1.
    """

    forest: Forest
    maxent: MaxentTerms | None = None
    network: Network | None = None
    intercept: float = 0.0
    slope: float = 1.0
    share_limit: float = SHARE_LIMIT

    def score(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Mean of the members' logarithms of density ratios.

        Parameters
        ----------
        rows : ndarray of float32, shape (n, n_predictors)
            Encoded predictors.

        Returns
        -------
        ndarray of float64, shape (n,)
        """
        rows = np.ascontiguousarray(rows, np.float32)
        total = np.empty(len(rows))
        walk_rows(self.forest.nodes, self.forest.roots, rows, total)
        total = share_logit(total, self.share_limit)
        n_members = 1
        if self.maxent is not None:
            total += maxent_logit(self.maxent, rows)
            n_members += 1
        if self.network is not None:
            total += network_logit(self.network, rows)
            n_members += 1
        return total / n_members

    def suitability(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Suitability of encoded rows, shape (n,)."""
        return logistic(self.intercept + self.slope * self.score(rows))


def logistic(x: ArrayLike) -> NDArray[np.float64]:
    """Logistic function; any shape."""
    return np.asarray(1 / (1 + np.exp(-np.clip(x, -700, 700))))
