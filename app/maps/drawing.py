"""Pictures of maps: tiles, and one picture of the map with the outline of the land."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.cartography.coastline import Ring
from app.components import component
from app.maps import palettes, png
from app.maps.mercator import Frame, across
from app.maps.rasters import Rasters, turn

#: Colours of the outline of the land, and of the points of records and their rims.
_LINE, _LINE_COLOUR = 253, (90, 96, 100)
_POINT, _POINT_COLOUR = 252, (255, 255, 255)
_RIM, _RIM_COLOUR = 251, (20, 24, 26)
#: Radius of a point with its rim, pixels.
_RADIUS = 3


def files_of(quantity: str) -> tuple[str, ...]:
    """Return the names of the files that a picture of a quantity is drawn from; the last has what cannot be said."""
    file, scale = f"{quantity}.tif", palettes.SCALES.get(quantity)
    if scale is None or not scale.is_hatched:
        return (file,)
    # both kinds of files have one value of cells of which the model cannot say anything
    return (file, "change.tif" if quantity == "spread" else "verdict.tif")


def draw(
    folder: Path,
    quantity: str,
    frame: Frame,
    rings: Iterable[Ring] = (),
    points: Iterable[tuple[float, float]] = (),
) -> bytes:
    """Return a picture of a quantity as PNG; clear where the map has no answer.

    Parameters
    ----------
    folder : Path
        Of a map or a preview.
    quantity : str
    frame : Frame
    rings : iterable
        Outline of the land, drawn over the map.
    points : iterable of (float, float)
        Longitudes and latitudes of records, drawn over the outline.

    Raises
    ------
    NotFound
        The map has no such file.
    Unavailable
        Too many pictures are drawn at the moment.
    """
    with turn():
        rasters = component(Rasters)
        file, *hatched = files_of(quantity)
        raster = rasters.get(folder / file)
        shape = (frame.height, frame.width)
        cells = raster.lookup.cell_of(*frame.places()).reshape(shape)
        values, inside = raster.values(cells)
        indices = palettes.indices_of(quantity, values, raster.nodata)
        unsure = np.zeros(shape, dtype=bool)
        if raster.cannot_say is not None:
            unsure = values == raster.cannot_say
        elif quantity == "verdict":
            unsure = values == palettes.CANNOT_SAY
        elif hatched:
            classes, _ = rasters.get(folder / hatched[0]).values(cells)
            unsure = (classes == palettes.CANNOT_SAY) & (indices != palettes.CLEAR)
        indices = np.where(unsure, palettes.hatching(*shape), indices)
        indices = np.where(inside, indices, palettes.CLEAR).astype(np.uint8)
        palette = palettes.palette_of(quantity, raster.colours())
    for ring in rings:
        _outline(indices, ring, frame)
    _dots(indices, points, frame)
    for index, colour in ((_LINE, _LINE_COLOUR), (_POINT, _POINT_COLOUR), (_RIM, _RIM_COLOUR)):
        palette[index] = colour
    return png.encode(indices, palette)


def _dots(indices: NDArray[np.uint8], points: Iterable[tuple[float, float]], frame: Frame) -> None:
    """Draw points with a rim, the rims first, so that points side by side stay visible."""
    y, x = np.mgrid[-_RADIUS : _RADIUS + 1, -_RADIUS : _RADIUS + 1]
    distance = np.hypot(x, y)
    centres = []
    for longitude, latitude in points:
        row = math.floor((across(latitude) - frame.north) / (frame.south - frame.north) * frame.height)
        for turn_of_world in (-1.0, 0.0, 1.0):
            place = (longitude + 180.0) / 360.0 + turn_of_world
            centres.append((row, math.floor((place - frame.west) / (frame.east - frame.west) * frame.width)))
    for colour, shape in ((_RIM, distance < _RADIUS + 0.3), (_POINT, distance < _RADIUS - 0.7)):
        for row, column in centres:
            rows, columns = row + y[shape], column + x[shape]
            shown = (rows >= 0) & (rows < frame.height) & (columns >= 0) & (columns < frame.width)
            indices[rows[shown], columns[shown]] = colour


def _outline(indices: NDArray[np.uint8], ring: Ring, frame: Frame) -> None:
    """Draw a ring of longitudes and latitudes, point by point."""
    lon, lat = np.array(ring, dtype=np.float64).T
    x = (lon + 180.0) / 360.0
    y = np.array([across(float(one)) for one in lat])
    for turn_of_world in (-1.0, 0.0, 1.0):
        column = (x + turn_of_world - frame.west) / (frame.east - frame.west) * frame.width
        row = (y - frame.north) / (frame.south - frame.north) * frame.height
        if column.max() < 0 or column.min() >= frame.width or row.max() < 0 or row.min() >= frame.height:
            continue
        for k in range(len(column) - 1):
            n = int(min(4_000, max(abs(column[k + 1] - column[k]), abs(row[k + 1] - row[k])))) + 2
            columns = np.floor(np.linspace(column[k], column[k + 1], n)).astype(np.int64)
            rows = np.floor(np.linspace(row[k], row[k + 1], n)).astype(np.int64)
            shown = (columns >= 0) & (columns < frame.width) & (rows >= 0) & (rows < frame.height)
            indices[rows[shown], columns[shown]] = _LINE
