"""The smallest change of one condition with which the suitability crosses a threshold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.kernels.logit import logistic
from ml.serving.predictor import FastPredictor
from ml.serving.threshold import ThresholdValue, thinned

# Values between which members other than the forest are interpolated, shared among the continuous predictors.
_ROWS = 256
_FEWEST_VALUES = 16
# Distance from the threshold on the scale of the score within which the score is computed, at so many values.
_CLOSE = 0.15
_MOST_CLOSE = 100
# Distance from the ends of the area, as a share of the range.
_MARGIN = 1e-5
# How far beyond the first value that seems to cross others are tried, in values of the search.
_LADDER = (0, 1, 2, 4, 8, 16, 32, 64)
# Values that a step between two values of the search is divided into, and how often.
_PARTS = 16
_ROUNDS = 3
# Steps that are shorter than this share of the range are not divided.
_SHORTEST = 1e-5
# How far a value may be rounded beyond the crossing, as a share of the training range.
_ROUNDING = 0.01
_DECIMALS = 8


@dataclass(frozen=True)
class Change:
    """A change of one condition that leads to the other side of a threshold.

    Attributes
    ----------
    predictor : str
    now, needed : float or str
        Its value in the row and the value that crosses the threshold, in natural units; levels where categorical.
    size : float
        Share of the training range between both values; 1 for another level.
    suitability : float
        Of the row with the value that is needed.
    """

    predictor: str
    now: float | str
    needed: float | str
    size: float
    suitability: float


def smallest_change(model: FastPredictor, row: Sequence[float | str], threshold: ThresholdValue) -> Change | None:
    """Find the smallest change of one condition with which the suitability crosses a threshold.

    The changed conditions are inside the area of applicability, and the value is within its training range.

    Parameters
    ----------
    model : FastPredictor
    row : sequence of float or str, length n_predictors
        Natural units, in the order of the card's predictors.
    threshold : ThresholdValue

    Returns
    -------
    Change or None
        None where no single condition does it, and where the row itself is outside the area of applicability. Among
        continuous predictors the one with the smallest share of its training range. Another level of a categorical
        predictor counts as a whole range, so that it is returned only where no continuous predictor does it; of several
        levels the one with the suitability farthest from the threshold.

    Raises
    ------
    EnvironmentValueError
        A value that is missing, infinite or not a known level.

    Notes
    -----
    The suitability of a forest is a step function of each value and not monotone. Its steps along each predictor are
    exact (`Forest.steps`). The other members are interpolated between evenly spaced values and quantiles of the
    training values. So the first value that crosses in each direction follows without evaluating many rows; it is then
    evaluated, and the crossing is located by division. A window in which the other members just cross between two
    values is missed. The value is rounded, by at most 1 % of the range, to the fewest digits with which it still
    crosses.
    """
    search = _Search(model, row, threshold)
    if not search.starts_inside:
        return None
    best: _Step | None = None
    for step in sorted(search.steps(), key=lambda step: step.nearest):
        if best is not None and step.nearest >= best.farthest:
            break
        refined = search.refine(step)
        if refined is not None and (best is None or refined.farthest < best.farthest):
            best = refined
    return search.rounded(best) if best is not None else search.other_level()


@dataclass(frozen=True)
class _Step:
    """A value that does not cross the threshold, and one beyond it that does, or the first of several that may."""

    column: int
    now: float
    span: float
    near: float
    far: float
    ladder: tuple[float, ...] = ()

    @property
    def nearest(self) -> float:
        """Share of the training range from the present value to the near one."""
        return abs(self.near - self.now) / self.span

    @property
    def farthest(self) -> float:
        """Share of the training range from the present value to the far one."""
        return abs(self.far - self.now) / self.span


class _Search:
    """Rows that differ from one row in a single predictor."""

    def __init__(self, model: FastPredictor, row: Sequence[float | str], threshold: ThresholdValue) -> None:
        self._model = model
        self._row = row
        self._threshold = threshold
        self._natural = model.encoder.natural_row(row)[None]
        self._encoded = model.encoder.encode_row(row)[None]
        blend = model.blend
        share = min(max(threshold.value, 1e-12), 1 - 1e-12)
        self._cut = (math.log(share / (1 - share)) - blend.intercept) / blend.slope
        self._side = bool(threshold.reached_by(float(model.predict_encoded(self._encoded)[0])))

    @property
    def starts_inside(self) -> bool:
        return bool(self._model.gauge.measure_rows(self._natural, self._encoded).inside[0])

    def steps(self) -> list[_Step]:
        """Return the first step of each continuous predictor that seems to cross, upwards and downwards."""
        ends = {j: (float(v[0]), float(v[-1])) for j, v in enumerate(self._model.reference) if len(v)}
        ends = {j: (low, high) for j, (low, high) in ends.items() if high > low}
        if not ends:
            return []
        n = max(_FEWEST_VALUES, _ROWS // len(ends))
        grids = {j: self._grid(j, n) for j in ends}
        encoded = np.repeat(self._encoded, sum(map(len, grids.values())), axis=0)
        begin = 0
        for j, grid in grids.items():
            encoded[begin : begin + len(grid), j] = grid
            begin += len(grid)
        others = self._model.blend.score_of_others(encoded)
        steps, begin = [], 0
        for j, grid in grids.items():
            part = slice(begin, begin + len(grid))
            begin += len(grid)
            values, passes = self._along(j, grid, others[part])
            low, high = ends[j]
            values = np.clip(values, low, high)
            now = float(self._row[j])
            up, down = values > now, values < now
            for side, passing in ((values[up], passes[up]), (values[down][::-1], passes[down][::-1])):
                if passing.any():
                    first = int(np.argmax(passing))
                    near = float(side[first - 1]) if first else now
                    ladder = tuple(float(side[first + k]) for k in _LADDER if first + k < len(side))
                    steps.append(_Step(j, now, high - low, near, ladder[0], ladder))
        return steps

    def _grid(self, j: int, n: int) -> NDArray[np.float32]:
        """Return encoded values of a predictor: evenly spaced, as the members see it, and quantiles."""
        quantiles = self._model.encoder.encode_column(j, thinned(self._model.reference[j], n - n // 2).tolist())
        even = np.linspace(quantiles[0], quantiles[-1], n // 2, dtype=np.float32)
        return np.unique(np.concatenate([even, quantiles]))

    def _along(
        self, j: int, grid: NDArray[np.float32], others: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Return values of a predictor in natural units, ascending, and whether each seems to cross, inside the area.

        The values are those of the grid, the ends of the area, and both sides of every step of the forest.
        """
        blend, area = self._model.blend, self._model.gauge.area
        row = self._encoded[0]
        reach = np.array([[-np.inf, np.inf]]) if area is None else area.reach(row, j)
        # A little within the ends of the area, so that rounding does not matter.
        margin = _MARGIN * float(grid[-1] - grid[0])
        ends = (reach + np.array([margin, -margin])).ravel()
        more = ends[(ends > grid[0]) & (ends < grid[-1])].astype(np.float32)
        points, score = blend.score_along(row, j, grid, others, more)
        # Where the interpolation might decide, the score is computed.
        close = np.flatnonzero(np.abs(score - self._cut) < _CLOSE)[:_MOST_CLOSE]
        rows = np.repeat(self._encoded, len(close), axis=0)
        rows[:, j] = points[close]
        score[close] += blend.score_of_others(rows) - np.interp(points[close], grid, others)
        suitability = logistic(blend.intercept + blend.slope * score)
        passes = self._threshold.reached_by(suitability) != self._side
        k = np.searchsorted(reach[:, 0], points, side="right")
        passes &= (k > 0) & (np.append(-np.inf, reach[:, 1])[k] >= points)
        natural = points.astype(np.float64)
        return (np.expm1(natural) if self._model.card.predictors[j].transform == "log1p" else natural), passes

    def refine(self, step: _Step) -> _Step | None:
        """Evaluate a step, and divide it until the crossing lies in a small part of it; None where none crosses."""
        crossed, _ = self._try({step.column: np.array(step.ladder)})
        if not crossed.any():
            return None
        first = int(np.argmax(crossed))
        near, far = (step.near, *step.ladder)[first], step.ladder[first]
        for _ in range(_ROUNDS):
            if abs(far - near) < _SHORTEST * step.span:
                break
            values = np.linspace(near, far, _PARTS + 1)
            crossed, _ = self._try({step.column: values[1:-1]})
            first = int(np.argmax(crossed)) if crossed.any() else _PARTS - 1
            near, far = float(values[first]), float(values[first + 1])
        return _Step(step.column, step.now, step.span, near, far)

    def rounded(self, step: _Step) -> Change:
        """Return the change to the value of fewest digits that crosses, near the crossing."""
        sign = 1 if step.far > step.now else -1
        largest = math.ceil(math.log10(step.span))
        values = []
        for decimals in range(-largest, _DECIMALS - largest):
            scaled = sign * step.far * 10.0**decimals
            # The smaller change first: it lies between the last value that does not cross and the first that does.
            for whole in (math.floor(scaled), math.ceil(scaled)):
                value = round(sign * whole / 10.0**decimals, decimals)
                if abs(value - step.far) <= _ROUNDING * step.span:
                    values.append(value)
        # The shortest text of the crossing itself is the last resort, as at the end of a range.
        values += [float(str(np.float32(step.far))), step.far]
        crossed, suitability = self._try({step.column: np.array(values)})
        first = int(np.argmax(crossed))
        needed = values[first]
        name = self._model.card.predictors[step.column].name
        return Change(name, step.now, needed, abs(needed - step.now) / step.span, float(suitability[first]))

    def other_level(self) -> Change | None:
        """Return the change to the level whose suitability crosses and is farthest from the threshold, or None."""
        best: Change | None = None
        for j, predictor in enumerate(self._model.card.predictors):
            if predictor.type != "categorical":
                continue
            levels = predictor.levels or []
            encoded = np.repeat(self._encoded, len(levels), axis=0)
            encoded[:, j] = self._model.encoder.encode_column(j, levels)
            crossed, suitability = self._cross(np.repeat(self._natural, len(levels), axis=0), encoded)
            for code in np.flatnonzero(crossed):
                there = float(suitability[code])
                if best is None or (there < best.suitability if self._side else there > best.suitability):
                    best = Change(predictor.name, self._row[j], levels[code], 1.0, there)
        return best

    def _try(self, values: dict[int, NDArray[np.float64]]) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
        """Return which values of continuous predictors cross the threshold, one after the other, and suitabilities."""
        return self._cross(*self._rows(values))

    def _rows(self, values: dict[int, NDArray[np.float64]]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return a row for each value of continuous predictors, one after the other: natural and encoded."""
        n = sum(map(len, values.values()))
        natural, encoded = np.repeat(self._natural, n, axis=0), np.repeat(self._encoded, n, axis=0)
        begin = 0
        for j, column in values.items():
            part = slice(begin, begin + len(column))
            begin += len(column)
            natural[part, j] = column
            encoded[part, j] = self._model.encoder.encode_column(j, column.tolist())
        return natural, encoded

    def _cross(
        self, natural: NDArray[np.float32], encoded: NDArray[np.float32]
    ) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
        suitability = self._model.predict_encoded(encoded)
        crossed = self._threshold.reached_by(suitability) != self._side
        rows = np.flatnonzero(crossed)
        # Distances are computed for the rows that need them.
        crossed[rows] = self._model.gauge.measure_rows(natural[rows], encoded[rows]).inside
        return crossed, suitability
