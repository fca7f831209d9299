"""The coasts of the world in pieces, where `make fetch` has drawn them: finer than the outline of the land."""

from __future__ import annotations

import functools
import json
import math
from pathlib import Path

from app.cartography.coastline import Ring

#: Below DATA_DIR. Drawn by `tools/coast.py` from the mask of ``global-land-mask`` (GLOBE, NOAA, public domain).
FOLDER = "raw/coasts-1"
#: Degrees of the side of a piece, and numbers of pieces from the west and from the north.
SIDE, COLUMNS, ROWS = 30, 12, 6
#: Widest extent that is drawn with them, degrees: the pixels of wider ones are larger than the differences.
WIDEST = 40.0
_MOST_BYTES = 4_000_000


def piece_name(column: int, row: int) -> str:
    """Return the name of the file of a piece."""
    return f"{column}-{row}.json"


def piece_file(data_dir: Path, column: int, row: int) -> Path | None:
    """Return the file of a piece, or None where there is none."""
    if not (0 <= column < COLUMNS and 0 <= row < ROWS):
        return None
    path = data_dir / FOLDER / piece_name(column, row)
    return path if path.is_file() else None


def lines_within(data_dir: Path, extent: tuple[float, float, float, float]) -> tuple[Ring, ...] | None:
    """Return the coasts of an extent, or None where it is wide or a piece is not stored.

    Parameters
    ----------
    data_dir : Path
    extent : tuple of float
        West, south, east and north in degrees; west above east crosses the antimeridian.
    """
    west, south, east, north = extent
    width = east - west + (360.0 if east <= west else 0.0)
    if width > WIDEST or north - south > WIDEST:
        return None
    columns = range(math.floor((west + 180.0) / SIDE), math.floor((west + width + 180.0) / SIDE) + 1)
    rows = range(max(0, math.floor((90.0 - north) / SIDE)), min(ROWS - 1, math.floor((90.0 - south) / SIDE)) + 1)
    lines: list[Ring] = []
    for row in rows:
        for column in columns:
            path = piece_file(data_dir, column % COLUMNS, row)
            piece = _read(path) if path is not None else None
            if piece is None:
                return None
            lines += piece
    return tuple(lines)


@functools.lru_cache(maxsize=8)
def _read(path: Path) -> tuple[Ring, ...] | None:
    try:
        with path.open(encoding="utf-8") as stream:
            lines = json.loads(stream.read(_MOST_BYTES))["coordinates"]
        return tuple(tuple((float(x), float(y)) for x, y in line) for line in lines)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
