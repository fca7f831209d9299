"""The raw files of a map: all cells of a quantity, row by row."""

from __future__ import annotations

import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.projection.quantities import Quantity


def raw_file(work: Path, quantity: Quantity) -> Path:
    """Return the raw file of a quantity: all cells row by row."""
    return work / f"{quantity.name}.bin"


def read_raw(work: Path, quantity: Quantity, width: int, rows: slice, columns: slice) -> NDArray[Any]:
    """Return a window of a raw file of so many columns.

    The file is not mapped into memory, because its pages would count as memory of this process.
    """
    with raw_file(work, quantity).open("rb", buffering=0) as stream:
        if columns == slice(0, width):
            stream.seek(rows.start * width * quantity.itemsize)
            values = np.fromfile(stream, quantity.dtype, (rows.stop - rows.start) * width)
            return values.reshape(-1, width)
        lines = []
        for row in range(rows.start, rows.stop):
            stream.seek((row * width + columns.start) * quantity.itemsize)
            lines.append(np.fromfile(stream, quantity.dtype, columns.stop - columns.start))
        return np.stack(lines)


def write_at(handle: int, content: bytes, offset: int) -> None:
    """Write all bytes at an offset of a file."""
    view = memoryview(content)
    while view:
        written = os.pwrite(handle, view, offset)
        view, offset = view[written:], offset + written


def checksum(quantities: tuple[Quantity, ...], results: Mapping[str, NDArray[Any]]) -> int:
    """Return the CRC-32 of the bytes of all quantities of a block."""
    total = 0
    for quantity in quantities:
        total = zlib.crc32(np.ascontiguousarray(results[quantity.name]).data, total)
    return total
