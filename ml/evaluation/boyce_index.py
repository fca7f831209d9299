"""The continuous Boyce index of presences and background."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from ml.evaluation.metrics import Floats

# A score on the edge of a window belongs to it. Edges are computed, so they are inexact by some units of rounding.
_EDGE = 1e-9


def cbi(presence: ArrayLike, background: ArrayLike, n_bins: int = 101, window: float = 0.1) -> float:
    """Return the continuous Boyce index, which measures whether presences per background rise with the score.

    A window of width `window` × the score range slides over the range in `n_bins` steps; in each, the share of
    presences is divided by the share of background. The index is the Spearman correlation of that ratio with the
    window's middle, from -1 to 1. Scores on an edge belong to the window. Windows without background have no ratio and
    are left out. Runs of equal ratios keep one window, as in Hirzel's and ecospat's programs, so that long flat
    stretches do not outweigh the rest.

    Parameters
    ----------
    presence : array-like, shape (n_presences,)
        Scores at presences.
    background : array-like, shape (n_background,)
        Scores of the available environment: background points, or all sites.
    n_bins : int
        Number of windows.
    window : float
        Width of a window as a share of the range.

    Returns
    -------
    float
        0.0 when every window has the same ratio.

    Raises
    ------
    ValueError
        Scores are empty, not finite or constant.

    References
    ----------
    Hirzel et al. 2006, Ecological Modelling 199: 142-152.
    """
    p = np.sort(np.asarray(presence, dtype=np.float64).ravel())
    b = np.sort(np.asarray(background, dtype=np.float64).ravel())
    if not p.size or not b.size:
        raise ValueError("the Boyce index needs presences and background")
    if not (np.isfinite(p).all() and np.isfinite(b).all()):
        raise ValueError("score contains NaN or infinity")
    low, high = min(p[0], b[0]), max(p[-1], b[-1])
    if low == high:
        raise ValueError("the Boyce index is undefined for constant scores")
    # On 0..1 the windows meet both ends of the range exactly.
    p, b = (p - low) / (high - low), (b - low) / (high - low)
    start = np.linspace(0.0, 1.0 - window, n_bins)
    end = np.minimum(start + window, 1.0)
    end[-1] = 1.0

    def inside(values: Floats) -> NDArray[np.int64]:
        above = np.searchsorted(values, end + _EDGE, side="right")
        return above - np.searchsorted(values, start - _EDGE, side="left")

    in_presence, in_background = inside(p), inside(b)
    known = in_background > 0
    in_presence, in_background, middle = in_presence[known], in_background[known], ((start + end) / 2.0)[known]
    # Quotients of whole numbers are rounded once, so equal ratios are equal floats. Quotients of shares are not.
    ratio = in_presence / in_background
    changes = np.append(ratio[1:] != ratio[:-1], True)
    ratio, middle = ratio[changes], middle[changes]
    if ratio.size < 2:
        return 0.0
    return float(np.corrcoef(rankdata(ratio), rankdata(middle))[0, 1])
