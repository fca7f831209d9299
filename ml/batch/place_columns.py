"""The columns of a table that have places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ml.records.synonyms import SYNONYMS, plain_label

_TERMS = {"latitude": "decimalLatitude", "longitude": "decimalLongitude"}
_SCENARIO = "scenario"


@dataclass(frozen=True)
class PlaceOptions:
    """What a user says about the places of a table; None stands for the usual names of columns.

    Attributes
    ----------
    latitude, longitude, scenario_column : str or None
        Names of columns.
    scenario : str or None
        Label of the scenario of the batch.
    """

    latitude: str | None = None
    longitude: str | None = None
    scenario_column: str | None = None
    scenario: str | None = None

    @property
    def is_stated(self) -> bool:
        """Whether the user says that the table has places."""
        return any((self.latitude, self.longitude, self.scenario_column, self.scenario))


@dataclass(frozen=True)
class PlaceColumns:
    """The columns of a table that have places.

    Attributes
    ----------
    latitude, longitude : str
    scenario_column : str or None
        A row without a label there has the scenario of the batch.
    scenario : str or None
        Label of the scenario of the batch; the training conditions where there is none.
    is_mixed : bool
        Whether rows without coordinates have conditions in columns, as rows of JSON may.
    """

    latitude: str
    longitude: str
    scenario_column: str | None = None
    scenario: str | None = None
    is_mixed: bool = False

    @property
    def columns(self) -> list[str]:
        """The columns that the table must have."""
        return [self.latitude, self.longitude, *([self.scenario_column] if self.scenario_column else [])]


def find_place_columns(header: Sequence[str], options: PlaceOptions) -> PlaceColumns | None:
    """Return the columns of places: those that are stated, or those with usual names; None where there are none."""
    latitude = options.latitude or _usual(header, "latitude")
    longitude = options.longitude or _usual(header, "longitude")
    if latitude is None or longitude is None:
        return None
    scenario = options.scenario_column or next((name for name in header if name.strip().lower() == _SCENARIO), None)
    return PlaceColumns(latitude, longitude, scenario, options.scenario)


def _usual(header: Sequence[str], axis: str) -> str | None:
    """Return the only column with a usual name of a coordinate, "latitude" itself before others."""
    term = _TERMS[axis]
    names = [name for name in header if plain_label(name) == term.casefold() or plain_label(name) in SYNONYMS[term][0]]
    exact = [name for name in names if name.lower() == axis]
    several = exact or names
    return several[0] if len(several) == 1 else None
