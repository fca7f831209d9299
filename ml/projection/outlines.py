"""The suitable area of a map as polygons in WGS 84: GeoJSON (RFC 7946)."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import rasterio
import rasterio.features
import shapely
from numpy.typing import NDArray
from rasterio.windows import Window
from shapely.geometry.base import BaseGeometry

from ml.layers.rasters import gdal
from ml.projection.seams import Cells, Globe
from ml.recipes.reports import Grid
from ml.serving.verdict import VERDICTS, WORDS, Verdict

#: The verdicts that have an outline.
OUTLINED: Final[tuple[Verdict, ...]] = ("suitable", "probably_suitable")
#: Most cells of which outlines are drawn, and most corners of all outlines together. Maps with more are coarsened.
MOST_CELLS, MOST_CORNERS = 16_000_000, 200_000
#: Decimals of a degree: a centimetre.
_DECIMALS = 7
_NOTHING = 255
#: Cells that are read at once.
_READ = 2**23


@dataclass(frozen=True)
class Outlines:
    """The outlines of a map.

    Attributes
    ----------
    geometries : dict of Verdict to MultiPolygon or None
        In degrees of WGS 84; None where no cell has the verdict.
    factor : int
        Rows and columns of cells that one square of the outlines stands for; 1: the cells themselves.
    n_corners : int
    """

    geometries: dict[Verdict, BaseGeometry | None]
    factor: int
    n_corners: int


def outlines_of(path: Path, grid: Grid, *, most_cells: int = MOST_CELLS, most_corners: int = MOST_CORNERS) -> Outlines:
    """Return the outlines of the suitable area of a map.

    Parameters
    ----------
    path : Path
        The file of the verdict.
    grid : Grid
    most_cells, most_corners : int
        A map with more is coarsened: a square of several cells has the most frequent verdict of its cells, and none
        where the model cannot say anything about one of them.
    """
    globe = Globe(grid)
    factor = max(1, math.ceil(math.sqrt(grid.width * grid.height / most_cells)))
    while True:
        verdicts = _read(path, grid, factor)
        n_corners = sum(_count(verdicts == VERDICTS.index(one), each=not globe.geographic) for one in OUTLINED)
        if n_corners <= most_corners or max(verdicts.shape) <= 2:
            break
        factor += max(1, round(factor * min(1.0, math.sqrt(n_corners / most_corners) - 1.0)))
    cells = Cells(globe, factor, verdicts.shape)
    geometries = {one: _outline(verdicts == VERDICTS.index(one), cells) for one in OUTLINED}
    total = sum(int(shapely.get_num_coordinates(one)) for one in geometries.values() if one is not None)
    return Outlines(geometries, factor, total)


def _read(path: Path, grid: Grid, factor: int) -> NDArray[np.uint8]:
    """Return the verdicts of squares of cells, `_NOTHING` where they have none."""
    rows = max(1, _READ // (grid.width * factor)) * factor
    parts = []
    with gdal(), rasterio.open(path, driver="GTiff") as data:
        for top in range(0, grid.height, rows):
            height = min(rows, grid.height - top)
            parts.append(_coarsen(data.read(1, window=Window(0, top, grid.width, height)), factor))
    return np.concatenate(parts)


def _coarsen(verdicts: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    if factor == 1:
        return verdicts
    height, width = (-(-size // factor) for size in verdicts.shape)
    padded = np.full((height * factor, width * factor), _NOTHING, dtype=np.uint8)
    padded[: verdicts.shape[0], : verdicts.shape[1]] = verdicts
    squares = padded.reshape(height, factor, width, factor)
    best, most = np.full((height, width), _NOTHING, dtype=np.uint8), np.zeros((height, width), dtype=np.int64)
    for value in (*range(len(VERDICTS)), _NOTHING):
        count = (squares == value).sum(axis=(1, 3))
        if value == _NOTHING:
            # what lies beyond the grid is no cell
            count -= factor * factor - _cells_of_squares(verdicts.shape, factor)
        if value == VERDICTS.index("cannot_say"):
            count[count > 0] = factor * factor + 1
        best[count > most] = value
        most = np.maximum(most, count)
    return best


def _cells_of_squares(shape: tuple[int, ...], factor: int) -> NDArray[np.int64]:
    rows, columns = (np.minimum(factor, size - np.arange(0, size, factor)) for size in shape)
    return np.asarray(rows[:, None] * columns[None, :])


def _count(mask: NDArray[np.bool_], *, each: bool) -> int:
    """Return the number of corners of the outlines of a mask; with `each`, of the edges of cells along them."""
    padded = np.pad(mask, 1)
    if each:
        down, across = padded[1:] != padded[:-1], padded[:, 1:] != padded[:, :-1]
        return int(np.count_nonzero(down)) + int(np.count_nonzero(across))
    west, east = padded[:, :-1], padded[:, 1:]
    odd = (west[:-1] ^ east[:-1]) ^ (west[1:] ^ east[1:])
    crossed = (west[:-1] == east[1:]) & (east[:-1] == west[1:]) & (west[:-1] != east[:-1])
    return int(np.count_nonzero(odd)) + 2 * int(np.count_nonzero(crossed))


def _outline(mask: NDArray[np.bool_], cells: Cells) -> BaseGeometry | None:
    """Return the outline of the cells of a mask in WGS 84, or None where it has none."""
    if not mask.any():
        return None
    plain, pieces = cells.split(mask)
    polygons = [
        shapely.geometry.shape(one)
        for one, _ in rasterio.features.shapes(plain.astype(np.uint8), mask=plain, connectivity=4)
    ]
    placed = [cells.place(polygon) for polygon in polygons]
    if pieces or cells.wraps:
        # the two sides of a seam are one area
        placed = [shapely.union_all([*map(_valid, placed), *pieces])]
    rounded = [_valid(shapely.transform(_valid(one), lambda xy: np.round(xy, _DECIMALS))) for one in placed]
    # twice, because a collection can have multipolygons
    parts = shapely.get_parts(shapely.get_parts(rounded))
    flat = [part for part in parts if part.geom_type == "Polygon" and part.area > 0]
    return shapely.orient_polygons(shapely.MultiPolygon(flat), exterior_cw=False) if flat else None


def _valid(polygon: BaseGeometry) -> BaseGeometry:
    """Return a polygon whose rings do not touch themselves."""
    return polygon if polygon.is_valid else shapely.make_valid(polygon)


def write_outlines(folder: Path, name: str, grid: Grid, summary: Mapping[str, Any]) -> dict[str, Any]:
    """Write the suitable area of a map as GeoJSON.

    Parameters
    ----------
    folder : Path
        With the file of the verdict.
    name : str
        Of the file.
    grid : Grid
    summary : mapping
        Of the map.

    Returns
    -------
    dict
        Members of the summary about the file.
    """
    outlines = outlines_of(folder / summary["quantities"]["verdict"]["file"], grid)
    scenario = summary["scenario"]
    shared = {
        "model": summary["model_id"],
        "species": summary["species"]["scientific_name"],
        "scenario": scenario["label"] if scenario is not None else None,
        "threshold": summary["threshold"]["value"],
        "licences": summary["licences"],
        "citation": summary["citation"],
    }
    note = _note(outlines.factor)
    content: dict[str, Any] = {"type": "FeatureCollection"}
    content |= {"simplified": note} if note else {}
    content["features"] = [
        {
            "type": "Feature",
            "id": verdict,
            "properties": {
                "verdict": verdict,
                "label": WORDS[verdict],
                "area_km2": summary["area_km2"]["by_verdict"][verdict],
                **shared,
            },
            "geometry": shapely.geometry.mapping(geometry) if geometry is not None else None,
        }
        for verdict, geometry in outlines.geometries.items()
    ]
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    content_bytes = text.encode()
    (folder / name).write_bytes(content_bytes)
    return {
        "file": name,
        "size": len(content_bytes),
        "sha256": hashlib.sha256(content_bytes).hexdigest(),
        "corners": outlines.n_corners,
        "simplified": note,
    }


def _note(factor: int) -> str | None:
    if factor == 1:
        return None
    return (
        f"The outlines are those of squares of {factor} × {factor} cells, because those of single cells have too many "
        "corners. A square has the most frequent verdict of its cells, and is left out where the model cannot say "
        "anything about one of them. area_km2 is the area of the cells."
    )
