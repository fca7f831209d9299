"""Raster files read by GDAL: GeoTIFF and COG, ESRI ASCII grids and R grids, opened within bounds."""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio._err import CPLE_BaseError
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.windows import Window

from ml.layers.errors import LayerError

_FORMATS = "GeoTIFF, ESRI ASCII grid, R grid or NetCDF"
#: Bounds of a file: bytes, cells, bands, and bytes of a block, which GDAL decodes as one piece.
MAX_BYTES = 50 * 10**9
MAX_CELLS = 2 * 10**9
MAX_BANDS = 500
MAX_BLOCK_BYTES = 512 * 2**20
#: Largest scale and offset.
_LARGEST = 1e12
#: Settings of GDAL: a bounded cache, no network, and no files but those beside the raster.
SETTINGS: dict[str, Any] = {
    "GDAL_CACHEMAX": 64,
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".none",
    # No server listens there.
    "GDAL_HTTP_PROXY": "http://127.0.0.1:9",
    "GDAL_HTTPS_PROXY": "http://127.0.0.1:9",
    "GDAL_HTTP_TIMEOUT": 1,
    "GDAL_HTTP_MAX_RETRY": 0,
    "GDAL_PAM_ENABLED": True,
    "GDAL_MAX_DATASET_POOL_SIZE": 20,
}


#: What rasterio raises when a damaged file is read; some errors of GDAL are not translated to its own.
_FAILURES = (RasterioError, CPLE_BaseError, ValueError)


@dataclass(frozen=True)
class Band:
    """One band of a raster file, or one variable of a NetCDF file, as stored."""

    band: str
    title: str
    dtype: str
    nodata: float | None
    scale: float
    offset: float
    unit: str
    palette: bool = False
    note: str = ""
    #: NaN already stands for what has no value.
    decoded: bool = False


@dataclass(frozen=True)
class Layout:
    """Size, georeference and blocks of a raster file, as stored: the transform is (a, b, c, d, e, f) of GDAL."""

    height: int
    width: int
    transform: tuple[float, float, float, float, float, float]
    georeferenced: bool
    crs: str | None
    block: tuple[int, int]


