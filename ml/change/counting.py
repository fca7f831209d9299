"""Numbers and areas of cells by class of change, added window by window."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.change.places import CellPlaces, Centre, movement
from ml.change.quantities import CANNOT_SAY, CLASSES, DIFFER, GAIN, LOSS, NO_ANSWER, STABLE, UNSUITABLE
from ml.serving.verdict import VERDICTS, is_suitable

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Bytes = NDArray[np.uint8]
#: Suitable, unsuitable and neither, by the value of a verdict; the last one is of cells without an answer.
_NO, _YES, _UNSURE, _NOTHING = 0, 1, 2, 3
_SIDES = np.full(256, _NOTHING, np.uint8)
for _number, _name in enumerate(VERDICTS):
    _side = is_suitable(_name)
    _SIDES[_number] = _UNSURE if _side is None else int(_side)
#: Class by the side today and in the scenario.
_TABLE = np.full((4, 4), NO_ANSWER, np.uint8)
_TABLE[:3, :3] = CANNOT_SAY
_TABLE[_YES, _YES], _TABLE[_NO, _NO] = STABLE, UNSUITABLE
_TABLE[_NO, _YES], _TABLE[_YES, _NO] = GAIN, LOSS


def sides_of(verdict: Bytes) -> Bytes:
    """Return the side of the threshold of verdicts: 0 unsuitable, 1 suitable, 2 cannot say, 3 without an answer."""
    return np.asarray(_SIDES[verdict])


def suitable_cells(verdict: Bytes) -> Mask:
    """Return which cells are suitable, by the same rule as `suitable` of an answer."""
    return np.asarray(sides_of(verdict) == _YES)


def classify(today: Bytes, scenario: Bytes) -> Bytes:
    """Return the class of change of cells by their verdicts; 255 where one of them has no answer.

    Parameters
    ----------
    today, scenario : ndarray of uint8
        Verdicts as the files of maps store them.

    Returns
    -------
    ndarray of uint8
        Indices into `ml.change.quantities.CLASSES`.
    """
    return np.asarray(_TABLE[sides_of(today), sides_of(scenario)])


@dataclass
class Tally:
    """A number of cells and their area."""

    cells: int = 0
    areas: list[float] = field(default_factory=list)

    def add(self, mask: Mask, area: Floats) -> None:
        """Add the cells of a mask."""
        n = int(np.count_nonzero(mask))
        if n:
            self.cells += n
            self.areas.append(math.fsum(area[mask]))

    @property
    def km2(self) -> float:
        """Square kilometres."""
        return math.fsum(self.areas)

    def as_json(self) -> dict[str, Any]:
        """Return both."""
        return {"cells": self.cells, "area_km2": self.km2}

    def share_of(self, other: Tally) -> dict[str, Any]:
        """Return both, and the share of another area."""
        return self.as_json() | {"share": self.km2 / other.km2 if other.km2 else 0.0}


class Suitable:
    """The suitable cells of a map: their number, area and centre."""

    def __init__(self, places: CellPlaces) -> None:
        self.tally, self.centre, self._places = Tally(), Centre(), places

    def add(self, rows: slice, columns: slice, mask: Mask, area: Floats) -> None:
        """Add the cells of a window."""
        self.tally.add(mask, area)
        row, column = np.nonzero(mask)
        if len(row):
            lon, lat = self._places.centres(row + rows.start, column + columns.start)
            self.centre.add(lon, lat, area[mask])

    def as_json(self) -> dict[str, Any]:
        """Return the numbers and the centre."""
        place = self.centre.place
        centre = {"longitude": place[0], "latitude": place[1]} if place is not None else None
        return self.tally.as_json() | {"centre": centre}


class ScenarioCount:
    """The cells of one scenario beside those of today."""

    def __init__(self, places: CellPlaces) -> None:
        self.suitable = Suitable(places)
        self.classes = [Tally() for _ in CLASSES]
        self.valid, self.beyond, self.outside_range = Tally(), Tally(), Tally()
        self.exposed = {name: Tally() for name in ("stays", "lost", "cannot_say", "no_answer", "beyond")}
        self.today = Tally()
        self.only_today, self.only_scenario = Tally(), Tally()
        # Of the cells with a verdict under both: otherwise the centre moves by what the model cannot say.
        self._before, self._after = Suitable(places), Suitable(places)

    def add(
        self,
        window: tuple[slice, slice],
        today: Bytes,
        scenario: Mapping[str, NDArray[Any]],
        area: Floats,
    ) -> Bytes:
        """Add the cells of a window; return their classes.

        Parameters
        ----------
        window : (slice, slice)
        today : ndarray of uint8
            Verdicts of today.
        scenario : mapping of str to ndarray
            `verdict`, `inside` and `mess` of the scenario.
        area : ndarray of float64
        """
        verdict = scenario["verdict"]
        classes, side, now = classify(today, verdict), sides_of(verdict), sides_of(today)
        for number, tally in enumerate(self.classes[:DIFFER]):
            tally.add(classes == number, area)
        beyond = scenario["inside"] == 0
        self.valid.add(side != _NOTHING, area)
        self.beyond.add(beyond, area)
        # no value, where there is no answer, is not negative
        self.outside_range.add(scenario["mess"] < 0, area)
        before = now == _YES
        self.today.add(before, area)
        for name, mask in (
            ("stays", side == _YES),
            ("lost", side == _NO),
            ("cannot_say", side == _UNSURE),
            ("no_answer", side == _NOTHING),
            ("beyond", beyond),
        ):
            self.exposed[name].add(before & mask, area)
        self.only_today.add((now != _NOTHING) & (side == _NOTHING), area)
        self.only_scenario.add((now == _NOTHING) & (side != _NOTHING), area)
        self.suitable.add(*window, side == _YES, area)
        told = ((side == _YES) | (side == _NO)) & ((now == _YES) | (now == _NO))
        self._before.add(*window, told & before, area)
        self._after.add(*window, told & (side == _YES), area)
        return classes

    def movement(self) -> tuple[float, float] | None:
        """Return how far, in km, and to which bearing the centre of the suitable cells moves.

        Only cells with a verdict under both conditions count. None where one of them has no suitable cells.
        """
        start, end = self._before.centre.place, self._after.centre.place
        return movement(start, end) if start is not None and end is not None else None

    def beyond_json(self) -> dict[str, Any]:
        """Return what lies beyond the area of applicability, as the summary of a map has it."""
        return _of(self.beyond, self.valid) | {"outside_range": _of(self.outside_range, self.valid)}

    def exposure_json(self) -> dict[str, Any]:
        """Return what becomes of today's suitable area."""
        shares = {name: tally.share_of(self.today) for name, tally in self.exposed.items()}
        return self.today.as_json() | shares


