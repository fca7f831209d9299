"""How good a model is on records it has not seen: scores and thresholds from cross-validation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ml import metrics
from ml.card import Metric, Threshold

_RESAMPLES = 500


@dataclass(frozen=True)
class Assessment:
    """Scores and thresholds as they stand in the card."""

    metrics: dict[str, Metric]
    thresholds: dict[str, Threshold]


def assess(
    y: NDArray[np.int64],
    held_out: NDArray[np.float64],
    folds: NDArray[np.int64],
    records: Literal["presence-absence", "presence-background"],
    seed: int,
) -> Assessment:
    """Score held-out suitabilities.

    Parameters
    ----------
    y : ndarray of 0/1, shape (n,)
    held_out : ndarray, shape (n,)
        Each record's suitability from the model that did not see its fold.
    folds : ndarray of int, shape (n,)
        Fold of each record. The TSS of a fold is taken at the threshold chosen on the other folds, so that the
        threshold has not seen the records it is judged on either.
    records : {"presence-absence", "presence-background"}
        Brier's score is given for true absences only.
    seed : int
        Of the bootstrap.

    Returns
    -------
    Assessment
    """

    def interval(score: metrics.Score) -> Metric:
        low, high = metrics.bootstrap_interval(score, y, held_out, n_resamples=_RESAMPLES, seed=seed)
        return Metric(value=score(y, held_out), low=low, high=high)

    scores = {
        "auc_roc": interval(metrics.auc_roc),
        "auc_prg": Metric(value=metrics.auc_prg(y, held_out)),
        "cor": interval(metrics.cor),
        "tss": Metric(value=_cross_fitted_tss(y, held_out, folds)),
        "cbi": Metric(
            value=metrics.cbi(held_out[y == 1], held_out if records == "presence-absence" else held_out[y == 0])
        ),
    }
    if records == "presence-absence":
        scores["brier"] = interval(metrics.brier)
    rules = {
        "maxSSS": metrics.max_sss(y, held_out),
        "P10": metrics.p10(y, held_out),
        "MTP": metrics.mtp(y, held_out),
    }
    thresholds = {}
    for rule, value in rules.items():
        sensitivity, specificity = metrics.sensitivity_specificity(y, held_out, value)
        thresholds[rule] = Threshold(value=value, sensitivity=sensitivity, specificity=specificity)
    return Assessment(scores, thresholds)


def _cross_fitted_tss(y: NDArray[np.int64], held_out: NDArray[np.float64], folds: NDArray[np.int64]) -> float:
    suitable = np.zeros(len(y), dtype=bool)
    for fold in np.unique(folds):
        test = folds == fold
        suitable[test] = held_out[test] >= metrics.max_sss(y[~test], held_out[~test])
    return float(suitable[y == 1].mean() + (~suitable[y == 0]).mean() - 1)