class RasterSource:
    """A raster file that is open.

    Parameters
    ----------
    path : Path
        A regular file.

    Raises
    ------
    LayerError
        The file is not one of the formats, or exceeds a bound.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        driver = _driver(path)
        try:
            with warnings.catch_warnings(), _quiet():
                warnings.simplefilter("ignore", NotGeoreferencedWarning)
                self._dataset = rasterio.open(path.absolute(), driver=driver)
        except (*_FAILURES, OverflowError) as error:
            if path.suffix.lower() == ".grd" and not path.with_suffix(".gri").is_file():
                raise LayerError(f"{path.name}: the values are in {path.stem}.gri, which is missing: add it") from error
            raise LayerError(f"{path.name} cannot be read as a raster ({_FORMATS}): {describe(error, path)}") from error
        try:
            self._check()
            self.layout = self._layout()
            self._alpha = ColorInterp.alpha in self._dataset.colorinterp[-1:] and self._dataset.count in (2, 4)
            self.bands = [self._band(n) for n in range(1, self._dataset.count + 1 - int(self._alpha))]
        except LayerError:
            self._dataset.close()
            raise
        # Damaged metadata raise errors of GDAL that rasterio does not translate.
        except Exception as error:
            self._dataset.close()
            raise LayerError(f"{path.name} is damaged: {describe(error, path)}") from error

    def close(self) -> None:
        """Close the file."""
        self._dataset.close()

    def read(self, band: str, rows: slice, columns: slice) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
        """Return a window of a band as stored, and where its mask or alpha band says that there is a value.

        Raises
        ------
        LayerError
            The file is damaged there; the message names the band and the window.
        """
        number = int(band)
        window = Window(columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start)
        flags = self._dataset.mask_flag_enums[number - 1]
        try:
            values = self._dataset.read(number, window=window)
            masked = MaskFlags.per_dataset in flags or MaskFlags.alpha in flags
            mask = self._dataset.read_masks(number, window=window) > 0 if masked else None
        except _FAILURES as error:
            top, left = self._damaged_block(number, rows, columns)
            height, width = self.layout.block
            raise LayerError(
                f"{self.path.name} is damaged: band {band} cannot be read in the block of rows {top + 1:,} to "
                f"{min(top + height, self.layout.height):,} and columns {left + 1:,} to "
                f"{min(left + width, self.layout.width):,}"
            ) from error
        if values.dtype.kind == "c":
            raise LayerError(f"{self.path.name}: band {band} has complex numbers")
        return values, mask

    def thumbnail(self, band: str, height: int, width: int) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
        """Return a band in fewer rows and columns, by nearest cell, and its mask; overviews are used.

        Raises
        ------
        LayerError
            The file is damaged.
        """
        number = int(band)
        flags = self._dataset.mask_flag_enums[number - 1]
        try:
            values = self._dataset.read(number, out_shape=(height, width))
            masked = MaskFlags.per_dataset in flags or MaskFlags.alpha in flags
            return values, self._dataset.read_masks(number, out_shape=(height, width)) > 0 if masked else None
        except _FAILURES as error:
            raise LayerError(f"{self.path.name} is damaged: band {band} cannot be read") from error

    def _damaged_block(self, number: int, rows: slice, columns: slice) -> tuple[int, int]:
        """Return the first row and column of the first block of a window that cannot be read."""
        height, width = self.layout.block
        for top in range(rows.start - rows.start % height, rows.stop, height):
            for left in range(columns.start - columns.start % width, columns.stop, width):
                part = Window(left, top, min(width, self.layout.width - left), min(height, self.layout.height - top))
                try:
                    self._dataset.read(number, window=part)
                    self._dataset.read_masks(number, window=part)
                except _FAILURES:
                    return top, left
        return rows.start, columns.start

    def _check(self) -> None:
        data, name = self._dataset, self.path.name
        # In the file or its .aux.xml; GDAL would open any file, also of another user or of the network.
        if data.tags(ns="OVERVIEWS"):
            raise LayerError(f"{name} refers to another file with its overviews: export it without them")
        if data.width * data.height > MAX_CELLS:
            raise LayerError(
                f"{name} has {data.width:,} × {data.height:,} cells; at most {MAX_CELLS:,} are read: crop it to the "
                "study area, or use a coarser grid"
            )
        if data.count > MAX_BANDS:
            raise LayerError(f"{name} has {data.count:,} bands; at most {MAX_BANDS} are read")
        rows, columns = data.block_shapes[0]
        size = rows * columns * np.dtype(data.dtypes[0]).itemsize
        if size > MAX_BLOCK_BYTES:
            raise LayerError(
                f"{name} is stored in blocks of {rows:,} × {columns:,} cells, too large to be read in parts: save it "
                "with tiles"
            )

    def _layout(self) -> Layout:
        data = self._dataset
        a, b, c, d, e, f = tuple(data.transform)[:6]
        crs = data.crs
        text = None
        if crs:
            try:
                authority = crs.to_authority()
            except RasterioError:
                authority = None
            text = ":".join(authority) if authority else crs.to_wkt()
        return Layout(
            height=data.height,
            width=data.width,
            transform=(a, b, c, d, e, f),
            georeferenced=not data.transform.is_identity and all(map(math.isfinite, (a, b, c, d, e, f))),
            # CRS84 is EPSG:4326 with longitude first, which is the order of every raster.
            crs="EPSG:4326" if text == "OGC:CRS84" else text,
            block=data.block_shapes[0],
        )

    def _band(self, number: int) -> Band:
        data = self._dataset
        nodata = data.nodatavals[number - 1]
        scale, offset = data.scales[number - 1], data.offsets[number - 1]
        if not (abs(scale) <= _LARGEST and abs(offset) <= _LARGEST) or scale == 0.0:
            raise LayerError(f"{self.path.name}: band {number} has the scale {scale} and the offset {offset}")
        return Band(
            band=str(number),
            title=" ".join((data.descriptions[number - 1] or "").split())[:500],
            dtype=data.dtypes[number - 1],
            nodata=None if nodata is None else float(nodata),
            scale=float(scale),
            offset=float(offset),
            unit=" ".join((data.units[number - 1] or "").split())[:40],
            palette=data.colorinterp[number - 1] == ColorInterp.palette,
        )


def _driver(path: Path) -> str:
    """Return the one driver of GDAL that may open a file, by how the file begins."""
    with path.open("rb") as stream:
        start = stream.read(512)
    if start[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "GTiff"
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if path.suffix.lower() == ".grd" and text.startswith(b"["):
        return "RRASTER"
    if text.startswith((b"ncols", b"nrows", b"xll", b"yll", b"cellsize", b"dx")):
        return "AAIGrid"
    raise LayerError(f"{path.name} is not a raster that is read ({_FORMATS})")


def describe(error: BaseException, path: Path) -> str:
    """Return a library's message in one line, without the folders of the file."""
    text = " ".join(str(error.__cause__ or error).split()).replace(str(path.absolute()), path.name)
    return text[:200]


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep rasterio from printing a traceback where a message of GDAL about a damaged file is not UTF-8."""
    unraisable_hook, hook = sys.unraisablehook, sys.excepthook

    def on_unraisable(unraisable: Any) -> None:
        if not issubclass(unraisable.exc_type, UnicodeDecodeError):
            unraisable_hook(unraisable)

    def on_error(kind: type[BaseException], error: BaseException, trace: Any) -> None:
        if not issubclass(kind, UnicodeDecodeError):
            hook(kind, error, trace)

    # Cython calls both for an error in a callback.
    sys.unraisablehook, sys.excepthook = on_unraisable, on_error
    try:
        yield
    finally:
        sys.unraisablehook, sys.excepthook = unraisable_hook, hook


@contextmanager
def gdal() -> Iterator[None]:
    """Apply `SETTINGS` to GDAL within the block."""
    with rasterio.Env(**SETTINGS):
        yield
