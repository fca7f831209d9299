"""Parts of the model card that describe the records: example conditions, places, background, calibration, notes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ml.card import MOST_PLACES, CalibrationReport, Conditions, Predictor
from ml.coarse_places import rounded
from ml.evaluation.calibration import Calibration, reliability
from ml.odmap.purpose import FEW_PRESENCES
from ml.serving.nearest_records import PointRecords
from ml.serving.threshold import thinned
from ml.study import StudyData
from ml.training.preparation import PreparedStudy

_MOST_REFERENCE = 2000


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


def recorded_places(study: StudyData, slug: str, y: NDArray[np.int64]) -> list[tuple[float, float]]:
    """List places of records as (longitude, latitude) rounded to 0.01°, thinned evenly to at most 800.

    They are the places of the records themselves, and not those of the cells of layers that the records lie in: on a
    coarse grid, the two may lie in different cells, which together would tell more than one of them.

    Parameters
    ----------
    study : StudyData
    slug : str
        Of the species.
    y : ndarray of 0/1, shape (n,)

    Returns
    -------
    list of (float, float)
        Empty for a study without coordinates.
    """
    if study.coordinates is None:
        return []
    own = study.coordinates[y == 1] if study.recorded is None else study.recorded[slug]
    places = np.unique(rounded(own), axis=0)
    ranks = np.linspace(0, len(places) - 1, min(len(places), MOST_PLACES)).astype(int)
    return [(float(lon), float(lat)) for lon, lat in places[ranks]]


def remarks(prepared: PreparedStudy, species: int, network: bool) -> list[str]:
    """List the notes for the card of one species.

    Parameters
    ----------
    prepared : PreparedStudy
    species : int
        Column of the group.
    network : bool
        Whether the network has a weight in the species' model.

    Returns
    -------
    list of str
    """
    n = int(prepared.group.recorded[:, species].sum())
    notes = list(prepared.notes)
    if n < FEW_PRESENCES:
        help_text = " The network lends it what it learned from the other species." if network else ""
        notes.append(
            f"Only {n} presences: scores and thresholds may change much with one more record, and sensitivity and "
            f"specificity are too good.{help_text}"
        )
    return notes


def _short(value: float) -> float:
    return float(f"{value:.4g}")
