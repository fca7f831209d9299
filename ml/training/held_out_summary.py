"""One species judged by its held-out scores: calibration, suitabilities, and groups by which intervals are checked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.card import IntervalReport
from ml.evaluation.calibration import Calibration, cross_fitted, fit_calibration
from ml.evaluation.intervals import HeldOutGroups, by_fold, checked, fit_interval, held_out_groups, join
from ml.serving.interval import INTERVAL_LEVEL, IntervalModel
from ml.training.stacking import HeldOut, Stacking, balanced_weight

Floats = NDArray[np.float64]

_POOLED = "Fitted on the held-out records of all species of the study together."
_ALONE = "Fitted on the species' own held-out records."


@dataclass(frozen=True)
class Judged:
    """What held-out scores say of one species.

    Attributes
    ----------
    scores : ndarray, shape (n,)
        Weighted means of the members' held-out scores.
    weight : ndarray, shape (n,)
        As the calibration was fitted with.
    calibration : Calibration
        Fitted on all held-out scores: the one that is served.
    honest : ndarray, shape (n,)
        Logits calibrated on the other folds.
    groups : HeldOutGroups
    """

    scores: Floats
    weight: Floats
    calibration: Calibration
    honest: Floats
    groups: HeldOutGroups


@dataclass(frozen=True)
class StudyIntervals:
    """Intervals fitted on all species of a study.

    Attributes
    ----------
    model : IntervalModel
    by_fold : dict of int to IntervalModel
        Fitted without each fold.
    coverage : float
    n_groups : int
    """

    model: IntervalModel
    by_fold: dict[int, IntervalModel]
    coverage: float
    n_groups: int


def judge(held_out: HeldOut, fold: NDArray[np.int64], stacking: Stacking, absences: bool) -> Judged:
    """Judge one species.

    Parameters
    ----------
    held_out : HeldOut
        Every record scored.
    fold : ndarray of int, shape (n,)
    stacking : Stacking
    absences : bool

    Returns
    -------
    Judged
    """
    y, scores = held_out.y, stacking.mean(held_out.scores)
    weight = np.ones(len(y)) if absences else balanced_weight(y, held_out.weight)
    n_members = sum(value > 0 for value in stacking.weights.values())
    disagreement = sum(w * (held_out.scores[name] - scores) ** 2 for name, w in stacking.weights.items())
    honest, slope = cross_fitted(y, scores, weight, fold)
    spread = slope * np.sqrt(held_out.sampling + disagreement / n_members)
    groups = held_out_groups(y, honest, spread, weight, fold)
    return Judged(scores, weight, fit_calibration(y, scores, weight), honest, groups)


def study_intervals(judged: list[Judged]) -> StudyIntervals:
    """Fit one interval model for all species of a study, which one of them alone has too few records for."""
    groups = join([one.groups for one in judged])
    models = by_fold(groups)
    return StudyIntervals(fit_interval(groups), models, float(checked(groups, models).mean()), len(groups))


def interval_report(judged: Judged, study: StudyIntervals | None, same_folds: bool) -> IntervalReport:
    """Say how a species' intervals were fitted and how often they held.

    Parameters
    ----------
    judged : Judged
    study : StudyIntervals or None
        None for a species that stands alone.
    same_folds : bool
        Whether the species was judged in the folds that the study's intervals were fitted in.

    Returns
    -------
    IntervalReport
    """
    groups = judged.groups
    if study is None:
        model, models = fit_interval(groups), by_fold(groups)
    elif same_folds:
        model, models = study.model, study.by_fold
    else:
        # the species was not among those that the study's model was fitted on
        model, models = study.model, dict.fromkeys((int(f) for f in np.unique(groups.fold)), study.model)
    return IntervalReport(
        level=INTERVAL_LEVEL,
        scale=model.scale,
        place=model.between_place_sd,
        coverage=float(checked(groups, models).mean()),
        groups=len(groups),
        pooled_coverage=study.coverage if study else None,
        pooled_groups=study.n_groups if study else None,
        note=_POOLED if study else _ALONE,
    )
