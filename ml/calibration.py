"""From a score to a suitability that means the same for every species, fitted on held-out records."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.card import ReliabilityBin
from ml.members import logistic

Floats = NDArray[np.float64]
# Held-out records that do not support any difference still leave the order of the scores visible.
LEAST_SLOPE, LARGEST_SLOPE = 0.05, 4.0
_STEPS = 50
_BINS = 10
_FEWEST_IN_BIN = 15


@dataclass(frozen=True)
class Calibration:
    """Suitability is the logistic function of ``intercept + slope · score``."""

    intercept: float
    slope: float

    def apply(self, score: Floats) -> Floats:
        """Turn scores into suitabilities; any shape."""
        return logistic(self.intercept + self.slope * score)


def fit_calibration(y: NDArray[np.int64], score: Floats, weight: Floats) -> Calibration:
    """Fit Platt's sigmoid to held-out scores.

    Parameters
    ----------
    y : ndarray of 0/1, shape (n,)
    score : ndarray, shape (n,)
        From models that did not see the record.
    weight : ndarray, shape (n,)
        Ones make suitability the chance of presence in such a survey. Weights that sum to the same for presences and
        background make it the share of presences where both are equally common, however many records there are.

    Returns
    -------
    Calibration
        Its slope lies between `LEAST_SLOPE` and `LARGEST_SLOPE`.

    References
    ----------
    Platt 1999; with the targets of Lin et al. 2007, doi 10.1007/s10994-007-5018-6, which keep few records from
    certainty.
    """
    n1, n0 = int(y.sum()), int(len(y) - y.sum())
    target = np.where(y == 1, (n1 + 1) / (n1 + 2), 1 / (n0 + 2))
    slope, intercept = 1.0, 0.0
    for _ in range(_STEPS):
        p = logistic(intercept + slope * score)
        bend = weight * np.maximum(p * (1 - p), 1e-12)
        away = weight * (p - target)
        gradient = np.array([away.sum(), away @ score])
        # a trace of ridge towards slope 1 keeps the step defined for constant scores
        ridge = 1e-6 * weight.sum()
        hessian = np.array([[bend.sum(), bend @ score], [bend @ score, bend @ score**2]]) + ridge * np.eye(2)
        gradient[1] += ridge * (slope - 1)
        step = np.linalg.solve(hessian, gradient)
        # Newton's step is cut where the sigmoid is flat
        step *= min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-12))
        intercept, slope = intercept - step[0], slope - step[1]
        if np.abs(step).max() < 1e-10:
            break
    held = float(np.clip(slope, LEAST_SLOPE, LARGEST_SLOPE))
    if held != slope:
        intercept = _intercept(target, score, weight, held)
    return Calibration(float(intercept), held)


def _intercept(target: Floats, score: Floats, weight: Floats, slope: float) -> float:
    """The intercept that makes the mean suitability right at a given slope, by bisection."""
    low, high = -700.0, 700.0
    wanted = float(weight @ target)
    for _ in range(80):
        middle = (low + high) / 2
        if float(weight @ logistic(middle + slope * score)) < wanted:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def cross_fitted(y: NDArray[np.int64], score: Floats, weight: Floats, folds: NDArray[np.int64]) -> Floats:
    """Suitabilities calibrated on the other folds, so that they can be judged; shape (n,)."""
    out = np.empty(len(y))
    for fold in np.unique(folds):
        test = folds == fold
        out[test] = fit_calibration(y[~test], score[~test], weight[~test]).apply(score[test])
    return out


def reliability(y: NDArray[np.int64], suitability: Floats) -> list[ReliabilityBin]:
    """Compare suitabilities with what was found, in bins of as equal a number of records as can be.

    Parameters
    ----------
    y : ndarray of 0/1, shape (n,)
    suitability : ndarray, shape (n,)

    Returns
    -------
    list of ReliabilityBin
        From the lowest suitability to the highest; up to 10, of at least 15 records each.
    """
    n_bins = max(1, min(_BINS, len(y) // _FEWEST_IN_BIN))
    order = np.argsort(suitability, kind="stable")
    return [
        ReliabilityBin(suitability=float(suitability[part].mean()), observed=float(y[part].mean()), n=len(part))
        for part in np.array_split(order, n_bins)
    ]
