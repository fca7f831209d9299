"""Calibration: from a score to a suitability that means the same for every species, fitted to held-out records."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from ml.card import ReliabilityBin
from ml.kernels.logit import logistic

Floats = NDArray[np.float64]
LEAST_SLOPE, LARGEST_SLOPE = 0.05, 4.0
"""Bounds of the slope: even where held-out records show no difference, the order of the scores stays visible."""
_BINS = 10
_FEWEST_IN_BIN = 15


@dataclass(frozen=True)
class Calibration:
    """Suitability is the logistic function of ``intercept + slope · score``."""

    intercept: float
    slope: float

    def apply(self, score: Floats) -> Floats:
        """Return the suitabilities of scores; any shape."""
        return logistic(self.intercept + self.slope * score)


def fit_calibration(y: NDArray[np.int64], score: Floats, weight: Floats) -> Calibration:
    """Fit Platt's sigmoid to held-out scores.

    Parameters
    ----------
    y : ndarray of 0/1, shape (n,)
    score : ndarray, shape (n,)
        From models that were fitted without the record.
    weight : ndarray, shape (n,)
        With ones, suitability is the probability of presence in such a survey. With weights of equal total for
        presences and background, it is the share of presences where both are equally common.

    Returns
    -------
    Calibration
        Its slope lies between `LEAST_SLOPE` and `LARGEST_SLOPE`.

    References
    ----------
    Platt 1999; with the targets of Lin et al. 2007, doi 10.1007/s10994-007-5018-6, which keep suitabilities of few
    records away from 0 and 1.
    """
    n1, n0 = int(y.sum()), int(len(y) - y.sum())
    target = np.where(y == 1, (n1 + 1) / (n1 + 2), 1 / (n0 + 2))
    # Centred scores make the two parameters nearly independent, which the optimiser needs.
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
        residual = w * (logistic(score) - target)
        value = w @ (np.logaddexp(0, score) - target * score)
        return float(value), np.concatenate(([residual.sum()], rows.T @ residual))

    share = float(np.clip(w @ target, 1e-9, 1 - 1e-9))
    begin = np.array([np.log(share / (1 - share)), *start])
    options = {"ftol": 1e-15, "gtol": 1e-10, "maxiter": 1000}
    fit = minimize(loss, begin, jac=True, bounds=[(None, None), *bounds], method="L-BFGS-B", options=options)
    return float(fit.x[0]), np.asarray(fit.x[1:])


def cross_fitted(
    y: NDArray[np.int64], score: Floats, weight: Floats, folds: NDArray[np.int64]
) -> tuple[Floats, Floats]:
    """Calibrate the scores of each fold on the other folds.

    Parameters
    ----------
    y : ndarray of 0/1, shape (n,)
    score, weight : ndarray, shape (n,)
        As for `fit_calibration`.
    folds : ndarray of int, shape (n,)

    Returns
    -------
    logit : ndarray, shape (n,)
        Logit of the suitability.
    slope : ndarray, shape (n,)
        Slope of the calibration that gave the logit.
    """
    logit, slope = np.empty(len(y)), np.empty(len(y))
    for fold in np.unique(folds):
        test = folds == fold
        calibration = fit_calibration(y[~test], score[~test], weight[~test])
        logit[test] = calibration.intercept + calibration.slope * score[test]
        slope[test] = calibration.slope
    return logit, slope


def reliability(y: NDArray[np.int64], suitability: Floats) -> list[ReliabilityBin]:
    """Compare suitabilities with the observed share of presences, in bins of nearly equal numbers of records.

    Parameters
    ----------
    y : ndarray of 0/1, shape (n,)
    suitability : ndarray, shape (n,)

    Returns
    -------
    list of ReliabilityBin
        From the lowest suitability to the highest; up to 10 bins of at least 15 records each.
    """
    n_bins = max(1, min(_BINS, len(y) // _FEWEST_IN_BIN))
    order = np.argsort(suitability, kind="stable")
    return [
        ReliabilityBin(suitability=float(suitability[part].mean()), observed=float(y[part].mean()), n=len(part))
        for part in np.array_split(order, n_bins)
    ]
