"""Places of the corners of cells in degrees of WGS 84, cut at the antimeridian and at the poles."""

from __future__ import annotations

import numpy as np
import pyproj
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from ml.recipes.reports import Grid

Floats = NDArray[np.float64]
_TURN, _POLE = 360.0, 90.0
#: Degrees within which a corner lies on a seam.
_NEAR = 1e-9
#: Degrees of longitude after which an edge that is straight in the projection has a point, and most points of an edge.
_BEND, _MOST_POINTS = 0.5, 64
#: Rows of cells whose corners are placed at once.
_ROWS = 256


class Globe:
    """The transformation from a grid to degrees of WGS 84.

    Parameters
    ----------
    grid : Grid

    Attributes
    ----------
    geographic : bool
        Whether the coordinates of the grid are longitude and latitude, so that edges of cells are straight in degrees.
    """

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        crs = pyproj.CRS.from_user_input(grid.crs)
        self.geographic = bool(crs.is_geographic)
        self._transformer = pyproj.Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
        #: Degrees of a unit of the axes of a geographic grid.
        self._unit = np.degrees(crs.axis_info[0].unit_conversion_factor) if self.geographic else 1.0

    def corners(self, column: Floats, row: Floats) -> tuple[Floats, Floats]:
        """Return longitude and latitude of corners of cells; NaN or infinite where they are not on the globe.

        Longitudes of a geographic grid go on beyond 180 degrees.
        """
        grid = self.grid
        x, y = grid.west + grid.cell_x * column, grid.north - grid.cell_y * row
        if not self.geographic:
            transformed = self._transformer.transform(x, y)
            longitude, latitude = (np.asarray(axis, float) for axis in transformed)
            # some inverse projections leave the globe without saying so
            return longitude, np.where(np.abs(latitude) <= _POLE + _NEAR, latitude, np.nan)
        y = np.clip(y, -_POLE / self._unit, _POLE / self._unit)
        near = (x * self._unit + 180.0) % _TURN - 180.0
        longitude, latitude = self._transformer.transform(near / self._unit, y)
        turned = np.asarray(longitude, float)
        turned = turned + _TURN * np.rint((x * self._unit - turned) / _TURN)
        return turned, np.clip(np.asarray(latitude, float), -_POLE, _POLE)

    def ring(self, column: Floats, row: Floats) -> tuple[Floats, Floats]:
        """Return longitude and latitude of a closed ring of corners, with points on edges that are bent in degrees.

        The points of an edge do not depend on its direction, so that neighbours have the same.
        """
        lon, lat = self.corners(column, row)
        turns = np.abs((np.diff(lon) + _TURN / 2) % _TURN - _TURN / 2)
        n = np.clip(np.ceil(turns / _BEND), 1, _MOST_POINTS).astype(np.int64)
        if (n == 1).all():
            return lon, lat
        edge = np.repeat(np.arange(len(n)), n)
        step = np.arange(len(edge)) - np.repeat(np.cumsum(n) - n, n)
        backward = (np.diff(column) + np.diff(row) < 0)[edge]
        share = np.where(backward, n[edge] - step, step) / n[edge]
        points = []
        for axis in (column, row):
            low, high = np.minimum(axis[:-1], axis[1:])[edge], np.maximum(axis[:-1], axis[1:])[edge]
            points.append(np.append(low + (high - low) * share, axis[-1]))
        lon, lat = self.corners(points[0], points[1])
        # an edge along the cut of an interrupted projection has points that are not on the globe
        known = np.isfinite(lon) & np.isfinite(lat)
        return lon[known], lat[known]


