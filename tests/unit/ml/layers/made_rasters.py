"""Small rasters made for tests, and the real ones of ../shared."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine

from ml.layers.inspection import inspect_layers
from ml.layers.review import review
from ml.recipes.recipe import Recipe
from ml.recipes.reports import FileReport, LayersReport

OWN = Path(__file__).parents[5] / "shared/data/own-data"
if not OWN.is_dir():
    OWN = Path(__file__).parents[4].resolve().parent / "shared/data/own-data"
real = pytest.mark.skipif(not OWN.is_dir(), reason="no ../shared/data/own-data")


def write_tif(
    path,
    values,
    *,
    west=0.0,
    north=10.0,
    cell=1.0,
    crs="EPSG:4326",
    nodata=None,
    transform=None,
    names=None,
    scale=None,
    offset=None,
    **options,
):
    """Write an array of shape (rows, columns) or (bands, rows, columns) as GeoTIFF."""
    values = np.asarray(values)
    values = values[None] if values.ndim == 2 else values
    place = transform or Affine(cell, 0, west, 0, -cell, north)
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        count=values.shape[0],
        height=values.shape[1],
        width=values.shape[2],
        dtype=values.dtype,
        crs=crs,
        transform=place,
        nodata=nodata,
        **options,
    ) as data:
        data.write(values)
        for number, name in enumerate(names or (), 1):
            data.set_band_description(number, name)
        if scale is not None:
            data.scales, data.offsets = (scale,) * values.shape[0], (offset or 0.0,) * values.shape[0]
    return path


def file_report(path: Path) -> FileReport:
    return FileReport(
        name=path.name,
        size=path.stat().st_size,
        sha256="",
        role="layers",
        sentence="",
        layers=inspect_layers(path),
    )


def reviewed(*paths: Path, **recipe) -> LayersReport:
    return review(Recipe(title="Study", **recipe), [file_report(path) for path in paths])


def codes(report: LayersReport, *, blocking: bool | None = None) -> list[str]:
    return [p.code for p in report.problems if blocking is None or p.blocking is blocking]
