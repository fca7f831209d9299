"""Transformation of coordinates from the datum that a record states to WGS 84."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pyproj
from numpy.typing import NDArray
from pyproj.enums import TransformDirection
from pyproj.exceptions import CRSError, ProjError
from pyproj.network import set_network_enabled  # type: ignore[attr-defined]  # public, but not listed by its module
from pyproj.transformer import TransformerGroup

from ml.records.datum_names import WGS84, find_crs, geodetic_code, is_usable, says_not_known
from ml.records.errors import OccurrenceError

__all__ = ["Wgs84Places", "find_crs", "says_not_known", "to_wgs84"]

Floats = NDArray[np.float64]

#: Coordinates of a datum in degrees beyond these are left as they are: the audit calls them out of range.
_FARTHEST = (180.0, 90.0)
#: Largest distance between projected coordinates and those that the result is projected to, metres.
_CLOSE_M = 1.0
#: Operations that are named.
_MOST_NAMED = 3


@dataclass(frozen=True)
class Wgs84Places:
    """Coordinates in WGS 84.

    Attributes
    ----------
    longitude, latitude : ndarray of float64, shape (n,)
        Degrees; NaN where a record could not be transformed. Degrees out of range are returned as they are.
    failed : ndarray of bool, shape (n,)
        Records with coordinates that could not be transformed.
    unrecognised : ndarray of bool, shape (n,)
        Records with a datum that is not known, taken as that of the file, or WGS 84.
    assumed : int
        Records without a datum, or with one that is not known, that are taken as WGS 84.
    operations : dict
        Datum as stated to what was done, with its accuracy in metres.
    unknown : dict
        Datum as stated to the number of records with it, where it is not known and was taken as WGS 84.
    """

    longitude: Floats
    latitude: Floats
    failed: NDArray[np.bool_]
    unrecognised: NDArray[np.bool_]
    assumed: int
    operations: dict[str, str] = field(default_factory=dict)
    unknown: dict[str, int] = field(default_factory=dict)


def to_wgs84(x: Floats, y: Floats, datums: pd.Series | None, default: str | None = None) -> Wgs84Places:
    """Transform coordinates to WGS 84.

    Grids of PROJ that are not installed are not fetched; the most accurate operation that needs none is used.

    Parameters
    ----------
    x, y : ndarray of float64, shape (n,)
        Longitude and latitude in degrees, or easting and northing where the datum is a projected CRS. Degrees of a
        record that states a projected CRS are degrees of its datum.
    datums : Series of text, shape (n,), or None
        geodeticDatum of each record.
    default : str, optional
        Datum or CRS of records without one (`RecordFile.datum`); WGS 84 by default. A projected CRS also holds for
        records that state only its datum or WGS 84, because degrees are not metres.

    Returns
    -------
    Wgs84Places

    Raises
    ------
    OccurrenceError
        The default is not a datum or CRS that is known.
    """
    n = len(x)
    default_code = WGS84
    if default:
        found = find_crs(default) or (default if len(default) > 10 and is_usable(default) else None)
        if found is None:
            raise OccurrenceError(f"{default[:100]!r} is not a datum or CRS that is known; write a code, as EPSG:4326")
        default_code = found
    if datums is None:
        codes, texts = np.zeros(n, dtype=np.intp), [""]
    else:
        codes, different = pd.factorize(datums.astype(object))
        codes, texts = np.where(codes < 0, len(different), codes), [*map(str, different), ""]
    counts = np.bincount(codes, minlength=len(texts))
    projected = bool(default) and pyproj.CRS.from_user_input(default_code).is_projected
    longitude, latitude = np.array(x, dtype=np.float64), np.array(y, dtype=np.float64)
    failed, unrecognised = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
    assumed, operations, unknown = 0, {}, {}
    for number, text in enumerate(texts):
        if not counts[number]:
            continue
        code = find_crs(text)
        if code is None:
            code = default_code
            if not says_not_known(text):
                unknown[text] = int(counts[number])
                unrecognised[codes == number] = True
            assumed += int(counts[number]) if not default else 0
        elif projected and pyproj.CRS.from_user_input(code).is_geographic:
            code = default_code
        if code == WGS84:
            continue
        rows = np.flatnonzero(codes == number)
        parts = [(code, rows)]
        if text and geodetic_code(code) != code and not (projected and code == default_code):
            # decimalLatitude and decimalLongitude are degrees by definition: of the CRS, only the datum matters.
            with np.errstate(invalid="ignore"):
                degrees = (np.abs(x[rows]) <= _FARTHEST[0]) & (np.abs(y[rows]) <= _FARTHEST[1])
            parts = [(code, rows[~degrees]), (geodetic_code(code), rows[degrees])]
        for crs, places in parts:
            if not len(places) or crs == WGS84:
                continue
            longitude[places], latitude[places], sentence = _transform(crs, longitude[places], latitude[places])
            operations[text or default or crs] = sentence
            failed[places] = np.isfinite(x[places]) & np.isfinite(y[places]) & ~np.isfinite(longitude[places])
    return Wgs84Places(longitude, latitude, failed, unrecognised, assumed, operations, unknown)


def _transform(code: str, x: Floats, y: Floats) -> tuple[Floats, Floats, str]:
    """Return longitudes, latitudes and a sentence about the operations."""
    crs = pyproj.CRS.from_user_input(code)
    out_x, out_y = np.full(len(x), np.nan), np.full(len(y), np.nan)
    rest = np.isfinite(x) & np.isfinite(y)
    if crs.is_geographic:
        outside = rest & ((np.abs(x) > _FARTHEST[0]) | (np.abs(y) > _FARTHEST[1]))
        out_x[outside], out_y[outside] = x[outside], y[outside]
        rest &= ~outside
        places = x, y
    else:
        places = pyproj.Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True).transform(x, y, errcheck=False)
    operations = _operations(code)
    used = []
    for position, operation in enumerate(operations):
        # The most accurate operation that is made for the place. The last one does what is left.
        rows = np.flatnonzero(rest & (position == len(operations) - 1 or _covers(operation, *places)))
        if not len(rows):
            continue
        out_x[rows], out_y[rows] = _apply(operation, x[rows], y[rows], check=not crs.is_geographic)
        rest[rows] = False
        used.append(_describe(operation))
    if not used:
        reason = "no usable coordinates" if operations else "not possible without grids that are not installed"
        return out_x, out_y, f"{code} to WGS 84: {reason}"
    more = f" and {len(used) - _MOST_NAMED} more" if len(used) > _MOST_NAMED else ""
    return out_x, out_y, f"{code} to WGS 84: {'; '.join(used[:_MOST_NAMED])}{more}"


def _operations(code: str) -> list[pyproj.Transformer]:
    """Return the operations to WGS 84 that need no missing grid, the most accurate first."""
    set_network_enabled(active=False)
    with warnings.catch_warnings():
        # pyproj warns that a better operation would need a grid.
        warnings.simplefilter("ignore", UserWarning)
        try:
            group = TransformerGroup(code, WGS84, always_xy=True)
        except (ProjError, CRSError):
            return []
    return sorted(group.transformers, key=_accuracy)


def _accuracy(operation: pyproj.Transformer) -> float:
    """Return the accuracy of an operation in metres, infinity where it is not known."""
    accuracy = operation.accuracy
    return float(accuracy) if accuracy is not None and accuracy >= 0 else float("inf")


def _covers(operation: pyproj.Transformer, longitude: Floats, latitude: Floats) -> NDArray[np.bool_]:
    area = operation.area_of_use
    if area is None:
        return np.ones(len(longitude), dtype=bool)
    if area.west <= area.east:
        within = (longitude >= area.west) & (longitude <= area.east)
    else:
        # The area crosses the meridian of 180 degrees.
        within = (longitude >= area.west) | (longitude <= area.east)
    return np.asarray(within & (latitude >= area.south) & (latitude <= area.north))


def _apply(operation: pyproj.Transformer, x: Floats, y: Floats, *, check: bool) -> tuple[Floats, Floats]:
    new_x, new_y = operation.transform(x, y, errcheck=False)
    good = np.isfinite(new_x) & np.isfinite(new_y)
    if check:
        # Far outside its area a projection may return a place that has nothing to do with the coordinates.
        back_x, back_y = operation.transform(new_x, new_y, errcheck=False, direction=TransformDirection.INVERSE)
        with np.errstate(invalid="ignore"):
            good &= (np.abs(back_x - x) < _CLOSE_M) & (np.abs(back_y - y) < _CLOSE_M)
    return np.where(good, new_x, np.nan), np.where(good, new_y, np.nan)


def _describe(operation: pyproj.Transformer) -> str:
    steps = [step for step in operation.description.split(" + ") if not step.startswith("axis order change")]
    accuracy = _accuracy(operation)
    text = f"accurate to {accuracy:g} m" if np.isfinite(accuracy) else "accuracy not known"
    return f"{' + '.join(steps) or 'no change'} ({text})"
