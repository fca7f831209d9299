"""What a model of virtual species should answer, from the known suitability and effort.

With presences and background, a suitability is r = p / (p + b): p is the density of the species' records and b that of
its background, and both have the same total. Calibration fits this share, because it gives presences and background the
same total weight (`ml.training.stacking.balanced_weight`). The background of a species is, with the share of the target
group, the distinct places of other species' records that are no records of its own, and for the rest random cells
(`ml.training.background_weight`). Both densities follow from the chance of each cell to be a record.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from ml.evaluation.calibration import weighted_logistic
from ml.kernels.logit import share_logit
from ml.serving.interval import Z

Floats = NDArray[np.float64]
_GROUPS = 10
# Logits beyond this one differ by less than 0.007 in suitability.
_FAR = 5.0
_LEAST = 1e-12


@dataclass(frozen=True)
class Target:
    """The share of presences that a model estimates.

    Attributes
    ----------
    share : ndarray, shape (n_cells,)
        r.
    mixture : ndarray, shape (n_cells,)
        Density of presences and background together, (p + b) / 2; sums to 1 over the cells that records come from.
    """

    share: Floats
    mixture: Floats


def chance_of_record(suitability: Floats, effort: Floats, n_records: NDArray[np.int64]) -> Floats:
    """Return the chance of each cell to be a record of each species.

    Records are drawn without replacement from the cells where the species occurs. So a cell is a record with the chance
    suitability · (1 - exp(-t · effort)), where t is such that the chances sum to the number of records (Rosén 1972;
    exact for many cells). For few records it is proportional to suitability · effort.

    Parameters
    ----------
    suitability, effort : ndarray, shape (n_cells, n_species)
    n_records : ndarray of int, shape (n_species,)
        Each less than the sum of the suitability.

    Returns
    -------
    ndarray, shape (n_cells, n_species)
    """
    columns = []
    for s, wanted in enumerate(n_records):
        own, visits = suitability[:, s], effort[:, s] / effort[:, s].mean()
        largest = 1.0
        while -own @ np.expm1(-largest * visits) < wanted:
            largest *= 2
        t = brentq(lambda t, own=own, visits=visits, wanted=wanted: -own @ np.expm1(-t * visits) - wanted, 0, largest)
        columns.append(-own * np.expm1(-t * visits))
    return np.column_stack(columns)


def target(chance: Floats, species: int, share: float, within: NDArray[np.bool_] | None = None) -> Target:
    """Return the share of presences where presences and background have the same total.

    Parameters
    ----------
    chance : ndarray, shape (n_cells, n_species)
        Of each cell to be a record of each species of the study.
    species : int
        Column.
    share : float
        Share of the background that is target group.
    within : ndarray of bool, shape (n_cells,), optional
        Cells that records and background come from; all by default. Densities are scaled to sum to 1 over them, and
        continued to the other cells by the same formula.

    Returns
    -------
    Target
    """
    cells = np.ones(len(chance), bool) if within is None else within
    elsewhere = other_places(chance, species)
    presences = chance[:, species] / chance[cells, species].sum()
    background = np.full(len(chance), (1 - share) / cells.sum())
    if share > 0:
        background += share * elsewhere / elsewhere[cells].sum()
    return Target(presences / (presences + background), (presences + background) / 2)


def other_places(chance: Floats, species: int) -> Floats:
    """Return the chance of each cell to be a record of another species and none of this one, shape (n_cells,).

    Parameters
    ----------
    chance : ndarray, shape (n_cells, n_species)
    species : int
        Column.
    """
    others = np.delete(chance, species, axis=1)
    return np.asarray((1 - chance[:, species]) * (1 - np.prod(1 - others, axis=1)))


def logit(share: Floats) -> Floats:
    """Return the logit, finite for 0 and 1; any shape."""
    return share_logit(share, _LEAST)


def logit_error(answer: Floats, truth: Floats) -> Floats:
    """Return the distance of the logits of two shares, each held within -5 and 5; any shape."""
    return np.abs(np.clip(logit(answer), -_FAR, _FAR) - np.clip(logit(truth), -_FAR, _FAR))


def covered(truth: Floats, low: Floats, high: Floats) -> NDArray[np.bool_]:
    """Return whether intervals contain the truth, ends included; any shape."""
    return (low <= truth) & (truth <= high)


def group_coverage(answer: Floats, low: Floats, high: Floats, truth: Target) -> float:
    """Return the share of groups of cells with similar answers whose true share lies in the group's interval.

    Groups hold the same weight of presences and background, and their intervals are made as those of held-out bins
    (`ml.evaluation.interval_calibration`): around the logit of the mean answer, with the root mean square deviation.

    Parameters
    ----------
    answer, low, high : ndarray, shape (n,)
    truth : Target

    Returns
    -------
    float
    """
    order = np.argsort(answer, kind="stable")
    weight = truth.mixture[order] / truth.mixture.sum()
    reach = np.cumsum(weight) - weight / 2
    group = np.minimum((reach * _GROUPS).astype(int), _GROUPS - 1)
    variance = ((logit(high) - logit(low)) / (2 * Z)) ** 2
    inside = []
    for g in np.unique(group):
        rows = order[group == g]
        mean, true, spread = (
            np.average(one[rows], weights=truth.mixture[rows]) for one in (answer, truth.share, variance)
        )
        inside.append(abs(logit(true) - logit(mean)) <= Z * np.sqrt(spread))
    return float(np.mean(inside))


def calibration_line(answer: Floats, truth: Target) -> tuple[float, float]:
    """Return intercept and slope of the logistic regression of presence on the logit of the answer.

    It is the regression that calibration fits, with the true densities in place of records. A model that answers r
    has intercept 0 and slope 1. A slope below 1 means answers that are too far from 0.5.

    Parameters
    ----------
    answer : ndarray, shape (n,)
    truth : Target

    Returns
    -------
    intercept, slope : float
    """
    rows = logit(answer)[:, None]
    intercept, slopes = weighted_logistic(rows, truth.share, truth.mixture, [(None, None)], start=[1.0])
    return intercept, float(slopes[0])


def rates(suitable: NDArray[np.bool_], presences: Floats, absences: Floats | None = None) -> tuple[float, float]:
    """Return expected sensitivity and specificity.

    Parameters
    ----------
    suitable : ndarray of bool, shape (n,)
        What the model says.
    presences : ndarray, shape (n,)
        Chance that the species occurs, or the expected number of presences of each cell.
    absences : ndarray, shape (n,), optional
        Expected number of absences, or of background points; by default 1 - `presences`.

    Returns
    -------
    sensitivity, specificity : float
    """
    absent = 1 - presences if absences is None else absences
    return float(presences[suitable].sum() / presences.sum()), float(absent[~suitable].sum() / absent.sum())


def best_tss(answer: Floats, suitability: Floats) -> float:
    """Return the largest expected sensitivity + specificity - 1 over all cut-offs of the answers.

    Parameters
    ----------
    answer, suitability : ndarray, shape (n,)

    Returns
    -------
    float
    """
    _, level = np.unique(answer, return_inverse=True)
    present = np.bincount(level, weights=suitability) / suitability.sum()
    absent = np.bincount(level, weights=1 - suitability) / (1 - suitability).sum()
    # At the lowest answer everything is suitable, and the sum is 1.
    return max(0.0, float((np.cumsum(absent) - np.cumsum(present)).max()))
