"""The training records that are most like some conditions: presence or absence, place and values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.card import Predictor
from ml.kernels.distances import squared_distances
from ml.serving.novelty import Area

# Digits of a value that is computed from a point in single precision.
_DIGITS = 5
# Places that are equal to so many decimals of a degree are one place, as on the map of the species.
_DECIMALS = 2


@dataclass(frozen=True)
class PointRecords:
    """The records that the points of an area of applicability stand for.

    Attributes
    ----------
    present : ndarray of bool, shape (n_points,)
        False for an absence or a background point.
    places : ndarray of float32, shape (n_points, 2)
        Longitude and latitude in degrees; NaN where the study has no coordinates.
    """

    present: NDArray[np.bool_]
    places: NDArray[np.float32]


@dataclass(frozen=True)
class NearRecord:
    """A training record, compared with a row of conditions.

    Attributes
    ----------
    present : bool
        False for an absence or a background point.
    index : float
        Its dissimilarity index to the row.
    place : (float, float) or None
        Longitude and latitude in degrees, as recorded.
    values : dict of str to float or str
        Its conditions by predictor in natural units, rounded to five digits. A predictor that does not change the score
        is left out.
    differing : list of str
        Predictors in which record and row differ, the largest part of the index first.
    count : int
        Number of the records with these conditions at this place.
    """

    present: bool
    index: float
    place: tuple[float, float] | None
    values: dict[str, float | str]
    differing: list[str]
    count: int = 1


def find_nearest(
    predictors: Sequence[Predictor], area: Area, records: PointRecords, row: NDArray[np.float32], n: int
) -> list[NearRecord]:
    """Find the records nearest to an encoded row by the dissimilarity index; equal ones at one place are one.

    Parameters
    ----------
    predictors : sequence of Predictor
    area : Area
    records : PointRecords
        Of the area's points.
    row : ndarray of float32, shape (n_predictors,)
    n : int

    Returns
    -------
    list of NearRecord
        Nearest first; of equally near records the one that comes first in training.
    """
    point = area.coordinates(row)
    squared = squared_distances(area.points, area.penalty, point)
    nearest: list[NearRecord] = []
    seen = np.zeros(len(squared), dtype=bool)
    for i in np.argsort(squared, kind="stable"):
        if seen[i]:
            continue
        if len(nearest) == n:
            break
        same = _equal_records(area, records, squared, i)
        seen |= same
        record = area.points[:, i]
        parts = np.where(area.penalty > 0, area.penalty * (record != point), (record - point) ** 2)
        longitude, latitude = (float(degrees) for degrees in records.places[i])
        nearest.append(
            NearRecord(
                present=bool(records.present[i]),
                index=math.sqrt(float(squared[i])),
                place=None if np.isnan(longitude) else (longitude, latitude),
                values=_values(predictors, area, record),
                differing=[predictors[j].name for j in np.argsort(-parts, kind="stable") if parts[j] > 0],
                count=int(same.sum()),
            )
        )
    return nearest


def _equal_records(area: Area, records: PointRecords, squared: NDArray[np.float64], i: int) -> NDArray[np.bool_]:
    """Return which records have the conditions, the place and the kind of one of them."""
    same: NDArray[np.bool_] = (squared == squared[i]) & (records.present == records.present[i])
    # few have exactly the same distance
    near = np.flatnonzero(same)
    places = np.round(records.places[near], _DECIMALS)
    place = np.round(records.places[i], _DECIMALS)
    same[near] = (area.points[:, near] == area.points[:, i][:, None]).all(axis=0)
    same[near] &= ((places == place) | (np.isnan(places) & np.isnan(place))).all(axis=1)
    return same


def _values(predictors: Sequence[Predictor], area: Area, record: NDArray[np.float32]) -> dict[str, float | str]:
    """Return the conditions of a point in natural units."""
    values: dict[str, float | str] = {}
    for j, predictor in enumerate(predictors):
        if predictor.type == "categorical":
            levels = predictor.levels or []
            if 0 <= record[j] < len(levels):
                values[predictor.name] = levels[int(record[j])]
        elif area.scale[j] > 0:
            encoded = float(record[j]) / float(area.scale[j]) + float(area.centre[j])
            values[predictor.name] = _natural(predictor, encoded)
    return values


def _natural(predictor: Predictor, encoded: float) -> float:
    value = float(np.expm1(min(encoded, 700.0))) if predictor.transform == "log1p" else encoded
    # Next to zero, the error of single precision would be all that is left of a value.
    span = (predictor.maximum or 0.0) - (predictor.minimum or 0.0)
    value = 0.0 if abs(value) < 1e-5 * span else float(f"{value:.{_DIGITS}g}")
    if predictor.minimum is not None and predictor.maximum is not None:
        value = min(max(value, predictor.minimum), predictor.maximum)
    return value
