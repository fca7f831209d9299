"""Drift: whether the conditions that people ask about are those that the models were trained on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Word = Literal["about the same", "somewhat different", "very different", "too few requests"]

PARTS = ("below", "q1", "q2", "q3", "q4", "above")
#: Below this many requested values nothing is said.
ENOUGH = 30
# Where both are bell-shaped with one spread, these are shifts of half and of one standard deviation.
SOMEWHAT, VERY = 0.2, 0.4
# The two-sided 5 % point of Kolmogorov's distribution.
_CHANCE = 1.358


@dataclass(frozen=True)
class Drift:
    """How requested values of a predictor lie beside its training values.

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
    word: Word


def measure(reference: NDArray[np.float32], requested: ArrayLike) -> Drift:
    """Compare requested values of one predictor with its training values.

    Parameters
    ----------
    reference : ndarray of float32, shape (n,)
        Sorted training values, at least one.
    requested : array-like, shape (m,)
        Requested values, at least one.

    Returns
    -------
    Drift

    Notes
    -----
    The distance is the largest difference, over all values v, between the share of training values and the share of
    requested values that are v or less: 0 when the two are alike, 1 when they do not overlap. It needs neither bins nor
    smoothing, bears many equal values, and is the same in any unit and under any transform that keeps the order. The
    population stability index, more usual where credit is scored, depends on its bins, is infinite where one is empty,
    and with 30 requests in ten bins exceeds its customary limit of 0.25 by chance alone in about half of all cases.

    The words go by the distance, not by a test: with many requests any difference is significant. A distance that
    chance alone can explain is called neither.

    References
    ----------
    Smirnov 1948, Annals of Mathematical Statistics 19: 279-281, doi 10.1214/aoms/1177730256.
    """
    # in the precision of the training values, or 0.1 would not be the 0.1 it was trained on
    values = np.sort(np.asarray(requested, dtype=np.float32))
    steps = np.concatenate([reference, values])
    trained = np.searchsorted(reference, steps, side="right") / len(reference)
    asked = np.searchsorted(values, steps, side="right") / len(values)
    distance = float(np.abs(trained - asked).max())
    chance = _CHANCE * math.sqrt(1 / len(reference) + 1 / len(values))
    # judged as it is shown, so that 0.2 is 0.2
    return Drift(distance, chance, _word(round(distance, 2), chance, len(values)))


def _word(distance: float, chance: float, n: int) -> Word:
    if n < ENOUGH:
        return "too few requests"
    if distance < SOMEWHAT:
        return "about the same"
    if distance < chance:
        return "too few requests"
    return "somewhat different" if distance < VERY else "very different"


class Quarters:
    """The quarters of a predictor's training values, and where another value falls in them.

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
        below = np.searchsorted(reference, edges, side="left") / n
        up_to = np.searchsorted(reference, edges, side="right") / n
        self._edges = edges
        # by twice the number of edges below a value, and one more where it is an edge itself
        self._shares = np.zeros((2 * len(edges) + 1, len(PARTS)))
        self._shares[0, 0] = 1.0
        for i in range(len(edges)):
            for part, share in _overlaps(float(below[i]), float(up_to[i])):
                self._shares[2 * i + 1, part] = share
            # between two edges lies one quarter, and above the last nothing
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


def _overlaps(low: float, high: float) -> list[tuple[int, float]]:
    """How much of the ranks from low to high (shares of 1) lies in each quarter."""
    found = [(k + 1, (min(high, (k + 1) / 4) - max(low, k / 4)) / (high - low)) for k in range(4)]
    return [(part, share) for part, share in found if share > 0]


def quartiles(values: Sequence[float] | NDArray[np.float32]) -> tuple[float, float, float]:
    """Return the lower quartile, the median and the upper quartile."""
    low, median, high = np.quantile(np.asarray(values, dtype=np.float64), [0.25, 0.5, 0.75])
    return float(low), float(median), float(high)
