"""Cloud-optimised GeoTIFFs from the raw files of a map, written by GDAL and compared with them."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import rasterio
import rasterio.shutil
from rasterio._err import CPLE_BaseError
from rasterio.errors import RasterioError
from rasterio.windows import Window

from ml.layers.rasters import describe, gdal
from ml.projection.errors import ProjectionError
from ml.projection.quantities import Quantity
from ml.projection.raw_files import raw_file, read_raw
from ml.recipes.reports import Grid

#: Rows and columns of a tile.
TILE = 512
_TYPES = {"|u1": "Byte", "<u2": "UInt16", "<f4": "Float32"}
#: Options of GDAL's COG driver. One thread, so that the bytes do not depend on the machine.
_OPTIONS = {
    "COMPRESS": "DEFLATE",
    "LEVEL": "6",
    "BLOCKSIZE": str(TILE),
    "BIGTIFF": "IF_SAFER",
    "OVERVIEWS": "IGNORE_EXISTING",
    "NUM_THREADS": "1",
}
#: Cells that are compared at once.
_COMPARED = 2**22


def write_cog(work: Path, quantity: Quantity, grid: Grid, tags: Mapping[str, str]) -> str:
    """Write a quantity as cloud-optimised GeoTIFF into the work directory, and compare it with the raw file.

    Parameters
    ----------
    work : Path
    quantity : Quantity
    grid : Grid
    tags : mapping of str to str
        Metadata of the file.

    Returns
    -------
    str
        Name of the quantity.

    Raises
    ------
    ProjectionError
        The file cannot be written, or does not have the values of the raw file.
    """
    source = work / f"{quantity.name}.vrt"
    source.write_bytes(_describe(work, quantity, grid, tags))
    target = work / quantity.file
    # A whole band of categories has one predictor too, which costs nothing.
    options = _OPTIONS | {"PREDICTOR": "YES", "OVERVIEW_RESAMPLING": quantity.resampling}
    try:
        # GDAL makes files of its own beside those that it writes.
        with gdal(), rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False, CPL_TMPDIR=str(work)):
            rasterio.shutil.copy(source, target, driver="COG", **options)
            _compare(work, quantity, grid, target)
    except (RasterioError, CPLE_BaseError, OSError) as error:
        if shutil.disk_usage(work).free < raw_file(work, quantity).stat().st_size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), quantity.file) from error
        raise ProjectionError(f"{quantity.file} cannot be written: {describe(error, target)}") from error
    source.unlink()
    return quantity.name


def _compare(work: Path, quantity: Quantity, grid: Grid, path: Path) -> None:
    """Raise ProjectionError where a file does not have the values of the raw file, as on a disk that became full."""
    rows = max(1, _COMPARED // (grid.width * TILE)) * TILE
    with rasterio.open(path, driver="GTiff") as data:
        for top in range(0, grid.height, rows):
            height = min(rows, grid.height - top)
            values = data.read(1, window=Window(0, top, grid.width, height))
            raw = read_raw(work, quantity, grid.width, slice(top, top + height), slice(0, grid.width))
            if not np.array_equal(values, raw, equal_nan=values.dtype.kind == "f"):
                raise ProjectionError(f"{quantity.file} was not written completely: is the disk full?")


def _describe(work: Path, quantity: Quantity, grid: Grid, tags: Mapping[str, str]) -> bytes:
    """Return a virtual raster of GDAL that reads the raw file."""
    root = ElementTree.Element("VRTDataset", rasterXSize=str(grid.width), rasterYSize=str(grid.height))
    _add(root, "SRS", grid.crs)
    corner = (grid.west, grid.cell_x, 0.0, grid.north, 0.0, -grid.cell_y)
    _add(root, "GeoTransform", ", ".join(repr(number) for number in corner))
    metadata = _add(root, "Metadata")
    for key, value in tags.items():
        _add(metadata, "MDI", value, key=key)
    band = _add(root, "VRTRasterBand", dataType=_TYPES[quantity.dtype], band="1", subClass="VRTRawRasterBand")
    _add(band, "Description", quantity.title)
    _add(band, "NoDataValue", repr(quantity.nodata))
    if quantity.scale is not None:
        _add(band, "Scale", repr(quantity.scale))
    if quantity.categories:
        _add_categories(band, quantity)
    _add(band, "SourceFilename", raw_file(work, quantity).name, relativeToVRT="1")
    _add(band, "ImageOffset", "0")
    _add(band, "PixelOffset", str(quantity.itemsize))
    _add(band, "LineOffset", str(quantity.itemsize * grid.width))
    _add(band, "ByteOrder", "LSB")
    return bytes(ElementTree.tostring(root, "utf-8"))


def _add_categories(band: ElementTree.Element, quantity: Quantity) -> None:
    if quantity.dtype == "|u1":
        _add(band, "ColorInterp", "Palette")
        table = _add(band, "ColorTable")
        for category in quantity.categories:
            red, green, blue = map(str, category.colour)
            _add(table, "Entry", c1=red, c2=green, c3=blue, c4="255")
    names = _add(band, "CategoryNames")
    for category in quantity.categories:
        _add(names, "Category", category.label)


def _add(parent: ElementTree.Element, tag: str, text: str | None = None, **attributes: str) -> ElementTree.Element:
    element = ElementTree.SubElement(parent, tag, attributes)
    element.text = text
    return element
