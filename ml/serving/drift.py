"""Drift: whether requested conditions are those that the models were trained on.

`drift_distance` compares stored requests with the training values exactly; the analytics page shows it.
`TrainingQuarters` counts requests by quarter of the training values as they come; Prometheus adds the counts up.
docs/decisions/031-two-measures-of-drift.md says why there are two.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

DriftWord = Literal["about the same", "somewhat different", "very different", "too few requests"]

#: Below the training range, its four quarters, and above it.
PARTS = ("below", "q1", "q2", "q3", "q4", "above")
#: With fewer requested values than this, the word is "too few requests".
ENOUGH = 30
# Where both are bell-shaped with one spread, these are shifts of half and of one standard deviation.
SOMEWHAT, VERY = 0.2, 0.4
# The two-sided 5 % point of Kolmogorov's distribution.
_CHANCE = 1.358


@dataclass(frozen=True)
class DriftDistance:
    """How far the requested values of a predictor lie from its training values.

    Attributes
    ----------
    distance : float
        Kolmogorov-Smirnov distance, 0 to 1.
    chance : float
        The distance that independent requests without any drift stay below in 19 of 20 cases.
    word : str
        What the distance means.
    """

    distance: float
    chance: float
    word: DriftWord


def drift_distance(reference: NDArray[np.float32], requested: ArrayLike) -> DriftDistance:
    """Compare requested values of one predictor with its training values.

    Parameters
    ----------
    reference : ndarray of float32, shape (n,)
        Sorted training values, at least one.
    requested : array-like, shape (m,)
        Requested values, at least one.

    Returns
    -------
    DriftDistance

    Notes
    -----
    The distance is the largest difference, over all values v, between the share of training values and the share of
    requested values that are v or less: 0 when the two are alike, 1 when they do not overlap. It needs neither bins nor
    smoothing, works with many equal values, and is the same in any unit and under any transform that keeps the order.
    The population stability index, more usual in credit scoring, depends on its bins, is infinite where one is empty,
    and with 30 requests in ten bins exceeds its customary limit of 0.25 by chance alone in about half of all cases.

    The word depends on the distance, not on a test, because with many requests any difference is significant. A
    distance of 0.2 or more that chance alone can explain gets "too few requests".

    References
    ----------
    Smirnov 1948, Annals of Mathematical Statistics 19: 279-281, doi 10.1214/aoms/1177730256.
    """
    # Single precision, as the training values: otherwise 0.1 would differ from the 0.1 in the training data.
    values = np.sort(np.asarray(requested, dtype=np.float32))
    steps = np.concatenate([reference, values])
    distance = float(np.abs(_share_up_to(reference, steps) - _share_up_to(values, steps)).max())
    chance = _CHANCE * math.sqrt(1 / len(reference) + 1 / len(values))
    # The word is chosen from the distance as the page shows it, so that a shown 0.2 counts as 0.2.
    return DriftDistance(distance, chance, _word(round(distance, 2), chance, len(values)))


def _word(distance: float, chance: float, n: int) -> DriftWord:
    if n < ENOUGH:
        return "too few requests"
    if distance < SOMEWHAT:
        return "about the same"
    if distance < chance:
        return "too few requests"
    return "somewhat different" if distance < VERY else "very different"


class TrainingQuarters:
    """The quarters of one predictor's training values, which count requested values.

    Parameters
    ----------
    reference : ndarray of float32, shape (n,)
        Sorted training values, at least one.

    Notes
    -----
    A value that many training places share can fill several quarters: where half of the places have no trees, "no
    trees" is both the first and the second. Such a value counts in part for each, in the proportion it has there, so
    that requests like the training places give each quarter a quarter.
    """

    def __init__(self, reference: NDArray[np.float32]) -> None:
        n = len(reference)
        ranks = [0, *(math.ceil(n * k / 4) - 1 for k in (1, 2, 3)), n - 1]
        edges = np.unique(reference[ranks])
        below, up_to = _share_below(reference, edges), _share_up_to(reference, edges)
        self._edges = edges
        # The row for a value is twice the number of edges below it, plus one where the value is an edge itself.
        self._shares = np.zeros((2 * len(edges) + 1, len(PARTS)))
        self._shares[0, 0] = 1.0
        for i in range(len(edges)):
            for part, share in _overlaps(float(below[i]), float(up_to[i])):
                self._shares[2 * i + 1, part] = share
            # Between two edges lies one quarter; above the last edge lies the part "above".
            last = i == len(edges) - 1
            self._shares[2 * i + 2, 5 if last else 1 + min(3, int(4 * float(up_to[i])))] = 1.0

    def count(self, values: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return how many of some values lie in each of `PARTS`.

        Parameters
        ----------
        values : ndarray of float32, shape (n,)

        Returns
        -------
        ndarray of float64, shape (6,)
            Sums to n.
        """
        below = np.searchsorted(self._edges, values, side="left")
        up_to = np.searchsorted(self._edges, values, side="right")
        counted: NDArray[np.float64] = np.bincount(below + up_to, minlength=len(self._shares)) @ self._shares
        return counted


def _share_up_to(values: NDArray[np.float32], at: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the share of some sorted values that are each of the values `at` or less."""
    return np.searchsorted(values, at, side="right") / len(values)


def _share_below(values: NDArray[np.float32], at: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the share of some sorted values that are less than each of the values `at`."""
    return np.searchsorted(values, at, side="left") / len(values)


def _overlaps(low: float, high: float) -> list[tuple[int, float]]:
    """Return how much of the ranks from low to high (shares of 1) lies in each quarter."""
    overlaps = [(k + 1, (min(high, (k + 1) / 4) - max(low, k / 4)) / (high - low)) for k in range(4)]
    return [(part, share) for part, share in overlaps if share > 0]


def quartiles(values: Sequence[float] | NDArray[np.float32]) -> tuple[float, float, float]:
    """Return the lower quartile, the median and the upper quartile."""
    low, median, high = np.quantile(np.asarray(values, dtype=np.float64), [0.25, 0.5, 0.75])
    return float(low), float(median), float(high)
