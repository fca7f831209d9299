"""From values of layers to rows of a model: the same numbers as a single answer has for the values of a cell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.card import Predictor
from ml.layers.stored_index import level_name
from ml.own_data.predictors import as_column
from ml.predictors.encoding import find_level, limits_of
from ml.recipes.reports import LayerReport

Floats = NDArray[np.float32]
#: Labels of unknown categories that are counted by name for each predictor; the others are counted together.
_MOST_LABELS = 50


@dataclass
class Unanswered:
    """Numbers of cells without an answer, each counted for its first reason.

    Attributes
    ----------
    no_value : int
        Cells in which at least one layer has no value.
    only_lacking : Counter of str
        Cells that only this layer lacks, by predictor; they are among `no_value`.
    impossible : Counter of str
        Cells with a value beyond the limits of the predictor.
    unknown : dict of str to Counter of str
        Cells with a category that the model does not know, by predictor and label.
    no_place : int
        Cells whose centre has no place on Earth.
    """

    no_value: int = 0
    only_lacking: Counter[str] = field(default_factory=Counter)
    impossible: Counter[str] = field(default_factory=Counter)
    unknown: dict[str, Counter[str]] = field(default_factory=dict)
    no_place: int = 0

    def add(self, other: Unanswered) -> None:
        """Add the numbers of other cells."""
        self.no_place += other.no_place
        self.no_value += other.no_value
        self.only_lacking += other.only_lacking
        self.impossible += other.impossible
        for name, labels in other.unknown.items():
            self.unknown.setdefault(name, Counter()).update(labels)

    def as_json(self) -> dict[str, Any]:
        """Return the numbers as JSON has them, in a fixed order."""
        return {
            "no_place": self.no_place,
            "no_value": self.no_value,
            "only_lacking": dict(sorted(self.only_lacking.items())),
            "impossible": dict(sorted(self.impossible.items())),
            "unknown_category": {name: _shortened(labels) for name, labels in sorted(self.unknown.items())},
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Unanswered:
        """Return the numbers that `as_json` gave."""
        unknown = {name: Counter(labels) for name, labels in content["unknown_category"].items()}
        lacking, impossible = Counter(content["only_lacking"]), Counter(content["impossible"])
        return cls(content["no_value"], lacking, impossible, unknown, content["no_place"])


def _shortened(labels: Counter[str]) -> dict[str, int]:
    ranked = sorted(labels.items(), key=lambda item: (-item[1], item[0]))
    others = sum(count for _, count in ranked[_MOST_LABELS:])
    return dict(ranked[:_MOST_LABELS]) | ({"other categories": others} if others else {})


@dataclass(frozen=True)
class CellRows:
    """The cells of a window that have an answer.

    Attributes
    ----------
    cells : ndarray of int64, shape (n,)
        Positions in the window, row by row.
    natural, encoded : ndarray of float32, shape (n, n_predictors)
        As `ml.serving.bulk.answer_encoded` takes them.
    unanswered : Unanswered
        The other cells.
    """

    cells: NDArray[np.int64]
    natural: Floats
    encoded: Floats
    unanswered: Unanswered


class CellEncoder:
    """Encoding of windows of layers for a model.

    Parameters
    ----------
    predictors : sequence of Predictor
        Of the model's card.
    layers : sequence of LayerReport
        One for each predictor, in the same order.

    Notes
    -----
    A value of single precision stands for the decimal number with the fewest digits, as in a study's table
    (`ml.own_data.predictors.as_column`): 12.3 in a layer is the 12.3 that a user types.
    """

    def __init__(self, predictors: Sequence[Predictor], layers: Sequence[LayerReport]) -> None:
        self._predictors, self._layers = list(predictors), list(layers)
        self._bounds = [_bounds(p) for p in self._predictors]
        # Codes of categorical layers in ascending order, and the levels of the model that they are; -1 for none.
        self._codes = [np.zeros(0, np.float32) for _ in self._predictors]
        self._levels = [np.zeros(0, np.int64) for _ in self._predictors]

    def encode(self, values: Floats, without_place: NDArray[np.bool_] | None = None) -> CellRows:
        """Return the rows of the cells that a single answer would not refuse.

        Parameters
        ----------
        values : ndarray of float32, shape (n_predictors, rows, columns)
            NaN where a layer has no value.
        without_place : ndarray of bool, shape (rows, columns), optional
            Cells that are not on Earth, which have no answer whatever their values are.
        """
        flat = values.reshape(len(values), -1)
        left = Unanswered()
        missing = np.isnan(flat)
        if without_place is not None and without_place.any():
            nowhere = without_place.ravel()
            left.no_place = int(nowhere.sum())
            flat, missing = flat[:, ~nowhere], missing[:, ~nowhere]
            places = np.flatnonzero(~nowhere)
        else:
            places = None
        n_missing = missing.sum(axis=0)
        left.no_value = int((n_missing > 0).sum())
        if len(flat) > 1:
            for p, row in zip(self._predictors, missing[:, n_missing == 1], strict=True):
                if count := int(row.sum()):
                    left.only_lacking[p.name] = count
        cells = np.flatnonzero(n_missing == 0)
        rows = flat[:, cells]
        encoded = np.empty((len(cells), len(flat)), np.float32)
        natural = np.zeros_like(encoded)
        possible = np.ones(len(cells), bool)
        for j, p in enumerate(self._predictors):
            if p.type == "categorical":
                possible &= self._encode_codes(j, rows[j], possible, encoded, left)
                continue
            low, high = self._bounds[j]
            within = (rows[j] >= low) & (rows[j] <= high)
            if count := int((possible & ~within).sum()):
                left.impossible[p.name] = count
            possible &= within
            natural[:, j] = rows[j]
            if p.transform == "none":
                encoded[:, j] = rows[j]
        if not possible.all():
            cells, natural, encoded = cells[possible], natural[possible], encoded[possible]
        for j, p in enumerate(self._predictors):
            if p.transform == "log1p":
                encoded[:, j] = _log1p(self._layers[j], natural[:, j])
        return CellRows(cells if places is None else places[cells], natural, encoded, left)

    def _encode_codes(
        self, j: int, values: Floats, possible: NDArray[np.bool_], encoded: Floats, left: Unanswered
    ) -> NDArray[np.bool_]:
        """Encode a categorical predictor; return where the model knows the category."""
        name, layer = self._predictors[j].name, self._layers[j]
        position = self._find(j, values)
        levels = self._levels[j][position]
        encoded[:, j] = levels
        known = levels >= 0
        lost = possible & ~known
        if lost.any():
            counts = np.bincount(position[lost], minlength=len(self._codes[j]))
            labels: Counter[str] = Counter()
            for code, count in zip(self._codes[j], counts, strict=True):
                if count:
                    labels[level_name(layer.levels, float(code))] += int(count)
            left.unknown[name] = labels
        return known

    def _find(self, j: int, values: Floats) -> NDArray[np.int64]:
        """Return the position of each code among the codes of a layer; codes that are new are added to them."""
        position = self._search(j, values)
        if position is None:
            known = dict(zip(self._codes[j].tolist(), self._levels[j].tolist(), strict=True))
            for code in np.unique(values).tolist():
                if code not in known:
                    level = find_level(self._predictors[j].levels or [], level_name(self._layers[j].levels, code))
                    known[code] = -1 if level is None else level
            self._codes[j] = np.array(sorted(known), np.float32)
            self._levels[j] = np.array([known[code] for code in sorted(known)], np.int64)
            position = self._search(j, values)
        assert position is not None  # noqa: S101  (every code is among them)
        return position

    def _search(self, j: int, values: Floats) -> NDArray[np.int64] | None:
        codes = self._codes[j]
        if not len(codes):
            return None if len(values) else np.zeros(0, np.int64)
        position = np.minimum(np.searchsorted(codes, values), len(codes) - 1)
        return position if (codes[position] == values).all() else None


def _shortest(value: np.float32) -> float:
    return float(str(value))


def _bounds(predictor: Predictor) -> tuple[np.float32, np.float32]:
    """Return the smallest and the largest value of single precision that a single answer takes."""
    if predictor.type == "categorical":
        return np.float32(-np.inf), np.float32(np.inf)
    low, high = limits_of(predictor)
    lowest, highest = np.float32(low), np.float32(high)
    up, down = np.float32(np.inf), np.float32(-np.inf)
    if _shortest(lowest) < low:
        lowest = np.nextafter(lowest, up)
    if _shortest(highest) > high:
        highest = np.nextafter(highest, down)
    if predictor.transform == "log1p":
        # The logarithm of 0 is no number.
        lowest = max(lowest, np.nextafter(np.float32(-1.0), up))
    return lowest, highest


def _log1p(layer: LayerReport, values: Floats) -> Floats:
    """Return log1p of the decimal numbers that values stand for, in single precision.

    The decimal number is nearer to the value than half of its last digit, so that it matters only where the logarithms
    of both ends of that range differ. Only those numbers are written as decimals, which is slow.
    """
    wide = values.astype(np.float64)
    # A little more, because a logarithm is rounded too.
    half = 0.50001 * np.spacing(np.abs(values)).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        low = np.log1p(wide - half).astype(np.float32)
        high = np.log1p(wide + half).astype(np.float32)
    unsure = ~(low == high)
    if unsure.any():
        low[unsure] = np.log1p(as_column(layer, values[unsure]).astype(np.float64)).astype(np.float32)
    return low
