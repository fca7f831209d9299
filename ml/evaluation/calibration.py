"""From a score to a suitability that means the same for every species, fitted on held-out records."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from ml.card import ReliabilityBin
from ml.kernels.logit import logistic

Floats = NDArray[np.float64]
# Held-out records that do not support any difference still leave the order of the scores visible.
LEAST_SLOPE, LARGEST_SLOPE = 0.05, 4.0
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
    # centred, so that the two parameters can be found one almost apart from the other
    centre = float(weight @ score / weight.sum())
    intercept, slopes = weighted_logistic(
        (score - centre)[:, None], target, weight, [(LEAST_SLOPE, LARGEST_SLOPE)], start=[1.0]
    )
    return Calibration(intercept - float(slopes[0]) * centre, float(slopes[0]))


def weighted_logistic(
    rows: Floats, target: Floats, weight: Floats, bounds: list[tuple[float | None, float | None]], start: list[float]
) -> tuple[float, Floats]:
    """Fit an intercept and bounded slopes by the weighted log score.

    Parameters
    ----------
    rows : ndarray, shape (n, k)
    target : ndarray, shape (n,)
        0..1.
    weight : ndarray, shape (n,)
    bounds : list of (float or None, float or None), length k
        Of the slopes.
    start : list of float, length k

    Returns
    -------
    intercept : float
    slopes : ndarray, shape (k,)
    """
    w = weight / weight.sum()

    def loss(parameters: Floats) -> tuple[float, Floats]:
        score = parameters[0] + rows @ parameters[1:]
        away = w * (logistic(score) - target)
        value = w @ (np.logaddexp(0, score) - target * score)
        return float(value), np.concatenate(([away.sum()], rows.T @ away))

    share = float(np.clip(w @ target, 1e-9, 1 - 1e-9))
    begin = np.array([np.log(share / (1 - share)), *start])
    options = {"ftol": 1e-15, "gtol": 1e-10, "maxiter": 1000}
    found = minimize(loss, begin, jac=True, bounds=[(None, None), *bounds], method="L-BFGS-B", options=options)
    return float(found.x[0]), np.asarray(found.x[1:])


def cross_fitted(
    y: NDArray[np.int64], score: Floats, weight: Floats, folds: NDArray[np.int64]
) -> tuple[Floats, Floats]:
    """Calibrate each fold's scores on the other folds, so that the result can be judged.

    Parameters
    ----------
    y : ndarray of 0/1, shape (n,)
    score, weight : ndarray, shape (n,)
        As for `fit_calibration`.
    folds : ndarray of int, shape (n,)

    Returns
    -------
    logit : ndarray, shape (n,)
        Of the suitability.
    slope : ndarray, shape (n,)
        Of the calibration that made it.
    """
    logit, slope = np.empty(len(y)), np.empty(len(y))
    for fold in np.unique(folds):
        test = folds == fold
        found = fit_calibration(y[~test], score[~test], weight[~test])
        logit[test] = found.intercept + found.slope * score[test]
        slope[test] = found.slope
    return logit, slope


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
