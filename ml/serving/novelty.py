"""Novelty of conditions against the training records: by range (MESS) and by combination (area of applicability)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ml.kernels.distances import (
    lowest_similarities,
    nearest,
    nearest_points,
    similarity,
    squared_distances,
)
from ml.serving.memory import share

# The square of this distance still fits single precision.
_FARTHEST = np.float32(1e15)

NoveltyKind = Literal["inside", "range", "combination", "unknown"]


@dataclass(frozen=True)
class Area:
    """The area of applicability: training records in the space of the dissimilarity index, and the index's threshold.

    Attributes
    ----------
    points : ndarray of float32, shape (n_predictors, n_points)
        Training rows, standardised, weighted by importance and divided by their mean distance, so that a distance
        between two columns is a dissimilarity index. Level codes for a categorical predictor.
    scale, centre : ndarray of float32, shape (n_predictors,)
        An encoded value becomes a coordinate as (value - centre) · scale; 1 and 0 for a categorical predictor.
    penalty : ndarray of float32, shape (n_predictors,)
        Squared distance between two different levels; 0 for a continuous predictor.
    threshold : float
        The largest index that counts as inside.

    References
    ----------
    Meyer & Pebesma 2021, Methods in Ecology and Evolution 12: 1620-1633, doi 10.1111/2041-210X.13650.
    """

    points: NDArray[np.float32]
    scale: NDArray[np.float32]
    centre: NDArray[np.float32]
    penalty: NDArray[np.float32]
    threshold: float

    def coordinates(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the coordinates of encoded rows in the space of the points; same shape, (..., n_predictors)."""
        return np.asarray(np.clip((rows - self.centre) * self.scale, -_FARTHEST, _FARTHEST), np.float32)

    def locate(self, row: NDArray[np.float32]) -> tuple[float, int]:
        """Return the dissimilarity index of an encoded row.

        Parameters
        ----------
        row : ndarray of float32, shape (n_predictors,)

        Returns
        -------
        index : float
            Distance to the nearest training row, 0 and up.
        largest : int
            Column of the predictor with the largest part in it.
        """
        point = self.coordinates(row)
        best, squared = nearest(self.points, self.penalty, point)
        record = self.points[:, best]
        parts = np.where(self.penalty > 0, self.penalty * (record != point), (record - point) ** 2)
        return float(np.sqrt(squared)), int(np.argmax(parts))

    def locate_rows(self, rows: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.int16]]:
        """Return the dissimilarity index of many rows, and the predictor with the largest part in it.

        Parameters
        ----------
        rows : ndarray of float32, shape (n, n_predictors)
            Encoded.

        Returns
        -------
        index : ndarray of float64, shape (n,)
        largest : ndarray of int16, shape (n,)
        """
        points = np.ascontiguousarray(self.coordinates(rows))
        squared, largest = np.empty(len(rows), np.float32), np.empty(len(rows), np.int16)
        nearest_points(self.points, self.penalty, points, squared, largest)
        return np.sqrt(squared.astype(np.float64)), largest

    def reach(self, row: NDArray[np.float32], feature: int) -> NDArray[np.float64]:
        """Return where the dissimilarity index stays within the threshold as one continuous predictor varies.

        Parameters
        ----------
        row : ndarray of float32, shape (n_predictors,)
            Encoded.
        feature : int
            Column of the predictor.

        Returns
        -------
        ndarray of float64, shape (n, 2)
            First and last encoded value of each interval, disjoint and ascending, but for rounding.
        """
        point = self.coordinates(row)
        own = self.points[feature].astype(np.float64)
        rest = squared_distances(self.points, self.penalty, point) - (own - float(point[feature])) ** 2
        near = rest <= self.threshold**2
        if not near.any():
            return np.zeros((0, 2))
        if self.scale[feature] == 0:
            return np.array([[-np.inf, np.inf]])
        # Each near point allows an interval.
        width = np.sqrt(np.maximum(self.threshold**2 - rest[near], 0))
        low, high = own[near] - width, own[near] + width
        order = np.argsort(low)
        low, latest = low[order], np.maximum.accumulate(high[order])
        apart = np.flatnonzero(low[1:] > latest[:-1])
        ends = np.column_stack([low[np.append(0, apart + 1)], latest[np.append(apart, len(low) - 1)]])
        return ends / float(self.scale[feature]) + float(self.centre[feature])