def _of(part: Tally, total: Tally) -> dict[str, Any]:
    return {
        "cells": part.cells,
        "share": part.cells / total.cells if total.cells else 0.0,
        "area_km2": part.km2,
        "area_share": part.km2 / total.km2 if total.km2 else 0.0,
    }


class Together:
    """Several scenarios together: the class that holds in all of them, agreement and spread.

    Parameters
    ----------
    n : int
        Number of scenarios.
    """

    def __init__(self, n: int) -> None:
        self.n = n
        self.classes = [Tally() for _ in CLASSES]
        self.by_count = [Tally() for _ in range(n + 2)]
        self.today_by_count = [Tally() for _ in range(n + 2)]
        self.spread = Tally()
        self._spreads: list[float] = []
        self.largest = 0.0

    def add(
        self, today: Bytes, verdicts: list[Bytes], suitability: list[NDArray[np.uint16]], area: Floats
    ) -> dict[str, NDArray[Any]]:
        """Add the cells of a window; return the quantities as they are stored."""
        sides = np.stack([sides_of(one) for one in verdicts])
        answered = (sides != _NOTHING).all(axis=0)
        n_suitable, unsure = (sides == _YES).sum(axis=0), (sides == _UNSURE).any(axis=0)
        agreement = np.where((n_suitable == 0) & unsure, self.n + 1, n_suitable)
        agreement = np.where(answered, agreement, NO_ANSWER).astype(np.uint8)
        classes = np.stack([classify(today, one) for one in verdicts])
        change = np.where((classes == classes[0]).all(axis=0), classes[0], DIFFER)
        change = np.where((classes == CANNOT_SAY).any(axis=0), CANNOT_SAY, change)
        change = np.where((classes == NO_ANSWER).any(axis=0), NO_ANSWER, change).astype(np.uint8)
        stored = np.stack(suitability)
        width = stored.max(axis=0) - stored.min(axis=0)
        spread = np.where(answered, width, 65535).astype(np.uint16)
        for number, tally in enumerate(self.classes):
            tally.add(change == number, area)
        before = suitable_cells(today)
        for number in range(self.n + 2):
            self.by_count[number].add(agreement == number, area)
            self.today_by_count[number].add(before & (agreement == number), area)
        certain = answered & ~unsure
        if certain.any():
            self.spread.add(certain, area)
            self._spreads.append(math.fsum(width[certain] * area[certain]))
            self.largest = max(self.largest, float(width[certain].max()))
        return {"change": change, "agreement": agreement, "spread": spread}

    def agreement_json(self) -> dict[str, Any]:
        """Return the areas by number of scenarios in which a cell is suitable, and those of today's suitable area."""
        return {
            "suitable": [{"scenarios": k, **self.by_count[k].as_json()} for k in range(self.n + 1)],
            "cannot_say": self.by_count[-1].as_json(),
            "today": [{"scenarios": k, **self.today_by_count[k].as_json()} for k in range(self.n + 1)],
            "today_cannot_say": self.today_by_count[-1].as_json(),
        }

    def spread_json(self, scale: float) -> dict[str, Any]:
        """Return the spread of suitability over the cells of which the model can say something in all scenarios."""
        total = self.spread.km2
        mean = scale * math.fsum(self._spreads) / total if total else None
        return self.spread.as_json() | {"mean": mean, "largest": scale * self.largest if total else None}
