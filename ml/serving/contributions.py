"""Contributions: how much each predictor changes the score of one row, over all members of a blend."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.kernels.logit import logit_variance, share_logit
from ml.kernels.terms import share_terms
from ml.kernels.trees import half_sample_variance, walk_one
from ml.serving.blend import Blend, MaxentTerms, Network, network_logit


@dataclass(frozen=True)
class Explanation:
    """The score of one row and its parts.

    Attributes
    ----------
    score : float
        Weighted mean of the members' logarithms of density ratios.
    base : float
        The score before any predictor is known; `base` and `effects` sum to `score`.
    effects : ndarray of float64, shape (n_predictors,)
    disagreement : float
        Weighted variance of the members' scores.
    sampling : float
        Variance of the forest's score over samples of records.
    """

    score: float
    base: float
    effects: NDArray[np.float64]
    disagreement: float
    sampling: float


def explain(blend: Blend, row: NDArray[np.float32]) -> Explanation:
    """Score one row and divide the score among its predictors.

    Parameters
    ----------
    blend : Blend
    row : ndarray of float32, shape (n_predictors,)
        Encoded.

    Returns
    -------
    Explanation

    Notes
    -----
    Forest: the changes of the share of presences along the paths through the trees (Saabas' decomposition), all scaled
    by one factor from the share to its logit. MaxEnt-type model: the distances of the terms from their background
    means; that of a product is halved between its two predictors. Network: the mean of a predictor's effect when it is
    the first to change from typical conditions and when it is the last, which is its Shapley value if predictors
    interact in pairs at most; the remainder is divided in proportion to the effects.
    """
    forest = blend.forest
    effects = np.zeros(len(row))
    sizes = forest.half_sample_sizes
    sums, squares = np.zeros(len(sizes)), np.zeros(len(sizes))
    arrays = (forest.splits, forest.shares, forest.values, forest.leaves, forest.starts, forest.half_sample)
    total, base = walk_one(*arrays, row, effects, sums, squares)
    n_trees = forest.n_trees
    share, base_share = total / n_trees, base / n_trees
    score, start = share_logit(np.array([share, base_share]), blend.share_limit)
    effects *= (score - start) / (total - base) if abs(total - base) > 1e-9 else 0.0
    weight = blend.weights
    effects *= weight[0]
    # Weight, score and base of each member.
    parts = [(weight[0], float(score), float(start))]
    for share_of, member in blend.other_members:
        if isinstance(member, MaxentTerms):
            own = np.zeros(len(row))
            columns = (member.coefficients, member.centres, member.low, member.span)
            total, base = share_terms(member.terms, *columns, row[None], own)
            value, typical = total - member.offset, base - member.offset
        else:
            value, typical, own = _network_effects(member, row)
        parts.append((share_of, value, typical))
        effects += share_of * own
    mean = sum(w * value for w, value, _ in parts)
    return Explanation(
        score=mean,
        base=sum(w * base for w, _, base in parts),
        effects=effects,
        disagreement=sum(w * ((value - mean) * (value - mean)) for w, value, _ in parts),
        sampling=float(logit_variance(share, half_sample_variance(share, sums, squares, sizes))),
    )


def _network_effects(network: Network, row: NDArray[np.float32]) -> tuple[float, float, NDArray[np.float64]]:
    """Return the score of the row, the score of typical conditions, and effects that sum to their difference."""
    p = len(row)
    table = np.empty((2 * p + 2, p), np.float32)
    table[: p + 1], table[p + 1 :] = row, network.reference
    each = np.arange(p)
    table[each, each] = network.reference
    table[p + 1 + each, each] = row
    scores = network_logit(network, table)
    value, typical = float(scores[p]), float(scores[2 * p + 1])
    effects = ((value - scores[:p]) + (scores[p + 1 : 2 * p + 1] - typical)) / 2
    left = value - typical - float(effects.sum())
    size = np.abs(effects)
    effects += left * (size / size.sum() if size.sum() > 0 else 1 / p)
    return value, typical, effects
