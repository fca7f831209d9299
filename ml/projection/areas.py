"""Areas of the cells of a grid on the ellipsoid."""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np
import pyproj
from numpy.typing import NDArray

from ml.recipes.reports import Grid

Floats = NDArray[np.float64]
#: Most cells, and most kilometres, between the nodes at which areas are computed; between them they are interpolated.
_STEP, _STEP_KM = 16, 50.0
_KM_OF_DEGREE = 111.0


class CellAreas:
    """Areas of cells, in square kilometres.

    Parameters
    ----------
    grid : Grid

    Notes
    -----
    A cell in degrees lies between two meridians and two parallels, whose area on the ellipsoid has a closed form; cells
    of a row are equal. Columns that repeat others after a turn around the globe have no area. A cell of a projected
    grid, or of one with a rotated pole, is the geodesic quadrilateral of its four corners
    (`pyproj.Geod.polygon_area_perimeter`), computed in rows and columns that are at most 16 cells and 50 km apart, and
    interpolated between them; beside places that are not on the globe, each cell is computed. Where a corner has no
    place on the globe, the area in the plane of the projection is taken.
    """

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        self._crs = pyproj.CRS.from_user_input(grid.crs)
        self._geod = self._crs.get_geod() or pyproj.Geod(ellps="WGS84")
        # a grid with a rotated pole is in degrees too, which are no meridians and parallels
        self._is_in_degrees = self._crs.is_geographic and not self._crs.is_derived

    def of(self, rows: slice, columns: slice) -> Floats:
        """Return the areas of a window, shape (rows, columns) or, where they are equal in a row, (rows, 1)."""
        if self._is_in_degrees:
            edges = self.grid.north - self.grid.cell_y * np.arange(rows.start, rows.stop + 1)
            zones = self._zone(np.clip(edges * self._unit, -math.pi / 2, math.pi / 2))
            width = min(self.grid.cell_x * self._unit, 2.0 * math.pi)
            areas = np.asarray(width * (zones[:-1] - zones[1:]) / 1e6)[:, None]
            return areas * self._is_first[columns] if not self._is_first.all() else areas
        down, across = _nodes(rows, self._step), _nodes(columns, self._step)
        areas = self._computed(*np.meshgrid(down, across, indexing="ij"))
        # First along the columns, then along the rows.
        row, column = np.arange(rows.start, rows.stop), np.arange(columns.start, columns.stop)
        partly = np.stack([np.interp(column, across, line) for line in areas])
        result = np.stack([np.interp(row, down, line) for line in partly.T], axis=1)
        beside = np.nonzero(np.isnan(result))
        if len(beside[0]):
            exact = self._computed(row[beside[0]], column[beside[1]])
            result[beside] = np.where(np.isnan(exact), self._plane, exact)
        return result

    @cached_property
    def _is_first(self) -> NDArray[np.bool_]:
        """Whether each column of a grid in degrees is none that comes again after a turn around the globe."""
        # half a cell is the tolerance of edges that are written with few digits
        begins = self.grid.cell_x * self._unit * (np.arange(self.grid.width) + 0.5)
        return np.asarray(begins < 2.0 * math.pi)

    @cached_property
    def _step(self) -> int:
        """Cells between nodes."""
        sides = self.grid.cell_x, self.grid.cell_y
        if self._crs.is_geographic:
            longest = max(sides) * self._unit * 180.0 / math.pi * _KM_OF_DEGREE
        else:
            longest = max(sides) * self._metres / 1000.0
        return int(min(_STEP, max(1.0, _STEP_KM // longest)))

    @cached_property
    def _metres(self) -> float:
        """Metres of one unit of the axes of a projected grid."""
        return float(self._crs.axis_info[0].unit_conversion_factor) if self._crs.axis_info else 1.0

    @cached_property
    def _plane(self) -> float:
        """Square kilometres of a cell in the plane of the projection."""
        metres = self._metres if not self._crs.is_geographic else 1000.0 * _KM_OF_DEGREE * self._unit * 180.0 / math.pi
        return float(self.grid.cell_x * self.grid.cell_y * metres * metres / 1e6)

    @cached_property
    def _unit(self) -> float:
        """Radians of one unit of the axes."""
        axes = self._crs.axis_info
        return float(axes[0].unit_conversion_factor) if axes else math.pi / 180.0

    def _zone(self, latitude: Floats) -> Floats:
        """Return the area between the equator and a latitude, for each radian of longitude, square metres."""
        b, squared = self._geod.b, self._geod.es
        sine = np.sin(latitude)
        if squared == 0.0:
            return np.asarray(b * b * sine)
        e = math.sqrt(squared)
        return np.asarray(b * b / 2.0 * (sine / (1.0 - squared * sine * sine) + np.arctanh(e * sine) / e))

    @cached_property
    def _to_degrees(self) -> pyproj.Transformer:
        return pyproj.Transformer.from_crs(self._crs, self._crs.geodetic_crs, always_xy=True)

    def _computed(self, row: NDArray[np.int64], column: NDArray[np.int64]) -> Floats:
        """Return the areas of cells, NaN where a corner has no place on the globe."""
        grid = self.grid
        west, north = grid.west + grid.cell_x * column, grid.north - grid.cell_y * row
        corners = [
            self._to_degrees.transform(west + right * grid.cell_x, north - below * grid.cell_y)
            for right, below in ((0, 0), (0, 1), (1, 1), (1, 0))
        ]
        longitude = np.stack([np.asarray(corner[0], float) for corner in corners], axis=-1).reshape(-1, 4)
        latitude = np.stack([np.asarray(corner[1], float) for corner in corners], axis=-1).reshape(-1, 4)
        areas = np.full(len(longitude), np.nan)
        for n in np.flatnonzero(np.isfinite(longitude).all(axis=1) & np.isfinite(latitude).all(axis=1)):
            areas[n] = abs(self._geod.polygon_area_perimeter(longitude[n], latitude[n])[0])
        return areas.reshape(row.shape) / 1e6


def _nodes(part: slice, step: int) -> NDArray[np.int64]:
    """Return positions in a part, both ends among them, that are multiples of the step where they can be.

    They do not depend on how a grid is divided, except for the ends.
    """
    inner = np.arange(-(-part.start // step) * step, part.stop, step)
    return np.unique(np.concatenate([[part.start], inner, [part.stop - 1]])).astype(np.int64)
