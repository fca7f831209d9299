"""Two models on the same records: placements, and the difference of their AUCs with its interval."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from ml.evaluation.live import Estimate

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Placements:
    """Where the scores of each label lie among those of the other.

    Attributes
    ----------
    of_presences : ndarray, shape (m,)
        For each presence the share of absences below it. The mean is the AUC.
    of_absences : ndarray, shape (n,)
        For each absence the share of presences above it.
    """

    of_presences: Floats
    of_absences: Floats


def placements(present: Floats, absent: Floats) -> Placements:
    """Return the placements of the scores of presences and absences; ties count half.

    A placement comes from midranks, as in Sun & Xu (2014, doi 10.1109/LSP.2014.2337313): n log n instead of m × n
    comparisons.
    """
    m, n = len(present), len(absent)
    together = _midranks(np.concatenate([present, absent]))
    return Placements((together[:m] - _midranks(present)) / n, 1.0 - (together[m:] - _midranks(absent)) / m)


def _midranks(values: Floats) -> Floats:
    """Return ranks from 1; equal values have the mean of their ranks."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    midrank: Floats = (2 * last - count + 1) / 2.0
    return midrank[place]


def auc_difference(y: NDArray[np.int64], first: Floats, second: Floats, of_both: tuple[Estimate, Estimate]) -> Estimate:
    """Return AUC of the first model minus AUC of the second on the same records, with its 95 % interval.

    Parameters
    ----------
    y : ndarray of 0/1, shape (n,)
        With at least two of each.
    first, second : ndarray, shape (n,)
        Suitabilities.
    of_both : tuple of Estimate
        The two AUCs with their intervals.

    Returns
    -------
    Estimate

    Notes
    -----
    The limits are combined from those of the two AUCs and their correlation, by Zou & Donner (2008, Statistics in
    Medicine 27: 1693-1702). The correlation is that of DeLong, DeLong & Clarke-Pearson (1988, doi 10.2307/2531595).
    Unlike their interval this one has a width where both AUCs are 1, because those of the AUCs have.
    """
    one, two = of_both
    r = _correlation(*(placements(values[y == 1], values[y == 0]) for values in (first, second)))
    value = one.value - two.value
    below, above = (one.value - one.low, two.high - two.value), (one.high - one.value, two.value - two.low)
    return Estimate(value, value - _combined(*below, r), value + _combined(*above, r))


def _combined(one: float, two: float, correlation: float) -> float:
    return sqrt(max(0.0, one * one - 2.0 * correlation * one * two + two * two))


def _correlation(one: Placements, two: Placements) -> float:
    """Return the correlation of two AUCs; 0 where one of them has no variance."""
    m, n = len(one.of_presences), len(one.of_absences)
    shared = np.cov(one.of_presences, two.of_presences) / m + np.cov(one.of_absences, two.of_absences) / n
    scale = sqrt(float(shared[0, 0] * shared[1, 1]))
    return float(np.clip(shared[0, 1] / scale, -1.0, 1.0)) if scale > 0.0 else 0.0
