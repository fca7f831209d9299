"""What held-out scores show about one species: its calibration, cross-fitted suitabilities, and intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.card import IntervalReport
from ml.evaluation.calibration import Calibration, cross_fitted, fit_calibration
from ml.evaluation.interval_calibration import (
    HeldOutBins,
    bin_held_out,
    cross_fitted_coverage,
    fit_interval,
    fit_without_each_fold,
    join,
)
from ml.odmap.intervals import note_for
from ml.serving.interval import INTERVAL_LEVEL, IntervalModel, member_spread
from ml.training.cross_validation import HeldOutScores
from ml.training.default_model import Stacking
from ml.training.stacking import balanced_weight

Floats = NDArray[np.float64]

#: Standard deviation of the logit of a single place that one record would leave. It was chosen on virtual species of
#: AWT, whose intervals hold the true value of nine places in ten with it, and checked on species of NZ and SA.
SD_OF_ONE_RECORD = 6.0
_POOLED = "Fitted on the held-out records of all species of the study together."
_ALONE = "Fitted on the species' own held-out records."


@dataclass(frozen=True)
class HeldOutSummary:
    """Calibration and interval bins of one species, from its held-out scores.

    Attributes
    ----------
    scores : ndarray, shape (n,)
        Weighted means of the members' held-out scores.
    weight : ndarray, shape (n,)
        Weights that the calibration was fitted with.
    calibration : Calibration
        Fitted to all held-out scores: the one that is served.
    cross_calibrated : ndarray, shape (n,)
        Logits that were calibrated on the other folds.
    bins : HeldOutBins
    """

    scores: Floats
    weight: Floats
    calibration: Calibration
    cross_calibrated: Floats
    bins: HeldOutBins


@dataclass(frozen=True)
class StudyIntervals:
    """Intervals fitted to all species of a study.

    Attributes
    ----------
    model : IntervalModel
    by_fold : dict of int to IntervalModel
        Model that was fitted without each fold.
    coverage : float
        Mean coverage of bins by models that were fitted without their fold.
    n_bins : int
    """

    model: IntervalModel
    by_fold: dict[int, IntervalModel]
    coverage: float
    n_bins: int


def summarise_held_out(
    held_out: HeldOutScores, fold: NDArray[np.int64], stacking: Stacking, absences: bool
) -> HeldOutSummary:
    """Calibrate one species on its held-out scores, and bin its records.

    Parameters
    ----------
    held_out : HeldOutScores
        Without NaN.
    fold : ndarray of int, shape (n,)
    stacking : Stacking
    absences : bool
        Whether 0 means that the species was looked for and not found.

    Returns
    -------
    HeldOutSummary
    """
    y, scores = held_out.y, stacking.mean(held_out.scores)
    weight = np.ones(len(y)) if absences else balanced_weight(y, held_out.weight)
    n_members = sum(value > 0 for value in stacking.weights.values())
    disagreement = np.asarray(sum(w * (held_out.scores[name] - scores) ** 2 for name, w in stacking.weights.items()))
    cross_calibrated, slope = cross_fitted(y, scores, weight, fold)
    spread = member_spread(held_out.sampling, disagreement, n_members, slope)
    bins = bin_held_out(y, cross_calibrated, spread, weight, fold)
    return HeldOutSummary(scores, weight, fit_calibration(y, scores, weight), cross_calibrated, bins)


def study_intervals(summaries: list[HeldOutSummary]) -> StudyIntervals:
    """Fit one interval model to all species of a study; one species alone has too few records."""
    bins = join([one.bins for one in summaries])
    models = fit_without_each_fold(bins)
    return StudyIntervals(fit_interval(bins), models, float(cross_fitted_coverage(bins, models).mean()), len(bins))


def few_records_sd(n_presences: int) -> float:
    """Return the standard deviation of the logit of a single place that is added for the number of presences.

    Errors that differ from place to place cancel within a group of held-out records, so intervals that are fitted to
    groups are too narrow for single places. Models of few records give nearly the same answer everywhere; their members
    agree, and are wrong together. Virtual species, whose truth is known, show by how much
    (`benchmarks.virtual.answers`).

    Parameters
    ----------
    n_presences : int

    Returns
    -------
    float
        It falls with the square root of the number, as the error of an estimate from so many records does.
    """
    return SD_OF_ONE_RECORD / float(np.sqrt(n_presences))


def interval_report(
    summary: HeldOutSummary, study: StudyIntervals | None, same_folds: bool, n_presences: int | None
) -> IntervalReport:
    """Describe for the card how the intervals of a species were fitted and how many held-out bins they cover.

    Parameters
    ----------
    summary : HeldOutSummary
    study : StudyIntervals or None
        None for a species without a group.
    same_folds : bool
        Whether the species was assessed in the folds that the study's intervals were fitted in.
    n_presences : int or None
        None with true absences, for which the width of single places was not measured.

    Returns
    -------
    IntervalReport
    """
    bins = summary.bins
    if study is None:
        model, models = fit_interval(bins), fit_without_each_fold(bins)
    elif same_folds:
        model, models = study.model, study.by_fold
    else:
        # The study's model was fitted without this species, so its scores are held-out scores in all folds.
        model, models = study.model, dict.fromkeys((int(f) for f in np.unique(bins.fold)), study.model)
    return IntervalReport(
        level=INTERVAL_LEVEL,
        scale=model.scale,
        place=model.between_place_sd,
        few_records=0.0 if n_presences is None else few_records_sd(n_presences),
        coverage=float(cross_fitted_coverage(bins, models).mean()),
        groups=len(bins),
        pooled_coverage=study.coverage if study else None,
        pooled_groups=study.n_bins if study else None,
        note=note_for(_POOLED if study else _ALONE, absences=n_presences is None),
    )
