"""Background points: a sample of the available environment inside a study's extent (Phillips et al. 2006)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray

from ml.layers.shapefile import read_polygons

Floats = NDArray[np.float64]


class BackgroundError(ValueError):
    """The background cannot be drawn; the message says why."""


@dataclass(frozen=True)
class Extent:
    """A box of longitudes and latitudes in degrees; `west` above `east` crosses the antimeridian."""

    west: float
    south: float
    east: float
    north: float

    def __post_init__(self) -> None:
        if not (-90.0 <= self.south < self.north <= 90.0):
            raise BackgroundError("south must be below north, both within -90..90")
        if not all(-180.0 <= edge <= 180.0 for edge in (self.west, self.east)) or self.west == self.east:
            raise BackgroundError("west and east must differ, both within -180..180")

    def holds(self, longitude: ArrayLike, latitude: ArrayLike) -> NDArray[np.bool_]:
        """Return which points lie inside, edges included; shape (n,) in and out."""
        lon = (np.asarray(longitude, dtype=np.float64) - self.west) % 360.0
        lat = np.asarray(latitude, dtype=np.float64)
        # From -180 to 180 is a full turn, not none.
        width = 360.0 if self.east - self.west == 360.0 else (self.east - self.west) % 360.0
        return (lon <= width) & (lat >= self.south) & (lat <= self.north)


def read_land(path: Path) -> shapely.Geometry:
    """Read a land outline (polygons in degrees) as one geometry.

    Parameters
    ----------
    path : Path
        The ``.shp`` file of a shapefile.

    Returns
    -------
    Geometry
        Prepared for many tests of points.

    Raises
    ------
    BackgroundError
        The file cannot be read.
    """
    try:
        polygons = read_polygons(path)
    except (OSError, ValueError) as error:
        raise BackgroundError(f"{path.name} cannot be read as a map: {error}") from error
    land = shapely.union_all(shapely.make_valid(polygons))
    shapely.prepare(land)
    return land


def on_land(land: shapely.Geometry, longitude: ArrayLike, latitude: ArrayLike) -> NDArray[np.bool_]:
    """Return which points lie on land.

    Parameters
    ----------
    land : Geometry
        From `read_land`.
    longitude, latitude : array-like, shape (n,)
        Degrees; any turn of longitude.

    Returns
    -------
    ndarray of bool, shape (n,)
    """
    lon = (np.asarray(longitude, dtype=np.float64) + 180.0) % 360.0 - 180.0
    return np.asarray(shapely.contains_xy(land, lon, np.asarray(latitude, dtype=np.float64)), dtype=bool)


def candidate_cells(
    longitude: ArrayLike,
    latitude: ArrayLike,
    extent: Extent,
    surface: Literal["sea", "land", "any"] = "any",
    land: shapely.Geometry | None = None,
) -> Floats:
    """Return the centres of a grid's cells inside an extent, on land or at sea.

    Parameters
    ----------
    longitude : array-like, shape (n_columns,)
        Cell centres, degrees; any turn.
    latitude : array-like, shape (n_rows,)
    extent : Extent
    surface : {"sea", "land", "any"}
    land : Geometry, optional
        Needed unless `surface` is "any".

    Returns
    -------
    ndarray of float64, shape (n_cells, 2)
        Longitude (-180 to below 180) and latitude, row by row.

    Raises
    ------
    BackgroundError
        There is no land outline to tell land from sea.
    """
    lon = (np.asarray(longitude, dtype=np.float64) + 180.0) % 360.0 - 180.0
    grid_lon, grid_lat = np.meshgrid(lon, np.asarray(latitude, dtype=np.float64))
    inside = extent.holds(grid_lon, grid_lat)
    cells = np.column_stack([grid_lon[inside], grid_lat[inside]])
    if surface == "any":
        return cells
    if land is None:
        raise BackgroundError("a land outline is needed to tell land from sea")
    is_land = on_land(land, cells[:, 0], cells[:, 1])
    return cells[is_land if surface == "land" else ~is_land]


def sample_background(cells: Floats, n: int, seed: int) -> Floats:
    """Draw cells without replacement, each in proportion to its area on the ground.

    Parameters
    ----------
    cells : ndarray, shape (n_cells, 2)
        Longitude and latitude of the centres of cells of equal size in degrees.
    n : int
        Number of cells to draw; all are taken when there are no more.
    seed : int
        The same seed gives the same cells.

    Returns
    -------
    ndarray of float64, shape (min(n, n_cells), 2)
        In the order of `cells`.

    Raises
    ------
    BackgroundError
        There are no cells, or `n` is below 1.

    References
    ----------
    Phillips, Anderson & Schapire 2006, Ecological Modelling 190: 231-259, doi 10.1016/j.ecolmodel.2005.03.026.
    """
    if not len(cells):
        raise BackgroundError("no cell of the grid lies in the extent")
    if n < 1:
        raise BackgroundError("at least one background point is needed")
    area = np.cos(np.radians(cells[:, 1])).clip(min=0.0)
    # The area of a cell centred at a pole is 0.
    possible = np.flatnonzero(area > 1e-12)
    if n >= possible.size:
        return cells[possible]
    weight = area[possible] / area[possible].sum()
    return np.asarray(cells[np.sort(np.random.default_rng(seed).choice(possible, size=n, replace=False, p=weight))])
