"""Small pictures of layers: viridis for quantities, distinct colours for categories, clear where there is no value."""

from __future__ import annotations

import colorsys
import os
import struct
import tempfile
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ml.layers.choices import apply_choice
from ml.layers.errors import LayerError
from ml.layers.inspection import open_source, place_source
from ml.layers.raster_values import convert
from ml.layers.rasters import gdal
from ml.recipes.recipe import LayerChoice
from ml.recipes.reports import LayerReport

#: Ten colours of viridis at equal steps (Smith and van der Walt 2015, matplotlib), between which colours are linear.
_VIRIDIS = np.array(
    [
        *((68, 1, 84), (72, 40, 120), (62, 73, 137), (49, 104, 142), (38, 130, 142)),
        *((31, 158, 137), (53, 183, 121), (110, 206, 88), (181, 222, 43), (253, 231, 37)),
    ],
    dtype=np.float64,
)
#: Largest width of a picture, pixels.
_MAX_WIDTH = 4_000


def picture(folder: Path, layer: LayerReport, choice: LayerChoice | None, output: Path, width: int = 240) -> None:
    """Write a layer as a PNG file, completely or not at all.

    Parameters
    ----------
    folder : Path
        Of the study's files.
    layer : LayerReport
        From `inspect_layers`; from `review` with `choice` None.
    choice : LayerChoice or None
    output : Path
    width : int
        Of the picture, pixels; not more than the layer's columns. North is up, and the height follows from the grid.

    Raises
    ------
    LayerError
        The file cannot be read.
    """
    layer = apply_choice(layer, choice)
    path = folder / layer.file
    with gdal():
        source = open_source(path)
        try:
            place = place_source(path, source, layer.crs)
            layout = source.layout
            columns = max(1, min(width, layout.width, _MAX_WIDTH))
            shape = place.grid.cell_y * layout.height / (place.grid.cell_x * layout.width)
            rows = max(1, min(layout.height, round(columns * shape), 4 * _MAX_WIDTH))
            if layer.band not in [band.band for band in source.bands]:
                raise LayerError(f"{layer.file} has no band {layer.band}")
            stored, valid = source.thumbnail(layer.band, rows, columns)
        finally:
            source.close()
    values = convert(stored, valid, layer.missing, layer.scale, layer.offset)
    if place.flip:
        values = values[::-1]
    if place.roll:
        values = np.roll(values, -round(place.roll / layout.width * values.shape[1]), axis=1)
    colours = categories(values) if layer.kind == "categorical" else viridis(values)
    _write(output, png(colours))


def viridis(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return colours of quantities, shape (rows, columns, 4), from the 2nd to the 98th percentile."""
    finite = np.isfinite(values)
    colours = np.zeros((*values.shape, 4), dtype=np.uint8)
    if not finite.any():
        return colours
    low, high = np.percentile(values[finite].astype(np.float64), [2.0, 98.0])
    if high <= low:
        low, high = float(values[finite].min()), float(values[finite].max())
    share = np.clip((values[finite].astype(np.float64) - low) / ((high - low) or 1.0), 0.0, 1.0)
    steps = np.linspace(0.0, 1.0, len(_VIRIDIS))
    for channel in range(3):
        colours[finite, channel] = np.rint(np.interp(share, steps, _VIRIDIS[:, channel])).astype(np.uint8)
    colours[finite, 3] = 255
    return colours


def categories(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return a colour for each code, shape (rows, columns, 4); hues are a golden angle apart."""
    finite = np.isfinite(values)
    colours = np.zeros((*values.shape, 4), dtype=np.uint8)
    codes, places = np.unique(values[finite], return_inverse=True)
    palette = np.array(
        [
            [round(255 * part) for part in colorsys.hls_to_rgb((0.58 + number * 0.381966) % 1.0, lightness, 0.55)]
            for number, lightness in ((n, (0.45, 0.62, 0.32)[n % 3]) for n in range(codes.size))
        ],
        dtype=np.uint8,
    ).reshape(-1, 3)
    colours[finite, :3] = palette[places]
    colours[finite, 3] = 255
    return colours


def png(colours: NDArray[np.uint8]) -> bytes:
    """Return a PNG file of colours with transparency, shape (rows, columns, 4)."""
    height, width = colours.shape[:2]
    lines = np.zeros((height, 1 + 4 * width), dtype=np.uint8)
    lines[:, 1:] = colours.reshape(height, 4 * width)

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines.tobytes(), 9)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def _write(output: Path, content: bytes) -> None:
    handle, draft = tempfile.mkstemp(dir=output.parent, prefix=".picture-")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        # Temporary files are readable by their owner alone.
        Path(draft).chmod(0o644)
        Path(draft).replace(output)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
