"""The conditions at places: the values of stored layers, as the predictors of a model need them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ml.card import Predictor
from ml.layers.stored import LayerSet, shortest
from ml.predictors.encoding import find_level, limits_of, number_text, why_impossible


@dataclass(frozen=True)
class PlaceRows:
    """Conditions at places.

    Attributes
    ----------
    values : ndarray, shape (n, n_predictors)
        In the order of the predictors: float64, or objects (float and str) where a predictor has categories. NaN (None
        for a category) where there is no value. Rows without a problem can be given to `ml.serving.bulk.answer_rows`.
    problems : list of (str or None)
        Why a place has no conditions, as the end of a sentence; None for a usable row.
    cell : ndarray of int64, shape (n,)
        Number of the cell, -1 outside the layers.
    """

    values: NDArray[Any]
    problems: list[str | None]
    cell: NDArray[np.int64]


def one_turn(longitude: float) -> float:
    """Return a longitude of 0 to 360 degrees as one of -180 to 180."""
    return round(longitude - 360.0, 9) if longitude > 180.0 else longitude


def rows_at(
    layers: LayerSet, latitudes: ArrayLike, longitudes: ArrayLike, predictors: Sequence[Predictor]
) -> PlaceRows:
    """Return the conditions at places.

    Parameters
    ----------
    layers : LayerSet
        That fits the model (`ml.layers.stored.LayerStore.fits`).
    latitudes, longitudes : array-like, shape (n,)
        Degrees of WGS 84. NaN counts as missing.
    predictors : sequence of Predictor
        Of the model's card.

    Returns
    -------
    PlaceRows
    """
    lat, lon = np.asarray(latitudes, dtype=np.float64), np.asarray(longitudes, dtype=np.float64)
    cell = layers.cell_of(lon, lat)
    values, missing, wrong = _conditions(layers, layers.values(cell), predictors)
    problems: list[str | None] = [None] * len(cell)
    for row in np.flatnonzero((cell < 0) | missing.any(axis=1)).tolist():
        problems[row] = _outside(layers, float(lat[row]), float(lon[row]), int(cell[row]))
        if problems[row] is None:
            problems[row] = _lacking([predictors[i] for i in np.flatnonzero(missing[row]).tolist()], len(predictors))
    for row, problem in wrong.items():
        problems[row] = problems[row] or problem
    return PlaceRows(values, problems, cell)


def block_rows(
    layers: LayerSet, rows: slice, columns: slice, predictors: Sequence[Predictor]
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return the conditions of the cells of a window, row by row.

    Parameters
    ----------
    layers : LayerSet
    rows, columns : slice
        Within the grid.
    predictors : sequence of Predictor

    Returns
    -------
    values : ndarray, shape (n_cells, n_predictors)
        As `PlaceRows.values`.
    valid : ndarray of bool, shape (n_cells,)
        Whether a cell can be answered: each layer has a value, which is possible and of a known category.
    """
    stored = layers.block(rows, columns).reshape(-1, len(layers.names))
    if any(predictor.type == "categorical" or predictor.transform != "none" for predictor in predictors):
        values, missing, wrong = _conditions(layers, stored, predictors)
        valid = np.asarray(~missing.any(axis=1))
        valid[list(wrong)] = False
        return values, valid
    # numbers that models encode in single precision: to find their shortest spelling would take longer than the model
    values = stored[:, [layers.names.index(predictor.name) for predictor in predictors]].astype(np.float64)
    low, high = np.array([limits_of(predictor) for predictor in predictors]).T
    # compared as the single precision of the limits, since 0.1 in single precision is above 0.1
    possible = (values >= np.float32(low)) & (values <= np.float32(high))
    return values, np.asarray(possible.all(axis=1))


def _conditions(
    layers: LayerSet, stored: NDArray[np.float32], predictors: Sequence[Predictor]
) -> tuple[NDArray[Any], NDArray[np.bool_], dict[int, str]]:
    """Return the values by predictor, where they are missing, and what is wrong with rows."""
    columns = [layers.names.index(predictor.name) for predictor in predictors]
    stored = stored[:, columns]
    has_categories = any(predictor.type == "categorical" for predictor in predictors)
    values: NDArray[Any] = np.empty(stored.shape, dtype=object if has_categories else np.float64)
    wrong: dict[int, str] = {}
    for number, (predictor, column) in enumerate(zip(predictors, columns, strict=True)):
        unique, inverse = np.unique(stored[:, number], return_inverse=True)
        natural, problems = _natural(layers, column, predictor, unique)
        values[:, number] = natural[inverse]
        for row in np.flatnonzero(np.isin(inverse, list(problems))).tolist() if problems else ():
            wrong.setdefault(row, problems[int(inverse[row])])
    return values, np.isnan(stored), wrong


def _outside(layers: LayerSet, latitude: float, longitude: float, cell: int) -> str | None:
    if not (np.isfinite(latitude) and np.isfinite(longitude)):
        return "a coordinate is missing"
    if abs(latitude) > 90.0:
        return "the latitude must be from -90 to 90"
    if not -180.0 <= longitude <= 360.0:
        return "the longitude must be from -180 to 180 (or 0 to 360)"
    return f"lies outside the layers of this study, which cover {layers.coverage}" if cell < 0 else None


def _lacking(predictors: Sequence[Predictor], n_layers: int) -> str:
    if len(predictors) == n_layers > 1:
        return "none of the layers of this study has a value there"
    labels = [f"{one.label} ({one.name})" if one.name not in one.label else one.label for one in predictors]
    if len(labels) == 1:
        return f"the layer {labels[0]} has no value there"
    more = f" and {len(labels) - 3} more" if len(labels) > 3 else ""
    return f"the layers {', '.join(labels[:3])}{more} have no value there"


def _natural(
    layers: LayerSet, column: int, predictor: Predictor, unique: NDArray[np.float32]
) -> tuple[NDArray[Any], dict[int, str]]:
    """Return the values of a predictor for the distinct values of its layer, and what is wrong with some of them."""
    layer = layers.about.layers[column]
    wrong: dict[int, str] = {}
    if predictor.type == "categorical":
        natural: NDArray[Any] = np.empty(len(unique), dtype=object)
        for number, code in enumerate(unique.tolist()):
            if np.isnan(code):
                continue
            text = layer.level_of(code)
            level = find_level(predictor.levels or [], text)
            if level is None:
                wrong[number] = f"the layer {predictor.label} has “{text[:60]}” there, which the model has never seen"
            natural[number] = text if level is None else (predictor.levels or [])[level]
        return natural, wrong
    natural = shortest(unique)
    low, high = limits_of(predictor)
    for number in np.flatnonzero((natural < low) | (natural > high)).tolist():
        value = float(natural[number])
        problem = why_impossible(predictor, value)
        wrong[number] = f"the layer {predictor.label} has {number_text(value)} there: {problem}"
    return natural, wrong
