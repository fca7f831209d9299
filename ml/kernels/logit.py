"""The logit of a share of presences, its variance, and the logistic function."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: A forest's share of presences is held this far from 0 and 1 before its logit is taken.
SHARE_LIMIT = 1e-3


_LEAST_SHARE = 0.02


def share_logit(share: NDArray[np.float64], limit: float = SHARE_LIMIT) -> NDArray[np.float64]:
    """Logit of a share of presences, held at `limit` from 0 and 1; any shape."""
    held = _held(share, limit, 1 - limit)
    return np.asarray(np.log(held / (1 - held)))


def logit_variance(share: NDArray[np.float64], variance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Variance of the logit of a share that has a variance; any shape."""
    # nearer to 0 and 1 the logit is too steep to carry a variance over
    held = _held(share, _LEAST_SHARE, 1 - _LEAST_SHARE)
    return np.asarray(variance / (held * (1 - held)) ** 2)


def logistic(x: ArrayLike) -> NDArray[np.float64]:
    """Logistic function; any shape."""
    return np.asarray(1 / (1 + np.exp(-_held(x, -700, 700))))


def _held(x: ArrayLike, low: float, high: float) -> NDArray[np.float64]:
    """The same as `np.clip`, which takes twice as long for one number."""
    return np.minimum(np.maximum(x, low), high)
