"""Parts of the model card that describe the records: example conditions, places, background, calibration, notes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ml.card import MOST_PLACES, BackgroundReport, CalibrationReport, Conditions, Predictor
from ml.evaluation.calibration import Calibration, reliability
from ml.numbers import fixed, rounded
from ml.serving.nearest_records import PointRecords
from ml.serving.threshold import thinned
from ml.study import StudyData
from ml.training.background_weight import BiasStrength
from ml.training.preparation import PreparedStudy
from ml.training.target_group import STRONG, WEAK

_MOST_REFERENCE = 2000
_FEW = 15
#: Presences below which intervals of single places were clearly too narrow on virtual species.
_NARROW_BELOW = 100
#: From which bias strength on a word applies.
_WEAK = "weakly"
_STRENGTHS = ((0.75, "strongly"), (0.6, "moderately"), (0.0, _WEAK))


def starting_points(
    study: StudyData, predictors: list[Predictor], y: NDArray[np.int64], held_out: NDArray[np.float64]
) -> list[Conditions]:
    """Choose example conditions: typical ones, and those of the median presence and the median absence.

    Parameters
    ----------
    study : StudyData
    predictors : list of Predictor
        With medians.
    y : ndarray of 0/1, shape (n,)
    held_out : ndarray, shape (n,)
        Cross-validated suitability; the record of median suitability is taken.

    Returns
    -------
    list of Conditions
    """
    typical: dict[str, float | str] = {
        p.name: str(study.environment[p.name].mode().iloc[0]) if p.type == "categorical" else _short(p.median or 0.0)
        for p in predictors
    }
    absence = "a place where it was not recorded"
    if study.description.records == "presence-background":
        absence = "a background point"
    points = [Conditions(label="typical conditions (median)", environment=typical)]
    for label, value in (("a place where it was recorded", 1), (absence, 0)):
        rows = np.flatnonzero(y == value)
        row = rows[np.argsort(held_out[rows], kind="stable")[len(rows) // 2]]
        values = study.environment.iloc[row]
        environment: dict[str, float | str] = {
            p.name: str(values[p.name]) if p.type == "categorical" else _short(float(values[p.name]))
            for p in predictors
        }
        points.append(Conditions(label=label, environment=environment))
    return points


def thinned_reference(study: StudyData, predictors: list[Predictor]) -> list[NDArray[np.float32]]:
    """Return the sorted training values of each predictor, which novelty is measured against.

    Parameters
    ----------
    study : StudyData
    predictors : list of Predictor

    Returns
    -------
    list of ndarray of float32
        In natural units. Of more than 2,000 values, 2,000 at evenly spaced ranks with both ends, which changes no
        percentage by more than 0.1. Empty for a categorical predictor.
    """
    reference = []
    for p in predictors:
        values = np.zeros(0, np.float32)
        if p.type == "continuous":
            values = np.sort(study.environment[p.name].to_numpy(np.float32))
            values = thinned(values, _MOST_REFERENCE)
        reference.append(values)
    return reference


def point_records(study: StudyData, y: NDArray[np.int64], rows: NDArray[np.int64]) -> PointRecords:
    """Return presence and place of the rows that the area of applicability keeps.

    Parameters
    ----------
    study : StudyData
    y : ndarray of 0/1, shape (n,)
    rows : ndarray of int, shape (n_points,)
        Row numbers.

    Returns
    -------
    PointRecords
        Places are NaN for a study without coordinates.
    """
    places = np.full((len(rows), 2), np.nan) if study.coordinates is None else study.coordinates[rows]
    return PointRecords(y[rows] == 1, np.ascontiguousarray(places, np.float32))


def calibration_report(
    y: NDArray[np.int64], cross_calibrated: NDArray[np.float64], calibration: Calibration, absences: bool
) -> CalibrationReport:
    """Describe what a suitability means and, with true absences, how reliable it is on held-out records.

    Parameters
    ----------
    y : ndarray of 0/1, shape (n,)
    cross_calibrated : ndarray, shape (n,)
        Held-out suitabilities, calibrated on the other folds.
    calibration : Calibration
        The calibration that is served.
    absences : bool
        Whether 0 means that the species was looked for and not found.

    Returns
    -------
    CalibrationReport
    """
    if not absences:
        meaning = (
            "0.5 where the species was recorded as often as the background offers such conditions, 0.8 where four "
            "times as often; the same for every species. Not the chance of finding it."
        )
        return CalibrationReport(meaning=meaning, intercept=calibration.intercept, slope=calibration.slope)
    return CalibrationReport(
        meaning="The chance that a survey like this one finds the species at such a site.",
        intercept=calibration.intercept,
        slope=calibration.slope,
        reliability=reliability(y, cross_calibrated),
    )


def with_levels_in_order(predictors: list[Predictor], order: dict[int, NDArray[np.int64]]) -> list[Predictor]:
    """Return the predictors with their levels in the order of a model's codes.

    Parameters
    ----------
    predictors : list of Predictor
    order : dict of int to ndarray of int
        New code of each old code, by column.

    Returns
    -------
    list of Predictor
    """
    reordered = list(predictors)
    for j, new in order.items():
        levels = [""] * len(new)
        for old, level in enumerate(predictors[j].levels or []):
            levels[new[old]] = level
        reordered[j] = predictors[j].model_copy(update={"levels": levels})
    return reordered


def recorded_places(study: StudyData, y: NDArray[np.int64]) -> list[tuple[float, float]]:
    """List presences as (longitude, latitude) rounded to 0.01°, thinned evenly to at most 800.

    Parameters
    ----------
    study : StudyData
    y : ndarray of 0/1, shape (n,)

    Returns
    -------
    list of (float, float)
        Empty for a study without coordinates.
    """
    if study.coordinates is None:
        return []
    places = np.unique(np.round(study.coordinates[y == 1], 2), axis=0)
    ranks = np.linspace(0, len(places) - 1, min(len(places), MOST_PLACES)).astype(int)
    return [(float(lon), float(lat)) for lon, lat in places[ranks]]


def describe_background(prepared: PreparedStudy) -> BackgroundReport:
    """Describe what presences were compared with, and why."""
    group, share, bias = prepared.group, prepared.shared.share, prepared.shared.bias
    if group.absences:
        return BackgroundReport(kind="absences", note="Sites where the species was looked for and not found.")
    if not group.has_target_group:
        note = "Random points of the study area. Where people looked is not known, so biased records stay biased"
        if group.recorded.shape[1] > 1:
            note += ": the other species have too few places to show where people looked"
        return BackgroundReport(kind="random", note=f"{note}.")
    note = (
        f"{100 * share:.0f} % of the background is drawn where other species of the study were recorded, which shares "
        f"the bias of where people looked (Phillips et al. 2009); the rest is random. {_reason_of_share(bias)}"
    )
    return BackgroundReport(
        kind="target group",
        target_group_share=share,
        bias_strength=None if bias is None else bias.auc,
        bias_between_species=None if bias is None else bias.between_species,
        note=note if bias is None else f"{_describe_bias(prepared, bias)} {note}",
    )


def _reason_of_share(bias: BiasStrength | None) -> str:
    if bias is None or bias.between_species is None:
        return "The strength of the bias could not be measured, so the share is one half."
    return (
        f"The share follows from the AUC between species: one half up to {fixed(WEAK, 2)}, all of the background from "
        f"{fixed(STRONG, 2)} on."
    )


def _describe_bias(prepared: PreparedStudy, bias: BiasStrength) -> str:
    """Return in words how strong the bias of a group's records is, and where they lie."""
    figure = bias.auc if bias.between_species is None else bias.between_species
    strength = next(word for least, word in _STRENGTHS if figure >= least)
    sentences = [
        f"The records are {strength} biased: on held-out blocks, conditions alone tell places with records from random "
        f"points with an AUC of {fixed(bias.auc, 2)} (0.5 is chance).",
        _describe_places(prepared, bias, strength),
    ]
    if bias.between_species is not None:
        sentences.append(
            "From the places of other species alone, a species' own places are told with an AUC between species of "
            f"{fixed(bias.between_species, 2)}."
        )
        if strength != _WEAK:
            sentences.append("The cause may be where people looked, or that all species of the study like such places.")
    return " ".join(sentence for sentence in sentences if sentence)


