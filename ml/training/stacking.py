"""How much each member weighs in the blend, from its scores on held-out records.

Members that fit closely are too sure of themselves on new ground, and in a mean of logits the surest speaks loudest.
Stacking weighs them by what they are worth on records that they did not see (Wolpert 1992,
doi 10.1016/S0893-6080(05)80023-1; Breiman 1996, doi 10.1007/BF00117832, for the weights' being at least 0). One set of
weights serves a group: a single species has too few records to tell members apart.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ml.evaluation.calibration import weighted_logistic

Floats = NDArray[np.float64]
FEWEST_PRESENCES = 300
"""With fewer held-out presences in all, the members weigh the same."""


@dataclass(frozen=True)
class Stacking:
    """Weights of the members and the calibration that came with them.

    Attributes
    ----------
    weights : dict of str to float
        By member; they sum to 1.
    intercept, slope : float
        The logistic function of intercept + slope · weighted mean is the share of presences where presences and
        background are equally common.
    """

    weights: dict[str, float]
    intercept: float = 0.0
    slope: float = 1.0

    def mean(self, scores: dict[str, Floats]) -> Floats:
        """Weighted mean of the members' scores; any shape."""
        return np.asarray(sum(weight * scores[name] for name, weight in self.weights.items()))


@dataclass(frozen=True)
class HeldOut:
    """One species' held-out scores.

    Attributes
    ----------
    scores : dict of str to ndarray, shape (n,)
        By member; NaN where a record was not scored.
    y : ndarray of 0/1, shape (n,)
    weight : ndarray, shape (n,)
        Of the background or absences; entries of presences are not used.
    sampling : ndarray, shape (n,)
        Variance of the forest's score over samples of records; NaN where a record was not scored.
    """

    scores: dict[str, Floats]
    y: NDArray[np.int64]
    weight: Floats
    sampling: Floats = field(default_factory=lambda: np.zeros(0))


def balanced_weight(y: NDArray[np.int64], background: Floats) -> Floats:
    """Weights by which presences and background count the same in all.

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


def equal_weights(members: list[str]) -> Stacking:
    """Every member the same."""
    return Stacking({name: 1 / len(members) for name in members})


def fit_stacking(held_out: list[HeldOut]) -> Stacking:
    """Fit one set of weights for all species of a group by the log score.

    Presences and background of a species weigh the same in all, and a species weighs as the square root of its number
    of presences.

    Parameters
    ----------
    held_out : list of HeldOut

    Returns
    -------
    Stacking
        Equal weights with fewer than `FEWEST_PRESENCES` presences, or when no member helps.
    """
    # the species with too few records to be held out have no scores of their own members
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
