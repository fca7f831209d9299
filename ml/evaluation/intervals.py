"""Intervals that were checked: how far held-out records fall from what the model says, and from what that comes.

A suitability is a share: of places like this one, how many have the species (among presences and background that are
equally common, where there are no absences). Records of one held-out fold with similar suitability are a sample of such
places, so their observed share can be set against the interval. What an interval must hold beside the luck of small
numbers has three sources: another sample of records would have grown another forest (the spread between half samples),
the members disagree, and a place differs from others in what no predictor tells (the spread between folds). The first
two are known for each row and are scaled, the third is added; the held-out counts are most likely under both figures.
The scale is at least 1: errors that differ from row to row cancel in a group, so that counts can show an
interval to be too narrow and never that it is too wide.
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

# evenly spaced: the counts of a large group are sharp, and between the nodes of Gauss and Hermite they would be lost
_NODES = np.linspace(-5, 5, 201)
_MASS = np.exp(-(_NODES**2) / 2)
_MASS = _MASS / _MASS.sum()
_FEWEST, _MOST = 2, 10
_PRESENCES_EACH = 25
_LARGEST = 6.0


@dataclass(frozen=True)
class HeldOutGroups:
    """Held-out records of one fold with similar suitability, counted; all arrays of shape (n_groups,).

    Attributes
    ----------
    fold : ndarray of int
    present, other : ndarray of int
        Presences, and the number of absences or background points that the weighted ones are worth.
    logit : ndarray
        Calibrated logit of the group's expected share.
    offset : ndarray
        What turns that into the logit of the share among `present` and `other`.
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
        """Number of groups."""
        return len(self.fold)

    def pick(self, chosen: NDArray[np.bool_]) -> HeldOutGroups:
        """Some of the groups."""
        return HeldOutGroups(
            self.fold[chosen],
            self.present[chosen],
            self.other[chosen],
            self.logit[chosen],
            self.offset[chosen],
            self.spread[chosen],
        )


def join(groups: list[HeldOutGroups]) -> HeldOutGroups:
    """Put groups of several species together."""
    columns = [[getattr(g, name) for g in groups] for name in HeldOutGroups.__dataclass_fields__]
    return HeldOutGroups(*(np.concatenate(column) for column in columns))


