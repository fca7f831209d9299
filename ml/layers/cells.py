"""Which cell of a grid a place is in: one look-up for records, layers and places, without GDAL."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ml.recipes.reports import Grid

Floats = NDArray[np.float64]
#: Grids whose coordinates are those of places, so that PROJ is not needed. Importing it takes 80 ms.
_DEGREES_OF_WGS84 = frozenset({"EPSG:4326", "OGC:CRS84"})


class GridLookup:
    """The cells of a grid, numbered row by row from the north-west.

    Parameters
    ----------
    grid : Grid

    Attributes
    ----------
    geographic : bool
        Whether the coordinates of the grid are degrees.
    """

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        self._to_grid: Any = None
        self.geographic = grid.crs in _DEGREES_OF_WGS84
        if not self.geographic:
            import pyproj

            crs = pyproj.CRS.from_user_input(grid.crs)
            self.geographic = bool(crs.is_geographic)
            self._to_grid = pyproj.Transformer.from_crs("EPSG:4326", crs, always_xy=True)

    def cell_of(self, longitude: ArrayLike, latitude: ArrayLike) -> NDArray[np.int64]:
        """Return the number of the cell of each place, -1 outside the grid and where a coordinate is not finite.

        Parameters
        ----------
        longitude, latitude : array-like, shape (n,)
            Degrees of WGS 84; any turn of longitude up to 360° to both sides. Cells contain their western and northern
            edges.

        Returns
        -------
        ndarray of int64, shape (n,)
        """
        lon, lat = np.asarray(longitude, dtype=np.float64), np.asarray(latitude, dtype=np.float64)
        possible = np.isfinite(lon) & np.isfinite(lat) & (np.abs(lat) <= 90.0) & (np.abs(lon) <= 360.0)
        cells = np.full(lon.shape, -1, dtype=np.int64)
        if not possible.any():
            return cells
        grid = self.grid
        x, y = lon[possible], lat[possible]
        if self._to_grid is not None:
            x, y = (np.asarray(axis) for axis in self._to_grid.transform(x, y))
        across = x - grid.west
        if self.geographic:
            across = across % 360.0
            # the remainder of a longitude just west of the edge is rounded to 360
            across = np.where(across == 360.0, 0.0, across)
        with np.errstate(invalid="ignore"):
            column = np.floor(across / grid.cell_x)
            row = np.floor((grid.north - y) / grid.cell_y)
            if self.geographic:
                # no cell begins at the South Pole, so that it belongs to the last row of a global grid
                end = grid.north - grid.height * grid.cell_y
                row = np.where((y == -90.0) & (abs(end + 90.0) < 1e-9), grid.height - 1, row)
            inside = (column >= 0) & (column < grid.width) & (row >= 0) & (row < grid.height)
        places = np.flatnonzero(possible)[inside]
        cells[places] = (row[inside] * grid.width + column[inside]).astype(np.int64)
        return cells

    def to_degrees(self, x: ArrayLike, y: ArrayLike) -> tuple[Floats, Floats]:
        """Return longitude (-180 to below 180) and latitude of coordinates of the grid, degrees of WGS 84."""
        longitude, latitude = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
        if self._to_grid is not None:
            longitude, latitude = (np.asarray(a) for a in self._to_grid.transform(x, y, direction="INVERSE"))
        with np.errstate(invalid="ignore"):
            return (longitude + 180.0) % 360.0 - 180.0, latitude

    def have_places(self, x: ArrayLike, y: ArrayLike) -> NDArray[np.bool_]:
        """Return which coordinates of the grid have a place on Earth.

        Parameters
        ----------
        x, y : array-like, shape (n,)

        Returns
        -------
        ndarray of bool, shape (n,)
            False beyond a pole, where the projection has no inverse, and where the place that it gives lies in another
            cell.
        """
        across, down = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
        longitude, latitude = self.to_degrees(across, down)
        known = np.isfinite(longitude) & np.isfinite(latitude) & (np.abs(latitude) <= 90.0)
        if self.geographic or self._to_grid is None:
            return np.asarray(known)
        back = (np.asarray(axis) for axis in self._to_grid.transform(longitude, latitude))
        with np.errstate(invalid="ignore"):
            for axis, former, size in zip(back, (across, down), (self.grid.cell_x, self.grid.cell_y), strict=True):
                known &= np.abs(axis - former) < size
        return np.asarray(known)

    def centres_have_places(self, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which cells of some rows and columns have a centre on Earth, shape (rows, columns)."""
        grid = self.grid
        x, y = grid.west + grid.cell_x * (columns + 0.5), grid.north - grid.cell_y * (rows + 0.5)
        shape = len(rows), len(columns)
        if self.geographic:
            # no place of a row differs from the others
            return np.broadcast_to(self.have_places(np.full(len(rows), grid.west), y)[:, None], shape)
        return self.have_places(np.tile(x, len(rows)), np.repeat(y, len(columns))).reshape(shape)
