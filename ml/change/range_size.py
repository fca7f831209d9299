"""Area of occupancy and extent of occurrence of the cells of a map, by IUCN's definitions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ml.change.places import GEOD, CellPlaces, Centre, directions
from ml.recipes.reports import Grid

Floats = NDArray[np.float64]
SOURCE: Final = (
    "IUCN Standards and Petitions Committee. 2022. Guidelines for Using the IUCN Red List Categories and Criteria. "
    "Version 15.1, sections 4.9 and 4.10."
)
DEFINITIONS: Final = (
    "AOO is the area of the cells of a grid of 2 × 2 km that are occupied; EOO is the area of the smallest polygon "
    f"without an internal angle above 180° that contains all sites ({SOURCE}) Both are of cells that the model calls "
    "suitable, which are not occupied for that reason: they are upper bounds, and no assessment."
)
#: Side of IUCN's cells, metres, and the radius of the sphere with the area of the ellipsoid.
_SIDE, _RADIUS = 2_000.0, 6_371_007.2
#: Sides of cells of 1 km in a projection can be longer by this factor on the ellipsoid.
_DISTORTION = 1.01
_BANDS = math.ceil(math.pi * _RADIUS / _SIDE)
#: Cosine of the largest angle between the centre and a cell for which a polygon is made: 89.4 degrees.
_FARTHEST = 0.01


@cache
def _grid() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the number of cells of each band of 2 km from the south, and the number of the first one."""
    middle = (np.arange(_BANDS) + 0.5) * _SIDE / _RADIUS - math.pi / 2
    counts = np.maximum(1, np.round(2 * math.pi * _RADIUS * np.maximum(np.cos(middle), 0.0) / _SIDE)).astype(np.int64)
    return counts, np.concatenate([[0], np.cumsum(counts)])


def iucn_cells(longitude: Floats, latitude: Floats) -> NDArray[np.int64]:
    """Return the numbers of the cells of 2 × 2 km of places: bands along the parallels, each divided evenly."""
    counts, first = _grid()
    band = np.clip(np.floor(np.radians(latitude + 90.0) * _RADIUS / _SIDE), 0, _BANDS - 1).astype(np.int64)
    share = ((longitude + 180.0) % 360.0) / 360.0
    return first[band] + np.minimum(np.floor(share * counts[band]).astype(np.int64), counts[band] - 1)


class RangeSize:
    """AOO and EOO of cells that are added window by window.

    Parameters
    ----------
    grid : Grid
    centre : Centre
        Of the same cells.
    """

    def __init__(self, grid: Grid, centre: Centre) -> None:
        self._places = CellPlaces(grid)
        self._side = self._places.side_km()
        self._centre = centre.direction
        # pages that are never written take no memory
        self._occupied = np.zeros(int(_grid()[1][-1]), bool) if self._has_aoo else None
        self._hull = np.zeros((0, 2))
        self._is_wide = False
        self._area = 0.0
        self._any = False

    @property
    def _has_aoo(self) -> bool:
        # A larger cell can overlap more cells of IUCN's grid than the one of its centre: AOO would be too small.
        return self._side <= _SIDE / 2000.0 * _DISTORTION

    def add(self, rows: slice, columns: slice, inside: NDArray[np.bool_], areas: Floats) -> None:
        """Add the cells of a window.

        Parameters
        ----------
        rows, columns : slice
        inside : ndarray of bool, shape (rows, columns)
            Which cells belong to the range.
        areas : ndarray of float64, shape (rows, columns)
            Square kilometres.
        """
        if not inside.any():
            return
        self._any = True
        self._area += float(areas[inside].sum())
        if self._occupied is not None:
            row, column = np.nonzero(inside)
            lon, lat = self._places.centres(row + rows.start, column + columns.start)
            known = np.isfinite(lon) & np.isfinite(lat)
            self._occupied[iucn_cells(lon[known], lat[known])] = True
        if self._centre is not None and not self._is_wide:
            row, column = np.nonzero(_edge(inside))
            self._add_corners(*self._places.corners(row + rows.start, column + columns.start))

    def _add_corners(self, longitude: Floats, latitude: Floats) -> None:
        assert self._centre is not None  # noqa: S101  (for the type checker)
        known = np.isfinite(longitude) & np.isfinite(latitude)
        points = directions(longitude[known], latitude[known])
        toward = points @ self._centre
        if not len(points):
            return
        if toward.min() < _FARTHEST:
            self._is_wide = True
            return
        self._hull = convex_hull(np.concatenate([self._hull, _on_plane(self._centre, points)]))

    def aoo(self) -> dict[str, Any]:
        """Return the area of occupancy; an upper bound where the cells are larger than IUCN's."""
        if self._occupied is None:
            size = f"{self._side:.3g} km" if math.isfinite(self._side) else "an unknown size"
            return {
                "km2": None,
                "cells": None,
                "upper_bound_km2": self._area,
                "note": f"The cells of the layers are up to {size} wide, so that AOO cannot be computed at its scale "
                "of 2 × 2 km; the area of the suitable cells is an upper bound.",
            }
        n = int(np.count_nonzero(self._occupied))
        note = "Cells of 2 × 2 km that contain the centre of a suitable cell."
        return {"km2": 4.0 * n, "cells": n, "upper_bound_km2": None, "note": note}

    def eoo(self) -> dict[str, Any]:
        """Return the extent of occurrence: the smallest convex polygon around all cells."""
        if not self._any:
            return {"km2": 0.0, "note": "No cell is suitable."}
        if self._is_wide or self._centre is None or len(self._hull) < 3:
            return {"km2": None, "note": "The suitable cells lie around more than half of the globe."}
        area = _polygon_km2(self._centre, self._hull)
        return {"km2": area, "note": "Smallest convex polygon around the suitable cells, on the ellipsoid."}


