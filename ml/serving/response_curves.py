"""Response curves: the suitability as one predictor varies and the others keep their values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.card import Predictor
from ml.predictors.encoding import limits_of
from ml.serving.predictor import FastPredictor

# How far beyond the training range a curve extends, in widths of the range.
_BEYOND = 0.1
# How far it extends at most to reach the row's own value, in widths of the range.
_FURTHEST = 1.0


@dataclass(frozen=True)
class Curve:
    """One predictor's curve.

    Attributes
    ----------
    predictor : Predictor
    values : list of float or str, length n
        In natural units, ascending; levels of a categorical predictor.
    suitability : list of float, length n
    inside : list of bool, length n
        Whether the point lies in the area of applicability; elsewhere no record supports the curve.
    density : list of float
        Density of training values around each point, relative to the highest; of length n, or empty for a categorical
        predictor.
    value : float or str
        The predictor's value in the row; one of `values`.
    """

    predictor: Predictor
    values: list[float | str]
    suitability: list[float]
    inside: list[bool]
    density: list[float]
    value: float | str


def response_curves(model: FastPredictor, row: Sequence[float | str], points: int = 41) -> list[Curve]:
    """Compute one curve for each predictor of a row.

    Parameters
    ----------
    model : FastPredictor
    row : sequence of float or str, length n_predictors
        Natural units, in the order of the card's predictors.
    points : int
        Points of a continuous predictor's curve, at least two; the row's own value is added.

    Returns
    -------
    list of Curve
        In the order of the card's predictors.

    Raises
    ------
    EnvironmentValueError
        A value that is missing, infinite or not a known level.

    References
    ----------
    Elith et al. 2005, Ecological Modelling 186: 280-289, doi 10.1016/j.ecolmodel.2004.12.007 (the evaluation strip).
    """
    predictors = model.card.predictors
    grids = [_grid(p, value, points) for p, value in zip(predictors, row, strict=True)]
    n_points = sum(len(grid) for grid in grids)
    natural = np.repeat(model.encoder.natural_row(row)[None], n_points, axis=0)
    encoded = np.repeat(model.encoder.encode_row(row)[None], n_points, axis=0)
    begin = 0
    for j, grid in enumerate(grids):
        part = slice(begin, begin + len(grid))
        begin += len(grid)
        encoded[part, j] = model.encoder.encode_column(j, grid)
        if predictors[j].type == "continuous":
            natural[part, j] = grid
    suitability = model.predict_encoded(encoded)
    inside = model.gauge.measure_rows(natural, encoded).inside
    curves, begin = [], 0
    for j, (predictor, grid, value) in enumerate(zip(predictors, grids, row, strict=True)):
        part = slice(begin, begin + len(grid))
        begin += len(grid)
        curves.append(
            Curve(
                predictor,
                grid,
                [float(v) for v in suitability[part]],
                [bool(v) for v in inside[part]],
                _density(model.reference[j], grid),
                value if predictor.type == "categorical" else float(value),
            )
        )
    return curves


def _grid(predictor: Predictor, value: float | str, points: int) -> list[float | str]:
    if predictor.type == "categorical":
        return list(predictor.levels or [])
    low, high = predictor.minimum or 0.0, predictor.maximum or 0.0
    span = (high - low) or 1.0
    own = float(value)
    first = min(low - _BEYOND * span, max(own, low - _FURTHEST * span))
    last = max(high + _BEYOND * span, min(own, high + _FURTHEST * span))
    lowest, highest = limits_of(predictor)
    first, last = max(first, lowest), min(last, highest)
    if predictor.lowest_possible is None and predictor.transform == "log1p":
        first = max(first, min(0.0, low, own))
    return [float(v) for v in np.unique(np.append(np.linspace(first, last, points), own))]


def _density(reference: NDArray[np.float32], grid: list[float | str]) -> list[float]:
    """Return the density of training values at the grid's points (triangular kernel), relative to the highest."""
    if len(reference) == 0:
        return []
    at = np.array(grid, dtype=np.float64)
    width = max((at[-1] - at[0]) / 12, 1e-12)
    weight = np.clip(1 - np.abs(at[:, None] - reference[None, :].astype(np.float64)) / width, 0, None).sum(axis=1)
    most = weight.max()
    return [float(v) for v in (weight / most if most > 0 else weight)]