class Cells:
    """The squares of cells of a grid.

    Parameters
    ----------
    globe : Globe
    factor : int
        Rows and columns of cells in a square.
    shape : tuple of int
        Rows and columns of squares.
    """

    def __init__(self, globe: Globe, factor: int, shape: tuple[int, ...]) -> None:
        self._globe, self._factor, self._shape = globe, factor, shape
        grid = globe.grid
        #: Whether areas at one end of the grid go on at its other end.
        self.wraps = globe.geographic and self._span() >= _TURN - 1e-6
        self._columns = np.minimum(np.arange(shape[1] + 1) * factor, grid.width).astype(float)
        self._rows = np.minimum(np.arange(shape[0] + 1) * factor, grid.height).astype(float)

    def _span(self) -> float:
        ends, _ = self._globe.corners(np.array([0.0, self._globe.grid.width]), np.zeros(2))
        return float(ends[1] - ends[0])

    def split(self, mask: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], list[BaseGeometry]]:
        """Return the squares that lie beside a seam, and the polygons of those on one, cut.

        Squares with a corner that is not on the globe are left out.
        """
        if self._globe.geographic:
            return mask, []
        plain, pieces = mask.copy(), []
        for top in range(0, self._shape[0], _ROWS):
            part = mask[top : top + _ROWS]
            if not part.any():
                continue
            row, column = np.meshgrid(self._rows[top : top + len(part) + 1], self._columns, indexing="ij")
            lon, lat = self._globe.corners(column, row)
            quads = [np.stack([one[:-1, :-1], one[1:, :-1], one[1:, 1:], one[:-1, 1:]], axis=-1) for one in (lon, lat)]
            known = (np.isfinite(quads[0]) & np.isfinite(quads[1])).all(axis=-1)
            with np.errstate(invalid="ignore"):
                seam = np.ptp(quads[0], axis=-1) > _TURN / 2
                seam |= (np.abs(quads[1]) > _POLE - _NEAR).any(axis=-1)
            plain[top : top + len(part)] &= known & ~seam
            for below, right in zip(*np.nonzero(part & known & seam), strict=True):
                around = [right, right, right + 1, right + 1, right], [0, 1, 1, 0, 0]
                ring = self._globe.ring(self._columns[around[0]], self._rows[top + below + np.array(around[1])])
                pieces += _pieces(ring[0][:-1], ring[1][:-1])
        return plain, pieces

    def place(self, polygon: BaseGeometry) -> BaseGeometry:
        """Return a polygon of rows and columns of squares in degrees, cut at the antimeridian.

        Every corner of a square along the edges of a projected grid is a corner of the polygon.
        """
        if self._globe.geographic:
            return _cut(
                shapely.transform(polygon, lambda corners: np.stack(self._globe.corners(*self._at(corners)), 1))
            )
        rings = []
        for ring in (polygon.exterior, *polygon.interiors):
            corners = shapely.get_coordinates(shapely.segmentize(ring, 1.0))
            rings.append(_same_side(*self._globe.ring(*self._at(corners))))
        return shapely.Polygon(rings[0], rings[1:])

    def _at(self, corners: Floats) -> tuple[Floats, Floats]:
        """Return columns and rows of cells of corners of squares."""
        column, row = np.rint(corners.T).astype(np.int64)
        return self._columns[column], self._rows[row]


def _same_side(lon: Floats, lat: Floats) -> Floats:
    """Return a ring that does not cross the antimeridian; its corners on it get the sign of the others."""
    if np.ptp(lon) > _TURN / 2:
        lon = np.unwrap(lon, period=_TURN)
        lon = lon - _TURN * np.rint((lon.min() + lon.max()) / 2.0 / _TURN)
    return np.stack([lon, lat], axis=1)


def _pieces(lon: Floats, lat: Floats) -> list[BaseGeometry]:
    """Return the polygons of a square on a seam."""
    polar = np.abs(lat) > _POLE - _NEAR
    if polar.all():
        return []
    if polar.any():
        # the pole is a line in degrees, between the meridians of the neighbouring corners
        at = int(np.flatnonzero(polar)[0])
        lon, lat = np.roll(lon, -at), np.roll(lat, -at)
        rest = np.unwrap(lon[1:], period=_TURN)
        lon, lat = np.array([rest[0], *rest, rest[-1]]), np.array([lat[0], *lat[1:], lat[0]])
    else:
        around = np.unwrap(np.append(lon, lon[0]), period=_TURN)
        lat = np.append(lat, lat[0])
        lon = around
        if abs(around[-1] - around[0]) > _TURN / 2:
            pole = np.copysign(_POLE, lat.mean())
            lon, lat = np.array([*lon, lon[-1], lon[0]]), np.array([*lat, pole, pole])
    return [one for one in [_cut(shapely.make_valid(shapely.Polygon(np.stack([lon, lat], axis=1))))] if one.area > 0]


def _cut(polygon: BaseGeometry) -> BaseGeometry:
    """Return a polygon with its parts turned to longitudes from -180 to 180."""
    west, _, east, _ = shapely.bounds(polygon)
    turns = range(int(np.floor((west + 180.0) / _TURN)), int(np.ceil((east + 180.0) / _TURN)))
    if len(turns) <= 1:
        turn = turns[0] if len(turns) else 0
        return polygon if not turn else shapely.transform(polygon, lambda xy: xy - [turn * _TURN, 0.0])
    polygon = shapely.make_valid(polygon)
    parts = []
    for turn in turns:
        side = shapely.box(turn * _TURN - 180.0, -_POLE, turn * _TURN + 180.0, _POLE)
        part = shapely.intersection(polygon, side)
        parts.append(shapely.transform(part, lambda xy, turn=turn: xy - [turn * _TURN, 0.0]))
    return shapely.union_all(parts)