@dataclass(frozen=True)
class RecordsSize:
    """AOO and EOO of records.

    Attributes
    ----------
    aoo_km2 : float
    eoo_km2 : float or None
        None for records around more than half of the globe.
    """

    aoo_km2: float
    eoo_km2: float | None


def size_of_records(places: Sequence[tuple[float, float]]) -> RecordsSize | None:
    """Return AOO and EOO of places, or None where there are none.

    Parameters
    ----------
    places : sequence of (float, float)
        Longitude and latitude, degrees of WGS 84.
    """
    if not places:
        return None
    longitude, latitude = np.asarray(places, np.float64).T
    aoo = 4.0 * len(np.unique(iucn_cells(longitude, latitude)))
    points = directions(longitude, latitude)
    middle = points.mean(axis=0)
    length = float(np.linalg.norm(middle))
    if length == 0.0 or (points @ (middle / length)).min() < _FARTHEST:
        return RecordsSize(aoo, None)
    hull = convex_hull(_on_plane(middle / length, points))
    # fewer than three corners have no area
    return RecordsSize(aoo, _polygon_km2(middle / length, hull) if len(hull) > 2 else 0.0)


def _on_plane(centre: Floats, points: Floats) -> Floats:
    """Return directions on a plane that touches the sphere in the centre, where great circles are straight lines."""
    east, north = _axes(centre)
    return np.stack([points @ east, points @ north], axis=1) / (points @ centre)[:, None]


def _polygon_km2(centre: Floats, hull: Floats) -> float:
    """Return the area on the ellipsoid of a polygon of the plane that touches the sphere in the centre."""
    east, north = _axes(centre)
    points = centre + hull[:, :1] * east + hull[:, 1:] * north
    lon = np.degrees(np.arctan2(points[:, 1], points[:, 0]))
    lat = np.degrees(np.arctan2(points[:, 2], np.hypot(points[:, 0], points[:, 1])))
    return abs(float(GEOD.polygon_area_perimeter(lon, lat)[0])) / 1e6


def _edge(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the cells with a neighbour that does not belong to them; the others cannot have a corner of a hull."""
    padded = np.pad(inside, 1)
    within = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return inside & ~within


def _axes(direction: Floats) -> tuple[Floats, Floats]:
    """Return two unit vectors that are at right angles to a direction and to each other, counter-clockwise."""
    other = np.array([0.0, 0.0, 1.0]) if abs(direction[2]) < 0.9 else np.array([1.0, 0.0, 0.0])
    east = np.cross(other, direction)
    east /= np.linalg.norm(east)
    return east, np.cross(direction, east)


def convex_hull(points: Floats) -> Floats:
    """Return the vertices of the convex hull of points of a plane, counter-clockwise (Andrew 1979).

    Parameters
    ----------
    points : ndarray of float64, shape (n, 2)
    """
    points = np.unique(_extremes(points), axis=0)
    if len(points) < 3:
        return points
    rows = points.tolist()
    halves = [_half(rows), _half(rows[::-1])]
    return np.array([*halves[0][:-1], *halves[1][:-1]])


def _half(points: list[list[float]]) -> list[list[float]]:
    hull: list[list[float]] = []
    for x, y in points:
        while len(hull) > 1:
            (ax, ay), (bx, by) = hull[-2:]
            if (bx - ax) * (y - ay) - (by - ay) * (x - ax) > 0.0:
                break
            hull.pop()
        hull.append([x, y])
    return hull


def _extremes(points: Floats) -> Floats:
    """Return the points without most of those inside the hull: those inside a polygon of the extremes of 16 directions.

    The polygon is convex, so that a point to the left of all of its sides lies inside.
    """
    angles = np.arange(16) * (2 * math.pi / 16)
    best = np.unique(np.argmax(points @ np.stack([np.cos(angles), np.sin(angles)]), axis=0))
    if len(points) < 64 or len(best) < 3:
        return points
    corners = points[best]
    middle = corners.mean(axis=0)
    corners = corners[np.argsort(np.arctan2(*(corners - middle).T[::-1]))]
    left = np.ones(len(points), bool)
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        side = end - start
        left &= side[0] * (points[:, 1] - start[1]) - side[1] * (points[:, 0] - start[0]) > 0.0
    return points[~left]
