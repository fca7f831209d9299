"""Stacking: the weights of the members in the blend, fitted to their held-out scores.

A member that fits its training records closely gives extreme scores on new records, and a plain mean of logits follows
the most extreme member. Stacking weighs members by how well they predict records that they were not fitted to
(Wolpert 1992, doi 10.1016/S0893-6080(05)80023-1) with weights of at least 0 (Breiman 1996, doi 10.1007/BF00117832). A
group has one set of weights: a single species has too few records to compare members.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ml.evaluation.calibration import weighted_logistic
from ml.training.cross_validation import HeldOutScores
from ml.training.default_model import Stacking, equal_weights

Floats = NDArray[np.float64]
FEWEST_PRESENCES = 300
"""With fewer held-out presences over all species, the members have equal weights."""


def balanced_weight(y: NDArray[np.int64], background: Floats) -> Floats:
    """Return weights under which presences and background have the same total weight.

    Parameters
    ----------
    y : ndarray of 0/1, shape (n,)
    background : ndarray, shape (n,)
        Weight of the background; entries of presences are not used.

    Returns
    -------
    ndarray, shape (n,)
        Sums to 2.
    """
    return np.asarray(np.where(y == 1, 1 / y.sum(), background / background[y == 0].sum()))


def fit_stacking(held_out: list[HeldOutScores]) -> Stacking:
    """Fit one set of weights for all species of a group by the log score.

    Presences and background of a species have the same total weight, and the weight of a species is the square root of
    its number of presences.

    Parameters
    ----------
    held_out : list of HeldOutScores

    Returns
    -------
    Stacking
        Equal weights with fewer than `FEWEST_PRESENCES` presences, or when no member helps.
    """
    # A species with too few records to be held out has no scores of its own members.
    members = list(max(held_out, key=lambda one: len(one.scores)).scores)
    table, labels, weights = [], [], []
    for one in held_out:
        if set(one.scores) != set(members):
            continue
        scores = np.column_stack([one.scores[name] for name in members])
        scored = np.isfinite(scores).all(axis=1) & ((one.y == 1) | (one.weight > 0))
        y, background = one.y[scored], one.weight[scored]
        if not y.any() or not background[y == 0].sum():
            continue
        table.append(scores[scored])
        labels.append(y)
        weights.append(balanced_weight(y, background) * np.sqrt(y.sum()))
    if not table or sum(int(y.sum()) for y in labels) < FEWEST_PRESENCES:
        return equal_weights(members)
    rows, y = np.concatenate(table), np.concatenate(labels).astype(np.float64)
    bounds: list[tuple[float | None, float | None]] = [(0.0, None)] * len(members)
    intercept, slopes = weighted_logistic(
        rows, y, np.concatenate(weights), bounds, start=[1 / len(members)] * len(members)
    )
    slope = float(slopes.sum())
    if slope <= 0:
        return equal_weights(members)
    return Stacking({name: float(value / slope) for name, value in zip(members, slopes, strict=True)}, intercept, slope)
