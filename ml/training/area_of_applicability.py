"""Fitting the area of applicability: importance of the predictors, and distances between training rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from ml.card import AreaReport
from ml.serving.blend import Blend
from ml.serving.contributions import explain
from ml.serving.novelty import Area

Rows = NDArray[np.float32]
Floats = NDArray[np.float64]

MOST_POINTS = 4000
"""Largest number of training rows that an area keeps; a query is compared with every one of them."""
_MOST_EXPLAINED = 400
_CHUNK = 500


def mean_effects(blend: Blend, rows: Rows, seed: int) -> Floats:
    """Return how much each predictor changes the score over the training rows.

    Parameters
    ----------
    blend : Blend
    rows : ndarray of float32, shape (n, n_predictors)
        Encoded training rows; a sample of them is explained.
    seed : int

    Returns
    -------
    ndarray, shape (n_predictors,)
        Mean absolute contribution, as shares that sum to 1; equal shares where no predictor changes the score.
    """
    chosen = np.arange(len(rows))
    if len(rows) > _MOST_EXPLAINED:
        chosen = np.sort(np.random.default_rng(seed).choice(len(rows), _MOST_EXPLAINED, replace=False))
    total = np.zeros(rows.shape[1])
    for row in rows[chosen]:
        total += np.abs(explain(blend, row).effects)
    return total / total.sum() if total.sum() > 0 else np.full(len(total), 1 / len(total))


def fit_area(
    rows: Rows,
    y: NDArray[np.int64],
    fold: NDArray[np.int64],
    weights: Floats,
    categorical: tuple[int, ...],
    seed: int,
    most: int = MOST_POINTS,
) -> tuple[Area, AreaReport]:
    """Fit the distance of the area, and its threshold from distances between training rows of different folds.

    Parameters
    ----------
    rows : ndarray of float32, shape (n, n_predictors)
        Encoded.
    y : ndarray of 0/1, shape (n,)
    fold : ndarray of int, shape (n,)
        Folds of the cross-validation by which the model is assessed.
    weights : ndarray, shape (n_predictors,)
        Importance of each predictor, at least 0.
    categorical : tuple of int
        Columns of level codes.
    seed : int
        Seed of the sample of rows where there are more than `most`.
    most : int
        Largest number of rows that the area keeps.

    Returns
    -------
    area : Area
    report : AreaReport
        Description for the card.

    References
    ----------
    Meyer & Pebesma 2021, Methods in Ecology and Evolution 12: 1620-1633, doi 10.1111/2041-210X.13650. The threshold is
    their upper whisker: the largest index of a training row that is no more than 1.5 interquartile ranges above the
    third quartile.
    """
    chosen = kept_rows(y, seed, most)
    sample, fold = rows[chosen].astype(np.float64), fold[chosen]
    continuous = np.ones(rows.shape[1], bool)
    continuous[list(categorical)] = False
    spread = sample.std(axis=0)
    scale = np.where(continuous & (spread > 0), weights / np.where(spread > 0, spread, 1), 0.0)
    scale[~continuous] = 1.0
    # The mean squared distance of two standardised values is 2, and so is that of two different levels.
    penalty = np.where(continuous, 0.0, np.maximum(2 * weights**2, 1e-12))
    centre = np.where(continuous, sample.mean(axis=0), 0.0)
    mean, training = _training_distances((sample - centre) * scale, penalty, fold)
    unit = mean if mean > 0 else 1.0
    scale[continuous] /= unit
    index = training / unit
    threshold = upper_whisker(index)
    # Training rows are transformed in the same precision as a query, so that a training row has distance 0 from itself.
    centre_32, scale_32 = centre.astype(np.float32), scale.astype(np.float32)
    area = Area(
        points=np.ascontiguousarray(((rows[chosen] - centre_32) * scale_32).T, np.float32),
        scale=scale_32,
        centre=centre_32,
        penalty=(penalty / unit**2).astype(np.float32),
        threshold=threshold,
    )
    report = AreaReport(
        threshold=threshold,
        training_inside=float((index <= threshold).mean()),
        n_points=len(chosen),
        folds=len(np.unique(fold)),
    )
    return area, report


def upper_whisker(values: Floats) -> float:
    """Return the largest value that is no more than 1.5 interquartile ranges above the third quartile."""
    low, high = np.quantile(values, [0.25, 0.75])
    return float(values[values <= high + 1.5 * (high - low)].max())


def kept_rows(y: NDArray[np.int64], seed: int, most: int = MOST_POINTS) -> NDArray[np.int64]:
    """Choose the rows that an area keeps: of more than `most`, presences up to half, and a random sample of the others.

    Parameters
    ----------
    y : ndarray of 0/1, shape (n,)
    seed, most : int
        As for `fit_area`.

    Returns
    -------
    ndarray of int
        Row numbers, ascending.
    """
    if len(y) <= most:
        return np.arange(len(y))
    draw = np.random.default_rng(seed)
    present, other = np.flatnonzero(y == 1), np.flatnonzero(y == 0)
    n = max(min(len(present), most // 2), most - len(other))
    return np.sort(
        np.concatenate([draw.choice(present, n, replace=False), draw.choice(other, most - n, replace=False)])
    )


def _training_distances(points: Floats, penalty: Floats, fold: NDArray[np.int64]) -> tuple[float, Floats]:
    """Return the mean distance of all pairs, and the distance of each row from the nearest row of another fold."""
    n = len(points)
    continuous = penalty == 0
    total = 0.0
    least = np.empty(n)
    for begin in range(0, n, _CHUNK):
        part = slice(begin, begin + _CHUNK)
        squared = cdist(points[part][:, continuous], points[:, continuous], "sqeuclidean")
        for j in np.flatnonzero(~continuous):
            squared += penalty[j] * (points[part, j][:, None] != points[None, :, j])
        distance = np.sqrt(squared)
        total += float(distance.sum())
        distance[fold[part][:, None] == fold[None, :]] = np.inf
        least[part] = distance.min(axis=1)
    return total / max(1, n * (n - 1)), least