@dataclass(frozen=True)
class Novelty:
    """How one row of conditions relates to the training records.

    Attributes
    ----------
    kind : {"inside", "range", "combination", "unknown"}
        "inside" the area of applicability; "range": a value is outside its training range; "combination": each value is
        in range, but no record is near their combination; "unknown": in range, and the model has no area of
        applicability.
    index, threshold : float or None
        Dissimilarity index and the largest that counts as inside; None for a model of an older format.
    mess : float
        Multivariate environmental similarity surface; negative exactly if a value is outside its training range.
    most_dissimilar : str or None
        The predictor of the lowest similarity; for a combination the one with the largest part in the index.
    outside_range : list of str
        Predictors outside their training range.
    """

    kind: NoveltyKind
    index: float | None
    threshold: float | None
    mess: float
    most_dissimilar: str | None
    outside_range: list[str]

    @property
    def inside(self) -> bool:
        """Whether the model can be applied; True if it is unknown."""
        return self.kind in ("inside", "unknown")


@dataclass(frozen=True)
class RowNovelty:
    """`Novelty` of many rows.

    Attributes
    ----------
    inside : ndarray of bool, shape (n,)
    index : ndarray of float64, shape (n,)
        NaN without an area of applicability.
    mess : ndarray of float64, shape (n,)
    most_dissimilar : ndarray of int16, shape (n,)
        Column of the predictor.
    """

    inside: NDArray[np.bool_]
    index: NDArray[np.float64]
    mess: NDArray[np.float64]
    most_dissimilar: NDArray[np.int16]


class NoveltyGauge:
    """Measures how rows relate to one model's training records.

    Parameters
    ----------
    names : list of str
        Names of the predictors.
    reference : list of ndarray
        For each predictor the sorted training values in natural units; empty for a categorical one.
    area : Area or None
        None for a model of an older format.

    Attributes
    ----------
    values : ndarray of float32, shape (n,)
        All training values, predictor by predictor; one array for all species of a study.
    reference : list of ndarray of float32
        The training values of each predictor: views of `values`.
    """

    def __init__(self, names: list[str], reference: list[NDArray[np.float32]], area: Area | None) -> None:
        self._names = names
        self.area = area
        self.values = share(np.concatenate([*reference, np.zeros(0, np.float32)], dtype=np.float32))
        self._offsets = np.cumsum([0, *(len(values) for values in reference)]).astype(np.int64)
        self.reference = np.split(self.values, self._offsets[1:-1]) if reference else []

    def near(self, encoded: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Return whether the dissimilarity index of each row is within the threshold.

        Parameters
        ----------
        encoded : ndarray of float32, shape (n, n_predictors)

        Returns
        -------
        ndarray of bool, shape (n,)
            All True without an area of applicability.
        """
        if self.area is None:
            return np.ones(len(encoded), bool)
        index, _ = self.area.locate_rows(encoded)
        return np.asarray(index <= self.area.threshold)

    def measure(self, natural: NDArray[np.float32], encoded: NDArray[np.float32]) -> Novelty:
        """Measure one row.

        Parameters
        ----------
        natural : ndarray of float32, shape (n_predictors,)
            Natural units; entries of categorical predictors are ignored.
        encoded : ndarray of float32, shape (n_predictors,)

        Returns
        -------
        Novelty
        """
        likeness = np.empty(len(natural))
        similarity(self.values, self._offsets, natural, likeness)
        lowest = int(np.argmin(likeness))
        outside = [name for name, value in zip(self._names, likeness, strict=True) if value < 0]
        index = threshold = None
        kind: NoveltyKind = "range" if outside else "unknown"
        if self.area is not None:
            threshold = self.area.threshold
            index, largest = self.area.locate(encoded)
            if not outside:
                kind = "inside" if index <= threshold else "combination"
                lowest = largest if kind == "combination" else lowest
        return Novelty(kind, index, threshold, float(likeness.min()), self._names[lowest], outside)

    def measure_rows(self, natural: NDArray[np.float32], encoded: NDArray[np.float32]) -> RowNovelty:
        """Measure many rows: what `measure` gives for each of them.

        Parameters
        ----------
        natural, encoded : ndarray of float32, shape (n, n_predictors)

        Returns
        -------
        RowNovelty
        """
        n = len(natural)
        mess, lowest = np.empty(n), np.empty(n, np.int16)
        lowest_similarities(self.values, self._offsets, np.ascontiguousarray(natural, np.float32), mess, lowest)
        # the similarity is negative exactly outside a training range
        within = mess >= 0
        if self.area is None:
            return RowNovelty(within, np.full(n, np.nan), mess, lowest)
        index, largest = self.area.locate_rows(encoded)
        inside = within & (index <= self.area.threshold)
        return RowNovelty(inside, index, mess, np.where(within & ~inside, largest, lowest).astype(np.int16))
