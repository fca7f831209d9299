"""Traces of exact places and of the conditions of records in what the application sends."""

from __future__ import annotations

import itertools
import re

import numpy as np

from ml.coarse_places import coarsen_place
from tests.synthetic import synthetic_study

#: The grid of the tests, in km.
GRID = 10
_NUMBER = re.compile(r"(?<![\w.])[-−]?\d{1,3}\.\d{2,15}(?![\w.])|(?<![\w.])[-−]?\d{1,3}(?:\.\d)?(?![\w.])")
#: Coordinates of uploaded records, beside those that the models were trained on.
UPLOADED = [(2.31234 + 0.0711 * n, 41.47654 + 0.0617 * n) for n in range(20)]
#: The place of an observation.
OBSERVED = (2.51237, 42.47689)


def records_csv() -> bytes:
    rows = [f"Oenanthe hispanica,{y:.5f},{x:.5f},2019-05-0{n % 9 + 1},Ravine {n}" for n, (x, y) in enumerate(UPLOADED)]
    return "\n".join(["species,decimalLatitude,decimalLongitude,eventDate,locality", *rows]).encode()


class Detector:
    """Finds places and conditions of records in texts."""

    def __init__(self) -> None:
        study = synthetic_study(n_species=4, categorical=True)
        assert study.coordinates is not None
        exact = [*map(tuple, study.coordinates.tolist()), *UPLOADED, OBSERVED]
        self._places = {(round(x, 2), round(y, 2)) for x, y in exact}
        self._rows = {
            tuple(row) for row in study.environment[["bare_rock", "trees", "temperature"]].to_numpy().tolist()
        }

    def places_in(self, text: str) -> list[tuple[float, float]]:
        """Pairs of numbers side by side that are a record's place to 0.01°, in either order, unless a cell's centre."""
        numbers = [(float(one.replace("−", "-")), "." in one) for one in _NUMBER.findall(text)]
        found = []
        for (one, _), (other, _) in itertools.pairwise(numbers):
            for x, y in ((one, other), (other, one)):
                near = (round(x, 2), round(y, 2)) in self._places
                if near and np.abs(y) <= 90 and coarsen_place(x, y, GRID) != (x, y):
                    found.append((x, y))
        return found

    def conditions_in(self, text: str) -> list[tuple[float, ...]]:
        """Values of a record within a few numbers."""
        numbers = [float(one.replace("−", "-")) for one in _NUMBER.findall(text)]
        found = []
        for at in range(len(numbers)):
            window = set(numbers[at : at + 12])
            found += [row for row in self._by_first(numbers[at]) if set(row) <= window]
        return found

    def _by_first(self, value: float) -> list[tuple[float, ...]]:
        return [row for row in self._rows if row[0] == value]
