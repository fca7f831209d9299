"""The smallest change of one condition with which the suitability crosses a threshold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.serving.predictor import FastPredictor
from ml.serving.threshold import ThresholdValue, thinned

# Rows of the first search, shared among the continuous predictors: a row takes 8 µs with 500 trees.
_ROWS = 512
_FEWEST_VALUES = 16
# Values that a step between two values of the search is divided into, and how often.
_PARTS = 16
_ROUNDS = 3
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
    The suitability of a forest is a step function of each value and not monotone. It is computed at evenly spaced
    values and at quantiles of the training values, and the first step that crosses, in each direction, is divided until
    the crossing is known to 1/4096 of the step. A window of values that lies between two neighbours of the search is
    missed. The value is then rounded, by at most 1 % of the range, to the fewest digits with which it still crosses.
    """
    search = _Search(model, row, threshold)
    if not search.starts_inside:
        return None
    crossings = sorted(search.crossings(), key=lambda step: step.nearest)
    best: _Step | None = None
    for step in crossings:
        if best is not None and step.nearest >= best.farthest:
            break
        refined = search.refine(step)
        if best is None or refined.farthest < best.farthest:
            best = refined
    return search.rounded(best) if best is not None else search.other_level()


@dataclass(frozen=True)
class _Step:
    """Two values of a predictor, between which the suitability crosses the threshold, and at the far one it has."""

    column: int
    now: float
    span: float
    near: float
    far: float

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
        self._side = bool(threshold.reached_by(float(model.predict_encoded(self._encoded)[0])))

    @property
    def starts_inside(self) -> bool:
        return bool(self._model.gauge.inside(self._natural, self._encoded)[0])

    def crossings(self) -> list[_Step]:
        """Return the first step of each continuous predictor that crosses, upwards and downwards."""
        ends = {j: (float(v[0]), float(v[-1])) for j, v in enumerate(self._model.reference) if len(v)}
        ends = {j: (low, high) for j, (low, high) in ends.items() if high > low}
        if not ends:
            return []
        n = max(_FEWEST_VALUES, _ROWS // len(ends))
        grids = {
            j: np.unique(
                np.concatenate([np.linspace(low, high, n // 2), thinned(self._model.reference[j], n - n // 2)])
            )
            for j, (low, high) in ends.items()
        }
        crossed, _ = self._try(grids)
        steps, begin = [], 0
        for j, grid in grids.items():
            passes = crossed[begin : begin + len(grid)]
            begin += len(grid)
            now = float(self._row[j])
            span = ends[j][1] - ends[j][0]
            up, down = grid > now, grid < now
            for values, passing in ((grid[up], passes[up]), (grid[down][::-1], passes[down][::-1])):
                if passing.any():
                    first = int(np.argmax(passing))
                    near = float(values[first - 1]) if first else now
                    steps.append(_Step(j, now, span, near, float(values[first])))
        return steps

    def refine(self, step: _Step) -> _Step:
        """Divide a step until the crossing lies in a small part of it."""
        for _ in range(_ROUNDS):
            values = np.linspace(step.near, step.far, _PARTS + 1)
            crossed, _ = self._try({step.column: values[1:-1]})
            first = int(np.argmax(crossed)) if crossed.any() else _PARTS - 1
            step = _Step(step.column, step.now, step.span, float(values[first]), float(values[first + 1]))
        return step

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
        n = sum(map(len, values.values()))
        natural, encoded = np.repeat(self._natural, n, axis=0), np.repeat(self._encoded, n, axis=0)
        begin = 0
        for j, column in values.items():
            part = slice(begin, begin + len(column))
            begin += len(column)
            natural[part, j] = column
            encoded[part, j] = self._model.encoder.encode_column(j, column.tolist())
        return self._cross(natural, encoded)

    def _cross(
        self, natural: NDArray[np.float32], encoded: NDArray[np.float32]
    ) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
        suitability = self._model.predict_encoded(encoded)
        crossed = self._threshold.reached_by(suitability) != self._side
        rows = np.flatnonzero(crossed)
        # Distances are computed for the rows that need them.
        crossed[rows] = self._model.gauge.inside(natural[rows], encoded[rows])
        return crossed, suitability
