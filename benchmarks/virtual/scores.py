"""Scores of the answers of one model on some cells: intervals, calibration, threshold and area of applicability."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks.virtual.species import expected_auc
from benchmarks.virtual.truth import (
    Target,
    best_tss,
    calibration_line,
    covered,
    group_coverage,
    logit,
    logit_error,
    rates,
)
from ml.serving.artifact import Artifact
from ml.serving.bulk import BulkAnswers
from ml.serving.interval import Z
from ml.serving.verdict import VERDICTS

Floats = NDArray[np.float64]
BANDS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
"""Edges of the answers between which the mean difference from the truth is given."""
ONE_RECORD = (0.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0)
"""Standard deviations of the logit of a single place after one record, which are tried for the intervals."""
# A truth outside the interval by no more than this is a small miss.
_SMALL = 0.05
_FEWEST_CELLS = 50
_FEWEST_EXPECTED = 5.0
_CANNOT_SAY = VERDICTS.index("cannot_say")


def interval_check(answers: BulkAnswers, seen: Target, fair: Target) -> dict[str, float]:
    """Compare intervals with the share of presences, and with the share if people went everywhere equally often.

    Parameters
    ----------
    answers : BulkAnswers
    seen, fair : Target
        Of the same cells.

    Returns
    -------
    dict of str to float
    """
    low, high, truth = answers.low, answers.high, seen.share
    inside = covered(truth, low, high)
    missed = np.maximum(low - truth, truth - high)
    return {
        "coverage": float(inside.mean()),
        "coverage_records": float(np.average(inside, weights=seen.mixture)),
        "truth_below": float((truth < low).mean()),
        "truth_above": float((truth > high).mean()),
        "small_miss": float(((missed > 0) & (missed <= _SMALL)).mean()),
        "large_miss": float((missed > _SMALL).mean()),
        "coverage_groups": group_coverage(answers.suitability, low, high, seen),
        "width": float((high - low).mean()),
        "unbiased": float(covered(fair.share, low, high).mean()),
        "unbiased_groups": group_coverage(answers.suitability, low, high, fair),
    }


def width_check(answers: BulkAnswers, seen: Target, artifact: Artifact) -> dict[str, float]:
    """Return the share of cells whose interval would hold the true value with other parts for few records.

    Parameters
    ----------
    answers : BulkAnswers
    seen : Target
        Of the same cells.
    artifact : Artifact
        That gave the answers.

    Returns
    -------
    dict of str to float
        "cover0" and so on by the standard deviations `ONE_RECORD`; empty for a model without intervals.
    """
    report = artifact.card.interval
    if report is None:
        return {}
    low, high, truth = (logit(one) for one in (answers.low, answers.high, seen.share))
    middle, variance = (low + high) / 2, ((high - low) / (2 * Z)) ** 2 - report.few_records**2
    out = {}
    for one in ONE_RECORD:
        margin = Z * np.sqrt(np.maximum(variance, 0) + one**2 / artifact.card.n_presences)
        out[f"cover{one:g}"] = float((np.abs(truth - middle) <= margin).mean())
    return out


def calibration_check(answer: Floats, seen: Target) -> dict[str, float]:
    """Compare answers with the share of presences: regression, mean difference and mean absolute difference.

    Parameters
    ----------
    answer : ndarray, shape (n,)
    seen : Target

    Returns
    -------
    dict of str to float
        "band0" and so on are mean differences between the edges `BANDS` of the answers; NaN with few cells.
    """
    intercept, slope = calibration_line(answer, seen)
    difference = answer - seen.share
    out = {
        "intercept": intercept,
        "slope": slope,
        "difference": float(difference.mean()),
        "absolute": float(np.abs(difference).mean()),
    }
    band = np.clip(np.digitize(answer, BANDS) - 1, 0, len(BANDS) - 2)
    for b in range(len(BANDS) - 1):
        chosen = band == b
        out[f"band{b}"] = float(difference[chosen].mean()) if chosen.sum() >= _FEWEST_CELLS else float("nan")
    return out


def threshold_check(answer: Floats, suitability: Floats, artifact: Artifact) -> dict[str, float]:
    """Return the expected rates at the default threshold, those of the card, and the best sum of any cut-off.

    Parameters
    ----------
    answer, suitability : ndarray, shape (n,)
    artifact : Artifact

    Returns
    -------
    dict of str to float
    """
    cutoff = artifact.predictor.cutoff()
    sensitivity, specificity = rates(cutoff.reached_by(answer), suitability)
    return {
        "threshold": cutoff.value,
        "sensitivity": sensitivity,
        "specificity": specificity,
        "tss": sensitivity + specificity - 1,
        "best_tss": best_tss(answer, suitability),
        "truth_tss": best_tss(suitability, suitability),
        "card_sensitivity": float("nan") if cutoff.sensitivity is None else cutoff.sensitivity,
        "card_specificity": float("nan") if cutoff.specificity is None else cutoff.specificity,
    }


def card_check(answer: Floats, presences: Floats, background: Floats, artifact: Artifact) -> dict[str, float]:
    """Return the expected rates on records and background like those of training, which the card's rates estimate.

    Parameters
    ----------
    answer : ndarray, shape (n,)
    presences, background : ndarray, shape (n,)
        Expected numbers of the species' records, and of its background points, which count the same on a card.
    artifact : Artifact

    Returns
    -------
    dict of str to float
        "card_cross_tss" is the card's TSS of thresholds chosen without the fold.
    """
    cutoff, metrics = artifact.predictor.cutoff(), artifact.card.metrics
    sensitivity, specificity = rates(cutoff.reached_by(answer), presences, background)
    stated = (float("nan") if one is None else one for one in (cutoff.sensitivity, cutoff.specificity))
    return {
        "record_sensitivity": sensitivity,
        "background_specificity": specificity,
        "record_tss": sensitivity + specificity - 1,
        "card_tss": sum(stated) - 1,
        "card_cross_tss": metrics["tss"].value if "tss" in metrics else float("nan"),
    }


def area_check(name: str, answers: BulkAnswers, truth: Floats, suitability: Floats) -> dict[str, float]:
    """Return errors, coverage and AUC of the cells inside and outside the area, and with and without a verdict.

    Parameters
    ----------
    name : str
        With which the columns start.
    answers : BulkAnswers
    truth, suitability : ndarray, shape (n,)

    Returns
    -------
    dict of str to float
        NaN for a part of fewer than 50 cells, or for an AUC with fewer than 5 expected presences or absences.
    """
    answer = answers.suitability
    cannot_say = answers.verdict == _CANNOT_SAY
    out = {f"{name}_outside": float((~answers.inside).mean()), f"{name}_cannot_say": float(cannot_say.mean())}
    parts = {"inside": answers.inside, "outside": ~answers.inside, "said": ~cannot_say, "unsaid": cannot_say}
    for part, chosen in parts.items():
        enough = chosen.sum() >= _FEWEST_CELLS
        expected = min(suitability[chosen].sum(), (1 - suitability[chosen]).sum())
        scored = enough and expected >= _FEWEST_EXPECTED
        error, far, coverage, auc, best = (float("nan"),) * 5
        if enough:
            error = float(np.abs(answer[chosen] - truth[chosen]).mean())
            far = float(logit_error(answer[chosen], truth[chosen]).mean())
            coverage = float(covered(truth[chosen], answers.low[chosen], answers.high[chosen]).mean())
        if scored:
            auc = expected_auc(answer[chosen], suitability[chosen])
            best = expected_auc(suitability[chosen], suitability[chosen])
        values = {"error": error, "logit_error": far, "coverage": coverage, "auc": auc, "lost_auc": best - auc}
        out |= {f"{name}_{part}_{key}": value for key, value in values.items()}
    return out
