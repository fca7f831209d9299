"""Orientation of grids: north up, longitudes from -180 to 180. Nothing is read."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from ml.layers.errors import LayerError
from ml.recipes.reports import Grid

#: Grids are the same if their origins and sizes differ by less than this share of a cell.
TOLERANCE = 1e-3
#: Largest coordinate.
_LARGEST = 1e11
#: Texts that mean longitudes and latitudes of WGS 84.
WGS84 = ("EPSG:4326", "OGC:CRS84", "WGS84", "WGS 84")


def normal_crs(text: str) -> str:
    """Return a CRS as it is compared: "EPSG:4326" for longitudes and latitudes of WGS 84, and codes in capitals."""
    text = text.strip()
    if text.upper() in WGS84:
        return "EPSG:4326"
    if re.fullmatch(r"\d{4,6}", text):
        return f"EPSG:{text}"
    return text.upper() if re.fullmatch(r"[A-Za-z]+:\d+", text) else text


@dataclass(frozen=True)
class Placement:
    """How a stored raster becomes a grid that is north up.

    Parameters
    ----------
    grid : Grid
    flip : bool
        The first row of the file is the southernmost.
    roll : int
        Column of the file that is the first of the grid; the columns before it follow the last.
    notes : tuple of str
        What was done.
    """

    grid: Grid
    flip: bool
    roll: int
    notes: tuple[str, ...] = ()


def place(
    name: str,
    width: int,
    height: int,
    transform: tuple[float, float, float, float, float, float],
    crs: str,
    geographic: bool,
) -> Placement:
    """Return how a raster is turned north up and its longitudes to -180…180.

    Parameters
    ----------
    name : str
        For messages.
    width, height : int
    transform : tuple of 6 floats
        (a, b, c, d, e, f): x = a · column + b · row + c, y = d · column + e · row + f.
    crs : str
        Empty where it is not known.
    geographic : bool
        The CRS is one of longitudes and latitudes.

    Raises
    ------
    LayerError
        The grid is rotated or mirrored.
    """
    a, b, west, d, e, top = transform
    if not all(abs(number) <= _LARGEST for number in transform) or width < 1 or height < 1:
        raise LayerError(f"{name} has an impossible georeference: {', '.join(f'{number:g}' for number in transform)}")
    if abs(b) > 1e-9 * abs(a) or abs(d) > 1e-9 * abs(e):
        raise LayerError(
            f"{name} is rotated: its rows do not run from west to east. Warp it to a grid that is north up "
            "(gdalwarp, or terra::rectify in R)"
        )
    if a <= 0.0 or e == 0.0:
        raise LayerError(f"{name} is mirrored: its columns run from east to west. Warp it to a grid that is north up")
    notes = []
    flip = e > 0.0
    north = top + e * height if flip else top
    if flip:
        notes.append("rows run from south to north in the file; they were turned")
    roll = 0
    if geographic:
        shifted, roll = turn_longitudes(west, a, width)
        if shifted != west:
            notes.append("longitudes of 0–360 were turned to −180…180")
        west = shifted
    grid = Grid(crs=crs, width=width, height=height, west=west, north=north, cell_x=a, cell_y=abs(e))
    return Placement(grid, flip, roll, tuple(notes))


def turn_longitudes(west: float, cell: float, width: int) -> tuple[float, int]:
    """Return the western edge after longitudes from 180 on were moved to the west, and the first column.

    A grid that crosses the antimeridian without going round the globe stays in one piece, with longitudes above 180.
    """
    # Columns with their centre below 180.
    below = max(0, min(width, math.ceil((180.0 - west - cell / 2.0) / cell - 1e-6)))
    if below == width:
        return west, 0
    if below == 0:
        return west - 360.0, 0
    if abs(width * cell - 360.0) < cell / 2.0:
        return west + below * cell - 360.0, below
    return west, 0


def goes_round(grid: Grid) -> bool:
    """Return whether a grid of degrees goes round the globe."""
    return abs(grid.width * grid.cell_x - 360.0) < grid.cell_x / 2.0


def same_grid(one: Grid, other: Grid) -> bool:
    """Return whether two grids have the same cells."""
    return one.width == other.width and one.height == other.height and offset_of(one, other) == (0, 0)


def offset_of(grid: Grid, part: Grid) -> tuple[int, int] | None:
    """Return row and column of `grid` at which `part` begins, where both have the same cells; else None."""
    if grid.crs != part.crs:
        return None
    # Differences of the size of a cell add up over the grid.
    drift = max(
        abs(grid.cell_x - part.cell_x) / grid.cell_x * max(grid.width, part.width),
        abs(grid.cell_y - part.cell_y) / grid.cell_y * max(grid.height, part.height),
    )
    columns = (part.west - grid.west) / grid.cell_x
    rows = (grid.north - part.north) / grid.cell_y
    if drift > TOLERANCE or abs(columns - round(columns)) > TOLERANCE or abs(rows - round(rows)) > TOLERANCE:
        return None
    return round(rows), round(columns)
