"""Checks of the coordinate reference systems of files, and extents in degrees."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyproj
from pyproj.exceptions import CRSError

from ml.layers.rasters import Band
from ml.layers.review_checks import layers_remedy
from ml.recipes.reports import Grid, LayerReport, Problem

#: Cells of layers are larger, metres; degrees are taken for metres otherwise.
_SMALLEST_CELL = 1.0


def crs_problems(path: Path, band: Band, grid: Grid) -> list[Problem]:
    """Return what is wrong with the CRS of a file: it states none, or one that its coordinates cannot be in."""
    west, north = grid.west, grid.north
    east, south = west + grid.width * grid.cell_x, north - grid.height * grid.cell_y
    degrees = west >= -360.5 and east <= 540.5 and east - west <= 361.0 and south >= -90.5 and north <= 90.5
    where = f"x {west:,.6g} to {east:,.6g}, y {south:,.6g} to {north:,.6g}"
    report = LayerReport(file=path.name, band=band.band, name="layer")
    if not grid.crs:
        text = f"{path.name} does not state its coordinate reference system ({where})"
        if degrees:
            solution = layers_remedy("treat as longitude and latitude (WGS 84)", [report], crs="EPSG:4326")
            text += ": they can be degrees; confirm it, or type the CRS"
        else:
            solution = None
            text += ": they are not degrees; type the CRS, as EPSG:32632, or add its .prj file"
        return [Problem(code="crs-missing", text=text, file=path.name, band=band.band, remedy=solution)]
    if pyproj.CRS.from_user_input(grid.crs).is_geographic and not degrees:
        text = (
            f"{path.name} states longitudes and latitudes, but has {where}: its CRS (or .prj file) is wrong; type the "
            "right one"
        )
        return [Problem(code="crs-wrong", text=text, file=path.name, band=band.band)]
    if degrees and not pyproj.CRS.from_user_input(grid.crs).is_geographic and grid.cell_x < _SMALLEST_CELL:
        text = (
            f"{path.name} states coordinates in metres, but has {where}, which can be degrees: its CRS is wrong; "
            "confirm that they are degrees, or type the right one"
        )
        solution = layers_remedy("treat as longitude and latitude (WGS 84)", [report], crs="EPSG:4326")
        return [Problem(code="crs-wrong", text=text, file=path.name, band=band.band, remedy=solution)]
    return []


def extent_of(grid: Grid) -> tuple[float, float, float, float] | None:
    """Return west, south, east and north of a grid in degrees of WGS 84; None where it cannot be computed."""
    if not grid.crs:
        return None
    east, south = grid.west + grid.width * grid.cell_x, grid.north - grid.height * grid.cell_y
    try:
        transformer = pyproj.Transformer.from_crs(grid.crs, "EPSG:4326", always_xy=True)
        bounds = [float(edge) for edge in transformer.transform_bounds(grid.west, south, east, grid.north)]
    except (CRSError, pyproj.exceptions.ProjError):
        return None
    if not np.isfinite(bounds).all():
        return None
    w, s, e, n = bounds
    if pyproj.CRS.from_user_input(grid.crs).is_geographic and east - grid.west >= 360.0 - 1e-6:
        w, e = -180.0, 180.0
    w, e = ((edge + 180.0) % 360.0 - 180.0 if abs(edge) > 180.0 else edge for edge in (w, e))
    return w, max(-90.0, s), e, min(90.0, n)
