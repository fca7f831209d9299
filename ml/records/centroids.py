"""Centres of countries and provinces, and capitals: places that stand for an unknown place."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ml.records.errors import OccurrenceError
from ml.records.thinning import EARTH_KM, great_circle_km

#: Distance within which a record is at a centre, km.
TOLERANCE_KM = 2.0
_LARGEST = 5_000_000
_MOST = 100_000
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Places:
    """Places by name.

    Attributes
    ----------
    names : list of str
    longitude, latitude : ndarray of float64, shape (n,)
        WGS 84, degrees.
    """

    names: list[str]
    longitude: Floats
    latitude: Floats


def read_gazetteer(path: Path) -> Places:
    """Read a list of places in the format of GBIF's gazetteer.

    Parameters
    ----------
    path : Path
        A text without a header: name, latitude, longitude and further columns, separated by tabs. Only the numbers must
        be ASCII. GBIF's own list is in no single encoding, so that a name that is not UTF-8 is read as Latin-1.

    Raises
    ------
    OccurrenceError
        The file is too large, or a line has no coordinates.
    """
    if path.stat().st_size > _LARGEST:
        raise OccurrenceError(f"{path.name} has {path.stat().st_size:,} bytes; a list of places has fewer")
    rows: list[tuple[str, float, float]] = []
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        if not line.strip():
            continue
        fields = line.split(b"\t")
        try:
            latitude, longitude = float(fields[1]), float(fields[2])
        except (IndexError, ValueError):
            latitude = longitude = np.nan
        if not (abs(latitude) <= 90.0 and abs(longitude) <= 180.0):
            raise OccurrenceError(f"{path.name}, line {number}: expected name, latitude and longitude between tabs")
        rows.append((_decode(fields[0]), longitude, latitude))
    return _places(rows[:_MOST])


def countries() -> tuple[Places, Places]:
    """Return the centres of countries and the capitals, from the wheel ``countryinfo`` (MIT licence).

    The wheel's module is not imported: its files are read as data. Without the wheel there are no places.
    """
    centres: list[tuple[str, float, float]] = []
    capitals: list[tuple[str, float, float]] = []
    spec = importlib.util.find_spec("countryinfo")
    folder = Path(spec.submodule_search_locations[0], "data") if spec and spec.submodule_search_locations else None
    for path in sorted(folder.glob("*.json")) if folder else []:
        country = json.loads(path.read_text(encoding="utf-8"))
        for member, name, rows in (("latlng", "name", centres), ("capital_latlng", "capital", capitals)):
            place = country.get(member) or []
            if len(place) == 2 and abs(place[0]) <= 90 and abs(place[1]) <= 180:
                rows.append((str(country.get(name) or ""), float(place[1]), float(place[0])))
    return _places(centres), _places(capitals)


def near_places(
    longitude: Floats, latitude: Floats, places: Places, tolerance_km: float = TOLERANCE_KM
) -> NDArray[np.bool_]:
    """Return which records are within a distance of one of the places.

    Parameters
    ----------
    longitude, latitude : ndarray of float64, shape (n,)
        WGS 84, degrees, finite.
    places : Places
    tolerance_km : float
        Great-circle distance, km.

    Returns
    -------
    ndarray of bool, shape (n,)
    """
    near = np.zeros(len(longitude), dtype=bool)
    if not len(longitude):
        return near
    order = np.argsort(latitude).astype(np.int32)
    sorted_latitude = latitude[order]
    band = np.degrees(tolerance_km / EARTH_KM) * 1.000001
    begins = np.searchsorted(sorted_latitude, places.latitude - band, side="left")
    ends = np.searchsorted(sorted_latitude, places.latitude + band, side="right")
    for x, y, begin, end in zip(places.longitude, places.latitude, begins, ends, strict=True):
        rows = order[begin:end]
        near[rows] |= great_circle_km(float(x), float(y), longitude[rows], latitude[rows]) <= tolerance_km
    return near


def _places(rows: list[tuple[str, float, float]]) -> Places:
    numbers = np.array([row[1:] for row in rows], dtype=np.float64).reshape(-1, 2)
    return Places([row[0] for row in rows], numbers[:, 0], numbers[:, 1])


def _decode(name: bytes) -> str:
    try:
        return name.decode("utf-8")
    except UnicodeDecodeError:
        return name.decode("latin-1")
