"""Places of cells on the globe: centres, corners, and the centre of many of them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import pyproj
from numpy.typing import NDArray

from ml.layers.cells import GridLookup
from ml.recipes.reports import Grid

Floats = NDArray[np.float64]
Cells = NDArray[np.int64]
GEOD = pyproj.Geod(ellps="WGS84")
#: Length of a mean of directions below which the cells lie around the globe and have no centre.
_NO_CENTRE = 1e-6
_WINDS = ("north", "north-east", "east", "south-east", "south", "south-west", "west", "north-west")


class CellPlaces:
    """Places of the cells of a grid.

    Parameters
    ----------
    grid : Grid
    """

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        self._lookup = GridLookup(grid)

    def centres(self, row: Cells, column: Cells) -> tuple[Floats, Floats]:
        """Return longitude and latitude of the centres of cells, degrees of WGS 84; infinite beyond the globe."""
        return self._at(row.astype(np.float64) + 0.5, column.astype(np.float64) + 0.5)

    def corners(self, row: Cells, column: Cells) -> tuple[Floats, Floats]:
        """Return longitude and latitude of the four corners of each cell, shape (4 n,)."""
        rows = np.concatenate([row, row, row + 1, row + 1]).astype(np.float64)
        columns = np.concatenate([column, column + 1, column, column + 1]).astype(np.float64)
        return self._at(rows, columns)

    def _at(self, row: Floats, column: Floats) -> tuple[Floats, Floats]:
        grid = self.grid
        y = grid.north - row * grid.cell_y
        if self._lookup.geographic:
            y = np.clip(y, -90.0, 90.0)
        return self._lookup.to_degrees(grid.west + column * grid.cell_x, y)

    def side_km(self) -> float:
        """Return the longest side of the cells on the ground, kilometres, at five rows and columns of the grid."""
        grid = self.grid
        rows = np.unique(np.linspace(0, grid.height - 1, 5).astype(np.int64))
        if self._lookup.geographic:
            # the row that is nearest to the equator has the widest cells
            nearest = round(grid.north / grid.cell_y)
            rows = np.unique(np.append(rows, min(max(nearest, 0), grid.height - 1)))
        columns = np.unique(np.linspace(0, grid.width - 1, 5).astype(np.int64))
        row, column = (part.ravel() for part in np.meshgrid(rows, columns, indexing="ij"))
        lon, lat = (part.reshape(4, -1) for part in self.corners(row, column))
        known = np.isfinite(lon).all(axis=0) & np.isfinite(lat).all(axis=0)
        if not known.any():
            return math.inf
        lon, lat = lon[:, known], lat[:, known]
        sides = [
            np.asarray(GEOD.inv(lon[one], lat[one], lon[other], lat[other])[2])
            for one, other in ((0, 1), (0, 2), (1, 3), (2, 3))
        ]
        return float(np.max(sides)) / 1000.0


def directions(longitude: Floats, latitude: Floats) -> Floats:
    """Return unit vectors of places on the sphere, shape (n, 3)."""
    lon, lat = np.radians(longitude), np.radians(latitude)
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=1)


@dataclass
class Centre:
    """The centre of cells on the sphere, weighted by their areas.

    Attributes
    ----------
    total : ndarray of float64, shape (3,)
        Sum of the directions of the cells, times their areas.
    weight : float
        Sum of the areas.
    """

    total: Floats = field(default_factory=lambda: np.zeros(3))
    weight: float = 0.0

    def add(self, longitude: Floats, latitude: Floats, areas: Floats) -> None:
        """Add cells; those without a place on the globe are left out."""
        known = np.isfinite(longitude) & np.isfinite(latitude)
        self.total = self.total + areas[known] @ directions(longitude[known], latitude[known])
        self.weight += float(areas[known].sum())

    @property
    def direction(self) -> Floats | None:
        """Unit vector, or None without cells, and where the cells lie around the globe."""
        length = float(np.linalg.norm(self.total))
        return self.total / length if length > _NO_CENTRE * self.weight > 0.0 else None

    @property
    def place(self) -> tuple[float, float] | None:
        """Longitude and latitude in degrees, or None."""
        direction = self.direction
        if direction is None:
            return None
        x, y, z = direction.tolist()
        return math.degrees(math.atan2(y, x)), math.degrees(math.atan2(z, math.hypot(x, y)))


def movement(start: tuple[float, float], end: tuple[float, float]) -> tuple[float, float]:
    """Return the distance between two places on the ellipsoid in kilometres, and the bearing at the first in degrees.

    The bearing is clockwise from the north, from 0 to below 360.
    """
    bearing, _, metres = GEOD.inv(*start, *end)
    return metres / 1000.0, bearing % 360.0


def wind(bearing: float) -> str:
    """Return the compass direction of a bearing."""
    return _WINDS[round(bearing / 45.0) % 8]
