"""Figures from confirmed presences and absences: the interval of the AUC, and the line of the calibration.

Both need numpy alone, because web processes compute them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.kernels.logit import logistic

Floats = NDArray[np.float64]
#: The 97.5 % quantile of the normal distribution: intervals are of 95 %.
Z = 1.959963984540054
_STEPS = 60
_ITERATIONS = 50
# A slope beyond this is one of outcomes that a threshold separates without error.
_STEEPEST = 25.0
_EDGE = 1e-6


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class CalibrationLine:
    """The line from the logit of the suitability to the logit of the observed share of presences.

    Attributes
    ----------
    intercept : Estimate
        0 where the suitabilities are right.
    slope : Estimate
        1 where they are right; below 1 where they are too extreme.
    """

    intercept: Estimate
    slope: Estimate


def auc_interval(auc: float, sizes: Sequence[tuple[int, int]]) -> Estimate:
    """Return an AUC with its score-type interval.

    The limits are the values from which the AUC differs by 1.96 of *their* standard errors, so that the interval stays
    within 0..1 and has a width for an AUC of 1 too, where the bootstrap and DeLong's method give none.

    Parameters
    ----------
    auc : float
    sizes : sequence of (int, int)
        Presences and absences. Several pairs are groups, such as species, whose presences were compared with absences
        of the same group only; the AUC is then the mean with the numbers of comparisons as weights.

    References
    ----------
    Newcombe 2006, Statistics in Medicine 25: 559-573, doi 10.1002/sim.2324, method 5; its standard error is that of
    Hanley & McNeil 1982, Radiology 143: 29-36.
    """
    pairs = np.array(sizes, np.float64)
    products = pairs[:, 0] * pairs[:, 1]
    weights = products / products.sum()
    more = pairs.sum(axis=1) / 2.0 - 1.0

    def variance(value: float) -> float:
        spread = 1.0 + more * ((1.0 - value) / (2.0 - value) + value / (1.0 + value))
        return float(weights**2 @ (value * (1.0 - value) * spread / products))

    def limit(inner: float, outer: float) -> float:
        """Return where the difference is 1.96 standard errors, between the AUC and an end of the scale."""
        for _ in range(_STEPS):
            middle = (inner + outer) / 2.0
            if (middle - auc) ** 2 < Z * Z * variance(middle):
                inner = middle
            else:
                outer = middle
        return outer

    return Estimate(auc, limit(auc, 0.0) if auc > 0.0 else 0.0, limit(auc, 1.0) if auc < 1.0 else 1.0)


def calibration_line(y: NDArray[np.int64], suitability: Floats) -> CalibrationLine | None:
    """Fit the line of the calibration, with the intervals of its two parameters.

    Parameters
    ----------
    y : ndarray of 0/1, shape (n,)
    suitability : ndarray, shape (n,)

    Returns
    -------
    CalibrationLine or None
        None where no line fits: the suitabilities are equal, or a threshold separates the outcomes without error.

    References
    ----------
    Cox 1958, Biometrika 45: 562-565; Steyerberg et al. 2010, Epidemiology 21: 128-138. The intervals are those of the
    maximum likelihood (Wald).
    """
    bounded = np.clip(suitability, _EDGE, 1.0 - _EDGE)
    logit = np.log(bounded / (1.0 - bounded))
    if y.min() == y.max() or np.ptp(logit) == 0.0:
        return None
    rows = np.column_stack([np.ones(len(y)), logit])
    parameters = np.array([0.0, 1.0])
    for _ in range(_ITERATIONS):
        fitted = logistic(rows @ parameters)
        information = rows.T @ (rows * (fitted * (1.0 - fitted))[:, None])
        try:
            step = np.linalg.solve(information, rows.T @ (y - fitted))
        except np.linalg.LinAlgError:
            return None
        # a long step leads away from the maximum
        parameters = parameters + step * min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-12))
        if abs(parameters[1]) > _STEEPEST:
            return None
        if np.abs(step).max() < 1e-10:
            errors = np.sqrt(np.diag(np.linalg.inv(information)))
            intercept, slope = (
                Estimate(float(value), float(value - Z * error), float(value + Z * error))
                for value, error in zip(parameters, errors, strict=True)
            )
            return CalibrationLine(intercept, slope)
    return None
