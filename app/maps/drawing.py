"""Pictures of maps: tiles, and one picture of the map with the outline of the land."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.cartography.coastline import Ring
from app.components import component
from app.maps import palettes, png
from app.maps.mercator import Frame, across
from app.maps.rasters import Rasters, turn

#: Colour of the outline of the land.
_LINE, _LINE_COLOUR = 253, (90, 96, 100)


def draw(folder: Path, quantity: str, frame: Frame, rings: Iterable[Ring] = ()) -> bytes:
    """Return a picture of a quantity as PNG; clear where the map has no answer.

    Parameters
    ----------
    folder : Path
        Of a map or a preview.
    quantity : str
    frame : Frame
    rings : iterable
        Outline of the land, drawn over the map.

    Raises
    ------
    NotFound
        The map has no such file.
    Unavailable
        Too many pictures are drawn at the moment.
    """
    with turn():
        rasters = component(Rasters)
        raster = rasters.get(folder / f"{quantity}.tif")
        shape = (frame.height, frame.width)
        cells = raster.lookup.cell_of(*frame.places()).reshape(shape)
        values, inside = raster.values(cells)
        indices = palettes.indices_of(quantity, values, raster.nodata)
        unsure = np.zeros(shape, dtype=bool)
        if raster.cannot_say is not None:
            unsure = values == raster.cannot_say
        elif quantity == "verdict":
            unsure = values == palettes.CANNOT_SAY
        elif quantity in palettes.SCALES and palettes.SCALES[quantity].is_hatched:
            # both kinds of files have one value of cells of which the model cannot say anything
            name = "change" if quantity == "spread" else "verdict"
            classes, _ = rasters.get(folder / f"{name}.tif").values(cells)
            unsure = (classes == palettes.CANNOT_SAY) & (indices != palettes.CLEAR)
        indices = np.where(unsure, palettes.hatching(*shape), indices)
        indices = np.where(inside, indices, palettes.CLEAR).astype(np.uint8)
        palette = palettes.palette_of(quantity, raster.colours())
    for ring in rings:
        _outline(indices, ring, frame)
    palette[_LINE] = _LINE_COLOUR
    return png.encode(indices, palette)


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
