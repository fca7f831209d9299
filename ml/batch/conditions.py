"""The conditions of the rows of a chunk: cells of columns, or values of stored layers at places."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ml.batch.cells import Problem, check_columns, read_numbers
from ml.batch.chunks import Chunk
from ml.batch.place_columns import PlaceColumns
from ml.card import Predictor
from ml.layers.stored import LayerStore, UnknownScenarioError
from ml.predictors.place_words import problem_text
from ml.predictors.places import one_turn, rows_at
from ml.records.coordinate_text import parse_coordinate

#: Name of a place in problems.
LOCATION = "location"
#: Stands for the conditions that a model was trained on, where the label of a scenario would be.
TRAINING = "training conditions"
_SCENARIO = "scenario"


@dataclass
class Conditions:
    """The conditions of a chunk's rows for models of the same predictors and layers.

    Attributes
    ----------
    rows : list of int
        Positions of the rows that can be answered.
    values : ndarray, shape (len(rows), n_predictors)
    problems : list of Problem
        Why the other rows cannot, in the order of the rows.
    layers : dict of int to list of str
        By position, the texts of the values that layers have at a place, in the order of the predictors.
    scenarios : dict of int to str
        By position, the label of the scenario of a place, or `TRAINING`.
    """

    rows: list[int]
    values: NDArray[Any]
    problems: list[Problem]
    layers: dict[int, list[str]] = field(default_factory=dict)
    scenarios: dict[int, str] = field(default_factory=dict)

    @property
    def errors(self) -> dict[int, str]:
        """By position, all problems of a row in one text."""
        texts: dict[int, list[str]] = {}
        for one in self.problems:
            texts.setdefault(one.row, []).append(f"{one.predictor}: {one.text}" if one.predictor else one.text)
        return {row: "; ".join(several) for row, several in texts.items()}


def read_conditions(
    chunk: Chunk, predictors: Sequence[Predictor], decimal: str, places: PlaceColumns | None, store: LayerStore | None
) -> Conditions:
    """Return the conditions of the rows of a chunk.

    Parameters
    ----------
    chunk : Chunk
    predictors : sequence of Predictor
    decimal : {".", ","}
    places : PlaceColumns or None
        None where conditions are in columns.
    store : LayerStore or None
        The layers that the model was trained on, for places.
    """
    at_places: list[int] = []
    in_columns = chunk.readable
    if places is not None and store is not None:
        at_places = in_columns
        if places.is_mixed:
            cells = chunk.columns[places.latitude]
            at_places = [row for row in chunk.readable if cells[row]]
        in_columns = sorted(set(chunk.readable) - set(at_places)) if places.is_mixed else []
    parts = []
    if in_columns or not at_places:
        parts.append(_of_columns(chunk, in_columns, predictors, decimal))
    if at_places and places is not None and store is not None:
        parts.append(_of_places(chunk, at_places, predictors, decimal, places, store))
    unreadable = [Problem(row, "", text) for row, text in chunk.errors.items()]
    if len(parts) == 1 and not unreadable:
        return parts[0]
    rows = [row for part in parts for row in part.rows]
    # in the order of the rows, whether these are places or conditions
    order = np.argsort(np.array(rows, dtype=int), kind="stable")
    return Conditions(
        rows=[rows[at] for at in order.tolist()],
        values=np.concatenate([part.values for part in parts])[order],
        problems=sorted([*unreadable, *(one for part in parts for one in part.problems)], key=lambda one: one.row),
        layers={row: texts for part in parts for row, texts in part.layers.items()},
        scenarios={row: label for part in parts for row, label in part.scenarios.items()},
    )


def _of_columns(chunk: Chunk, rows: list[int], predictors: Sequence[Predictor], decimal: str) -> Conditions:
    columns = chunk.take(rows).columns
    # rows of JSON may all be without a member that another row would have
    nothing = [""] * len(rows)
    values, problems = check_columns(predictors, [columns.get(one.name, nothing) for one in predictors], decimal)
    if not problems:
        return Conditions(rows, values, [])
    bad = {one.row for one in problems}
    good = [at for at in range(len(rows)) if at not in bad]
    return Conditions(
        [rows[at] for at in good], values[good], [Problem(rows[one.row], one.predictor, one.text) for one in problems]
    )


def _of_places(
    chunk: Chunk,
    rows: list[int],
    predictors: Sequence[Predictor],
    decimal: str,
    places: PlaceColumns,
    store: LayerStore,
) -> Conditions:
    columns = chunk.take(rows).columns
    problems: list[Problem] = []
    latitudes = _coordinates(columns[places.latitude], "latitude", places.latitude, decimal, problems)
    longitudes = _coordinates(columns[places.longitude], "longitude", places.longitude, decimal, problems)
    labels = columns[places.scenario_column] if places.scenario_column else [""] * len(rows)
    bad = {one.row for one in problems}
    by_scenario: dict[str | None, list[int]] = {}
    for at, label in enumerate(labels):
        if at not in bad:
            by_scenario.setdefault(label or places.scenario, []).append(at)
    good: list[int] = []
    values: list[NDArray[Any]] = []
    layers: dict[int, list[str]] = {}
    labels_of: dict[int, str] = {}
    for scenario, several in by_scenario.items():
        try:
            layer_set = store.open(scenario)
        except UnknownScenarioError as error:
            name = places.scenario_column or _SCENARIO
            problems += [Problem(at, name, str(error)) for at in several]
            continue
        labels_of.update(dict.fromkeys([rows[at] for at in several], scenario or TRAINING))
        latitude, longitude = latitudes[several], longitudes[several]
        there = rows_at(layer_set, latitude, longitude, predictors)
        usable = [at for at, problem in enumerate(there.problems) if problem is None]
        good += [several[at] for at in usable]
        values.append(there.values[usable])
        for at in np.flatnonzero(there.cell >= 0).tolist():
            layers[rows[several[at]]] = [_text(value) for value in there.values[at].tolist()]
        for at, problem in enumerate(there.problems):
            if problem is not None:
                place = float(latitude[at]), float(longitude[at])
                text = problem_text(layer_set, *place, int(there.cell[at]), problem)
                problems.append(Problem(several[at], LOCATION, text))
    order = np.argsort(np.array(good, dtype=int), kind="stable")
    return Conditions(
        [rows[good[at]] for at in order.tolist()],
        np.concatenate(values)[order] if values else _no_values(predictors),
        sorted((Problem(rows[one.row], one.predictor, one.text) for one in problems), key=lambda one: one.row),
        layers,
        labels_of,
    )


def _no_values(predictors: Sequence[Predictor]) -> NDArray[Any]:
    plain = all(one.type == "continuous" for one in predictors)
    return np.empty((0, len(predictors)), dtype=np.float64 if plain else object)


def _coordinates(
    cells: Sequence[str], axis: Literal["latitude", "longitude"], name: str, decimal: str, problems: list[Problem]
) -> NDArray[np.float64]:
    """Return coordinates in degrees, and add the cells that are none to the problems."""
    numbers = read_numbers(cells, decimal)
    for at in np.flatnonzero(~np.isfinite(numbers)).tolist():
        text = cells[at]
        try:
            number = parse_coordinate(text, axis, decimal_comma=decimal == ",") if text else math.nan
            wrong = "" if math.isfinite(number) else "is not a coordinate" if text else "has no value"
        except ValueError as error:
            number, wrong = math.nan, str(error)
        numbers[at] = number
        if wrong:
            problems.append(Problem(at, name, wrong if not text or text[:40] in wrong else f"{wrong}: {text!r:.40}"))
    if axis == "longitude":
        # as a single place is read, to the same digit
        for at in np.flatnonzero((numbers > 180.0) & (numbers <= 360.0)).tolist():
            numbers[at] = one_turn(float(numbers[at]))
    return numbers


def _text(value: object) -> str:
    return "" if value is None or value != value else value if isinstance(value, str) else repr(value)


def names_of_layers(models: Iterable[Sequence[Predictor]]) -> list[str]:
    """Return the names of the predictors of several models, each once."""
    return list(dict.fromkeys(one.name for predictors in models for one in predictors))
