"""The logit of a share of presences, its variance, and the logistic function."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

#: A forest's share of presences is clamped to this distance from 0 and 1 before its logit is taken.
SHARE_LIMIT = 1e-3
# Nearer to 0 and 1 the logit is too steep to carry a variance over.
_LEAST_SHARE = 0.02


def share_logit(share: NDArray[np.float64], limit: float = SHARE_LIMIT) -> NDArray[np.float64]:
    """Return the logit of shares of presences, clamped to `limit` .. 1 - `limit`; any shape."""
    clamped = _clamped(share, limit, 1 - limit)
    return np.asarray(np.log(clamped / (1 - clamped)))


def logit_variance(share: NDArray[np.float64], variance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the variance of the logit of shares that have a variance (delta method); any shape."""
    clamped = _clamped(share, _LEAST_SHARE, 1 - _LEAST_SHARE)
    # a product, because the square of a number and of an array differ in the last bit
    product = clamped * (1 - clamped)
    return np.asarray(variance / (product * product))


def logistic(x: ArrayLike) -> NDArray[np.float64]:
    """Return the logistic function of numbers; any shape."""
    return np.asarray(1 / (1 + np.exp(-_clamped(x, -700, 700))))


@njit(cache=True, nogil=True)
def calibrate_scores(score, intercept, slope, suitability):  # noqa: ANN001, ANN201
    """Compute the suitability of scores, logistic(intercept + slope · score), into `suitability`.

    `math.exp` is that of the single row: `numpy.exp` differs from it in the last bit, and a suitability must not depend
    on how many rows are computed together.

    Parameters
    ----------
    score, suitability : float64, shape (n,)
    intercept, slope : float
    """
    for r in range(score.shape[0]):
        x = intercept + slope * score[r]
        suitability[r] = 1 / (1 + math.exp(-min(max(x, -700.0), 700.0)))


def _clamped(x: ArrayLike, low: float, high: float) -> NDArray[np.float64]:
    """Do the same as `np.clip`, which takes twice as long for one number."""
    return np.minimum(np.maximum(x, low), high)