def held_out_groups(y: Labels, logit: Floats, spread: Floats, weight: Floats, fold: Labels) -> HeldOutGroups:
    """Group one species' held-out records by fold and suitability.

    Parameters
    ----------
    y : ndarray of 0/1, shape (n,)
    logit : ndarray, shape (n,)
        Calibrated on the other folds, from members that did not see the record.
    spread : ndarray, shape (n,)
        Of the members that did not see the record, in calibrated logits.
    weight : ndarray, shape (n,)
        As the calibration was fitted with: ones with true absences; otherwise such that presences and background count
        the same.
    fold : ndarray of int, shape (n,)

    Returns
    -------
    HeldOutGroups
        In each fold, bins that hold the same weight over all folds: one for 25 presences, from 2 to 10.
    """
    used = weight > 0
    y, logit, spread, weight, fold = y[used], logit[used], spread[used], weight[used], fold[used]
    n_bins = int(np.clip(y.sum() // _PRESENCES_EACH, _FEWEST, _MOST))
    order = np.argsort(logit, kind="stable")
    place = np.cumsum(weight[order]) / weight.sum()
    edges = logit[order][np.searchsorted(place, np.arange(1, n_bins) / n_bins)]
    bins = np.searchsorted(edges, logit, side="right")
    suitability = logistic(logit)
    per_presence = float(weight[y == 1].mean())
    typical = float(weight[y == 0].mean())
    rows = []
    for f in np.unique(fold):
        for b in range(n_bins):
            here = (fold == f) & (bins == b)
            if not here.any():
                continue
            w = weight[here]
            background = w[y[here] == 0]
            # what one record of equal weight would weigh (Kish), over all folds: this one may lack the few heavy ones
            pool = weight[(bins == b) & (y == 0)]
            each = float((pool**2).sum() / pool.sum()) if len(pool) else typical
            other = round(float(background.sum()) / each)
            expected = float(np.clip(w @ suitability[here] / w.sum(), 1e-6, 1 - 1e-6))
            rows.append(
                (
                    f,
                    int(y[here].sum()),
                    other,
                    np.log(expected / (1 - expected)),
                    np.log(each / per_presence),
                    np.sqrt(w @ spread[here] ** 2 / w.sum()),
                )
            )
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    return HeldOutGroups(*(column.astype(np.int64) for column in columns[:3]), *columns[3:])  # type: ignore[arg-type]


def _shares(groups: HeldOutGroups, model: IntervalModel) -> Floats:
    """Share of presences in each group at each node of the quadrature, shape (n_groups, n_nodes)."""
    deviation = model.deviation(groups.spread)
    return logistic((groups.logit + groups.offset)[:, None] + deviation[:, None] * _NODES)


def _log_likelihood(groups: HeldOutGroups, model: IntervalModel) -> float:
    total = groups.present + groups.other
    ways = gammaln(total + 1) - gammaln(groups.present + 1) - gammaln(groups.other + 1)
    logit = (groups.logit + groups.offset)[:, None] + model.deviation(groups.spread)[:, None] * _NODES
    counts = ways[:, None] + groups.present[:, None] * logit - total[:, None] * np.logaddexp(0, logit)
    return float(logsumexp(counts, axis=1, b=_MASS).sum())


def fit_interval(groups: HeldOutGroups) -> IntervalModel:
    """Find the spread under which held-out counts are most likely.

    Parameters
    ----------
    groups : HeldOutGroups

    Returns
    -------
    IntervalModel
    """

    def loss(parameters: Floats) -> float:
        return -_log_likelihood(groups, IntervalModel(float(parameters[0]), float(parameters[1])))

    starts = ([1.0, 0.1], [1.2, 0.8], [2.0, 0.3])
    found = [minimize(loss, start, bounds=[(1, _LARGEST), (0, _LARGEST)], method="L-BFGS-B") for start in starts]
    best = min(found, key=lambda one: float(one.fun))
    return IntervalModel(float(best.x[0]), float(best.x[1]))


def holds(groups: HeldOutGroups, model: IntervalModel) -> Floats:
    """How far each group's count lies where intervals of `INTERVAL_LEVEL` say.

    Parameters
    ----------
    groups : HeldOutGroups
    model : IntervalModel
        Fitted without the groups.

    Returns
    -------
    ndarray, shape (n_groups,)
        1 inside, 0 outside; between them where one count spans the edge, so that counts, which are whole, keep the
        level exactly if the model is right.
    """
    total = (groups.present + groups.other)[:, None]
    shares = _shares(groups, model)
    above = binom.cdf(groups.present[:, None], total, shares) @ _MASS
    below = above - binom.pmf(groups.present[:, None], total, shares) @ _MASS
    low, high = (1 - INTERVAL_LEVEL) / 2, (1 + INTERVAL_LEVEL) / 2
    overlap = np.clip(np.minimum(above, high) - np.maximum(below, low), 0, None)
    width = above - below
    return np.where(width > 1e-12, overlap / np.maximum(width, 1e-12), (above >= low) & (below <= high))


def by_fold(groups: HeldOutGroups) -> dict[int, IntervalModel]:
    """For each fold the model fitted without it."""
    return {int(f): fit_interval(groups.pick(groups.fold != f)) for f in np.unique(groups.fold)}


def checked(groups: HeldOutGroups, models: dict[int, IntervalModel]) -> Floats:
    """`holds` of every group under the model fitted without its fold, shape (n_groups,)."""
    agreed = np.empty(len(groups))
    for f, model in models.items():
        here = groups.fold == f
        agreed[here] = holds(groups.pick(here), model)
    return agreed
