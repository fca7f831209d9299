"""Assessment of a model by cross-validation: scores and thresholds from held-out records."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ml.card import Metric, Threshold
from ml.evaluation import metrics, threshold_rules
from ml.evaluation.boyce_index import cbi

_RESAMPLES = 500


@dataclass(frozen=True)
class Assessment:
    """Scores and thresholds of a model card, by name."""

    metrics: dict[str, Metric]
    thresholds: dict[str, Threshold]


def assess(
    y: NDArray[np.int64],
    held_out: NDArray[np.float64],
    folds: NDArray[np.int64],
    records: Literal["presence-absence", "presence-background"],
    seed: int,
    probability: NDArray[np.float64] | None = None,
) -> Assessment:
    """Score held-out suitabilities.

    Parameters
    ----------
    y : ndarray of 0/1, shape (n,)
    held_out : ndarray, shape (n,)
        Each record's suitability from the model that did not see its fold.
    folds : ndarray of int, shape (n,)
        Fold of each record. The TSS of a fold is taken at the threshold chosen on the other folds, so that the
        threshold does not depend on the records it is assessed on.
    records : {"presence-absence", "presence-background"}
        The Brier score is given for true absences only.
    seed : int
        Seed of the bootstrap.
    probability : ndarray, shape (n,), optional
        Suitabilities calibrated on the other folds, for the Brier score; by default `held_out`.

    Returns
    -------
    Assessment
    """
    scored = partial(_score, y=y, held_out=held_out, seed=seed)
    # The sites of a survey are the available environment; background points are a sample of it.
    available = held_out if records == "presence-absence" else held_out[y == 0]
    scores: dict[str, Metric | None] = {
        "auc_roc": scored(metrics.auc_roc),
        "auc_prg": scored(metrics.auc_prg, resampled=False),
        "cor": scored(metrics.cor),
        "tss": Metric(value=_cross_fitted_tss(y, held_out, folds)),
        "cbi": scored(lambda labels, score: cbi(score[labels == 1], available), resampled=False),
        "brier": None,
    }
    if records == "presence-absence":
        calibrated = held_out if probability is None else probability
        scores["brier"] = _score(metrics.brier, y=y, held_out=calibrated, seed=seed)
    thresholds = {}
    for rule, choose in threshold_rules.RULES.items():
        value = choose(y, held_out)
        sensitivity, specificity = metrics.sensitivity_specificity(y, held_out, value)
        thresholds[rule] = Threshold(value=value, sensitivity=sensitivity, specificity=specificity)
    return Assessment({name: metric for name, metric in scores.items() if metric is not None}, thresholds)


def _score(
    score: metrics.MetricFunction,
    y: NDArray[np.int64],
    held_out: NDArray[np.float64],
    seed: int,
    resampled: bool = True,
) -> Metric | None:
    """Return one metric; None where it is undefined, as for a model with the same suitability everywhere."""
    try:
        value = score(y, held_out)
        if not resampled:
            return Metric(value=value)
        low, high = metrics.bootstrap_interval(score, y, held_out, n=_RESAMPLES, seed=seed)
    except ValueError:
        return None
    return Metric(value=value, low=low, high=high)


def _cross_fitted_tss(y: NDArray[np.int64], held_out: NDArray[np.float64], folds: NDArray[np.int64]) -> float:
    suitable = np.zeros(len(y), dtype=bool)
    for fold in np.unique(folds):
        test = folds == fold
        suitable[test] = held_out[test] >= threshold_rules.max_sss(y[~test], held_out[~test])
    return float(suitable[y == 1].mean() + (~suitable[y == 0]).mean() - 1)
