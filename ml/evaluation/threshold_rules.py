"""Threshold rules: a place is suitable when ``score >= threshold``.

Each rule takes ``y_true`` of shape (n,) with 0 and 1 and ``score`` of shape (n,). The threshold is always one of the
scores, so that rounding moves no record across it. Invalid arguments raise ``ValueError``.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from ml.evaluation.metrics import validated


def max_sss(y_true: ArrayLike, score: ArrayLike) -> float:
    """Return the threshold of maximum sensitivity + specificity; the highest of several with equal sums.

    Parameters
    ----------
    y_true : array-like, shape (n,)
    score : array-like, shape (n,)

    References
    ----------
    Liu, White & Newell 2013, J. Biogeography 40: 778-789.
    """
    y, s = validated(y_true, score)
    levels = np.unique(s)
    present, absent = np.sort(s[y == 1]), np.sort(s[y == 0])
    missed = np.searchsorted(present, levels, side="left")
    rejected = np.searchsorted(absent, levels, side="left")
    # Whole numbers make ties exact.
    gain = rejected * present.size - missed * absent.size
    return float(levels[np.flatnonzero(gain == gain.max())[-1]])


def p10(y_true: ArrayLike, score: ArrayLike) -> float:
    """Return the tenth-percentile presence: the highest presence score that leaves 90 % of presences suitable.

    Parameters
    ----------
    y_true : array-like, shape (n,)
    score : array-like, shape (n,)

    References
    ----------
    Pearson et al. 2007, J. Biogeography 34: 102-117.
    """
    y, s = validated(y_true, score)
    present = np.sort(s[y == 1])
    return float(present[present.size // 10])


def mtp(y_true: ArrayLike, score: ArrayLike) -> float:
    """Return the minimum training presence: the lowest score of a presence (Pearson et al. 2007).

    Parameters
    ----------
    y_true : array-like, shape (n,)
    score : array-like, shape (n,)
    """
    y, s = validated(y_true, score)
    return float(s[y == 1].min())


RULES: dict[str, Callable[[ArrayLike, ArrayLike], float]] = {"maxSSS": max_sss, "P10": p10, "MTP": mtp}
