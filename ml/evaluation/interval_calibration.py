"""Intervals around suitability: fitted to held-out records and checked on folds that the fit did not use.

A suitability is a share: of places like this one, the share that has the species (among presences and background that
are equally common, where there are no absences). Records of one held-out fold with similar suitability form a bin,
which is a sample of such places, so the observed share of a bin can be compared with the interval.

Beside the chance of small counts, an interval has three sources. Another sample of records would give another forest
(spread between half samples). The members disagree. Places differ in ways that no predictor describes (spread between
folds). The first two are known for each row; their standard deviation is multiplied by a scale. The variance of the
third is added to the square of the product. Scale and third source are those under which the held-out counts are most
likely. The scale is at least 1: errors that differ from row to row
cancel within a bin, so counts can show that an interval is too narrow but never that it is too wide.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import gammaln, logsumexp
from scipy.stats import binom

from ml.kernels.logit import logistic
from ml.serving.interval import INTERVAL_LEVEL, IntervalModel

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

# Evenly spaced nodes: the likelihood of a large bin is narrow and could fall between the nodes of Gauss-Hermite.
_NODES = np.linspace(-5, 5, 201)
_MASS = np.exp(-(_NODES**2) / 2)
_MASS = _MASS / _MASS.sum()
_FEWEST, _MOST = 2, 10
_PRESENCES_EACH = 25
_LARGEST = 6.0


@dataclass(frozen=True)
class HeldOutBins:
    """Counts of held-out records of one fold with similar suitability; all arrays have shape (n_bins,).

    Attributes
    ----------
    fold : ndarray of int
    present, other : ndarray of int
        Presences, and the equivalent number of absences or background points of equal weight.
    logit : ndarray
        Calibrated logit of the expected share of presences.
    offset : ndarray
        Added to `logit`, it gives the logit of the share among the counts `present` and `other`.
    spread : ndarray
        Root mean square of the members' spread, in calibrated logits.
    """

    fold: Labels
    present: Labels
    other: Labels
    logit: Floats
    offset: Floats
    spread: Floats

    def __len__(self) -> int:
        """Return the number of bins."""
        return len(self.fold)

    def pick(self, chosen: NDArray[np.bool_]) -> HeldOutBins:
        """Return some of the bins."""
        return HeldOutBins(
            self.fold[chosen],
            self.present[chosen],
            self.other[chosen],
            self.logit[chosen],
            self.offset[chosen],
            self.spread[chosen],
        )


def join(parts: list[HeldOutBins]) -> HeldOutBins:
    """Return the bins of several species as one table."""
    columns = [[getattr(bins, name) for bins in parts] for name in HeldOutBins.__dataclass_fields__]
    return HeldOutBins(*(np.concatenate(column) for column in columns))


def bin_held_out(y: Labels, logit: Floats, spread: Floats, weight: Floats, fold: Labels) -> HeldOutBins:
    """Count the held-out records of one species in bins of similar suitability within each fold.

    Parameters
    ----------
    y : ndarray of 0/1, shape (n,)
    logit : ndarray, shape (n,)
        Calibrated on the other folds, from members that were fitted without the record's fold.
    spread : ndarray, shape (n,)
        Spread of those members, in calibrated logits.
    weight : ndarray, shape (n,)
        Weights that the calibration was fitted with: ones with true absences; otherwise weights under which presences
        and background have the same total.
    fold : ndarray of int, shape (n,)

    Returns
    -------
    HeldOutBins
        Bins that hold the same weight over all folds: one for every 25 presences, from 2 to 10 in each fold.
    """
    used = weight > 0
    y, logit, spread, weight, fold = y[used], logit[used], spread[used], weight[used], fold[used]
    n_bins = int(np.clip(y.sum() // _PRESENCES_EACH, _FEWEST, _MOST))
    order = np.argsort(logit, kind="stable")
    reach = np.cumsum(weight[order]) / weight.sum()
    edges = logit[order][np.searchsorted(reach, np.arange(1, n_bins) / n_bins)]
    bin_of = np.searchsorted(edges, logit, side="right")
    suitability = logistic(logit)
    per_presence = float(weight[y == 1].mean())
    typical = float(weight[y == 0].mean())
    rows = []
    for f in np.unique(fold):
        for b in range(n_bins):
            inside = (fold == f) & (bin_of == b)
            if not inside.any():
                continue
            w = weight[inside]
            background = w[y[inside] == 0]
            # The weight of one record if all had the same (Kish). All folds are used, because the few records of large
            # weight may be missing from this fold.
            pool = weight[(bin_of == b) & (y == 0)]
            each = float((pool**2).sum() / pool.sum()) if len(pool) else typical
            other = round(float(background.sum()) / each)
            expected = float(np.clip(w @ suitability[inside] / w.sum(), 1e-6, 1 - 1e-6))
            rows.append(
                (
                    f,
                    int(y[inside].sum()),
                    other,
                    np.log(expected / (1 - expected)),
                    np.log(each / per_presence),
                    np.sqrt(w @ spread[inside] ** 2 / w.sum()),
                )
            )
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    counts, values = [column.astype(np.int64) for column in columns[:3]], columns[3:]
    return HeldOutBins(counts[0], counts[1], counts[2], values[0], values[1], values[2])


def _count_logits(bins: HeldOutBins, model: IntervalModel) -> Floats:
    """Return the logit of the share among the counts at each node of the quadrature, shape (n_bins, n_nodes)."""
    return np.asarray((bins.logit + bins.offset)[:, None] + model.deviation(bins.spread)[:, None] * _NODES)


def _log_likelihood(bins: HeldOutBins, model: IntervalModel) -> float:
    total = bins.present + bins.other
    ways = gammaln(total + 1) - gammaln(bins.present + 1) - gammaln(bins.other + 1)
    logit = _count_logits(bins, model)
    counts = ways[:, None] + bins.present[:, None] * logit - total[:, None] * np.logaddexp(0, logit)
    return float(logsumexp(counts, axis=1, b=_MASS).sum())


def fit_interval(bins: HeldOutBins) -> IntervalModel:
    """Fit the scale and the spread between places under which the held-out counts are most likely.

    Parameters
    ----------
    bins : HeldOutBins

    Returns
    -------
    IntervalModel
    """

    def loss(parameters: Floats) -> float:
        return -_log_likelihood(bins, IntervalModel(float(parameters[0]), float(parameters[1])))

    starts = ([1.0, 0.1], [1.2, 0.8], [2.0, 0.3])
    fits = [minimize(loss, start, bounds=[(1, _LARGEST), (0, _LARGEST)], method="L-BFGS-B") for start in starts]
    best = min(fits, key=lambda fit: float(fit.fun))
    return IntervalModel(float(best.x[0]), float(best.x[1]))


def bin_coverage(bins: HeldOutBins, model: IntervalModel) -> Floats:
    """Return whether the count of each bin lies within its interval of level `INTERVAL_LEVEL`.

    Parameters
    ----------
    bins : HeldOutBins
    model : IntervalModel
        Fitted without these bins.

    Returns
    -------
    ndarray, shape (n_bins,)
        1 inside, 0 outside. A count that spans the edge of the interval gets the share of its probability that lies
        inside, so that the mean over whole-numbered counts equals the level exactly if the model is right.
    """
    total = (bins.present + bins.other)[:, None]
    shares = logistic(_count_logits(bins, model))
    above = binom.cdf(bins.present[:, None], total, shares) @ _MASS
    below = above - binom.pmf(bins.present[:, None], total, shares) @ _MASS
    low, high = (1 - INTERVAL_LEVEL) / 2, (1 + INTERVAL_LEVEL) / 2
    overlap = np.clip(np.minimum(above, high) - np.maximum(below, low), 0, None)
    width = above - below
    covered = (above >= low) & (below <= high)
    return np.asarray(np.where(width > 1e-12, overlap / np.maximum(width, 1e-12), covered))


def fit_without_each_fold(bins: HeldOutBins) -> dict[int, IntervalModel]:
    """Return for each fold the model that was fitted without it."""
    return {int(f): fit_interval(bins.pick(bins.fold != f)) for f in np.unique(bins.fold)}


def cross_fitted_coverage(bins: HeldOutBins, models: dict[int, IntervalModel]) -> Floats:
    """Return `bin_coverage` of each bin under the model that was fitted without its fold, shape (n_bins,)."""
    coverage = np.empty(len(bins))
    for f, model in models.items():
        inside = bins.fold == f
        coverage[inside] = bin_coverage(bins.pick(inside), model)
    return coverage