def _describe_places(prepared: PreparedStudy, bias: BiasStrength, strength: str) -> str:
    if bias.predictor is None:
        return ""
    predictor, study = prepared.encoded.predictors[bias.predictor], prepared.study
    visited = prepared.group.recorded.any(axis=1)
    values = study.environment[predictor.name].to_numpy(np.float64)
    there, elsewhere = float(np.median(values[visited])), float(np.median(values[~visited]))
    medians = f"median {rounded(there)} {predictor.unit}".rstrip() + f", {rounded(elsewhere)} at random points"
    if there == elsewhere:
        return ""
    if strength == _WEAK:
        return f"{predictor.label} differs most ({medians})."
    where = "higher" if there > elsewhere else "lower"
    return f"They come mostly from places with {where} values of {predictor.label} ({medians})."


def remarks(prepared: PreparedStudy, species: int, network: bool) -> list[str]:
    """List the notes for the card of one species.

    Parameters
    ----------
    prepared : PreparedStudy
    species : int
        Column of the group.
    network : bool
        Whether the network is a member of the species' model.

    Returns
    -------
    list of str
    """
    n = int(prepared.group.recorded[:, species].sum())
    notes = list(prepared.notes)
    if n < _FEW:
        help_text = " The network lends it what it learned from the other species." if network else ""
        notes.append(
            f"Only {n} presences: scores and thresholds may change much with one more record, and sensitivity and "
            f"specificity are too good.{help_text}"
        )
    if n < _NARROW_BELOW and not prepared.group.absences:
        notes.append(
            f"With {n} presences the intervals are too narrow. On virtual species, where the true value is known, they "
            "held it for about half of the places with 10 records, and for two thirds with 30, instead of nine in ten."
        )
    return notes


def _short(value: float) -> float:
    return float(f"{value:.4g}")
