"""Files of maps, opened for drawing. GDAL is imported here alone, when a web process draws its first tile.

Only files that the application itself wrote are opened (docs/decisions/063-tiles-from-the-files.md).
"""

from __future__ import annotations

import contextlib
import logging
import stat
import threading
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.errors import NotFound, Unavailable
from app.throttled_log import ThrottledLog
from ml.layers.cells import GridLookup
from ml.recipes.reports import Grid

#: Files that stay open in a process.
_MOST_OPEN = 24
#: Megabytes of decoded blocks that GDAL keeps in a process.
_CACHE_MB = 32
#: Tiles that a process draws at the same time, and how long another waits for its turn.
_AT_ONCE, _PATIENCE_S = 2, 5.0
#: Rows and columns that are read at most for one picture.
_MOST_READ = 2_048
_log = ThrottledLog(logging.getLogger(__name__))
_turns = threading.BoundedSemaphore(_AT_ONCE)
#: Pixels of which the distance in cells is measured.
_EVERY = 8


@contextlib.contextmanager
def turn() -> Iterator[None]:
    """Wait for a turn to draw.

    Raises
    ------
    Unavailable
        Others draw all the time.
    """
    if not _turns.acquire(timeout=_PATIENCE_S):
        raise Unavailable("Too many tiles are drawn at the moment.")
    try:
        yield
    finally:
        _turns.release()


class Raster:
    """A file of a map. GDAL's files are not safe in several threads, so that one thread reads at a time."""

    def __init__(self, path: Path) -> None:
        import rasterio

        self._path = path
        with rasterio.Env(GDAL_CACHEMAX=_CACHE_MB, GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"):
            self._data: Any = rasterio.open(path, driver="GTiff")
        if self._data.crs is None:
            raise ValueError("the file has no CRS")
        shape = self._data.transform
        self.grid = Grid(
            crs=self._data.crs.to_string(),
            width=self._data.width,
            height=self._data.height,
            west=shape.c,
            north=shape.f,
            cell_x=shape.a,
            cell_y=-shape.e,
        )
        self.lookup = GridLookup(self.grid)
        self.nodata: float | None = self._data.nodata
        unsure = self._data.tags().get("CANNOT_SAY", "")
        #: Of a comparison: the value of cells of which the model cannot say anything.
        self.cannot_say: int | None = int(unsure) if unsure.isdigit() else None
        self._lock = threading.Lock()

    def colours(self) -> dict[int, tuple[int, int, int]]:
        """Return the colours of the categories of the file, by value; none where there are none."""
        try:
            table = self._data.colormap(1)
        except ValueError:
            return {}
        return {int(value): tuple(colour[:3]) for value, colour in table.items()}

    def values(self, cells: NDArray[np.int64]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Return the values of the cells of pixels, from the overview of their size.

        Parameters
        ----------
        cells : ndarray of int64, shape (height, width)
            As of `GridLookup.cell_of`.

        Returns
        -------
        values : ndarray, shape (height, width)
        inside : ndarray of bool, shape (height, width)
            Whether a pixel lies on the map.
        """
        inside = cells >= 0
        values = np.zeros(cells.shape, dtype=self._data.dtypes[0])
        if not inside.any():
            return values, inside
        row, column = cells // self.grid.width, cells % self.grid.width
        step = _step(row, column, inside)
        for part in _parts(column, inside, self.grid.width):
            values[part] = self._read(row[part], column[part], step)
        return values, inside

    def _read(self, row: NDArray[np.int64], column: NDArray[np.int64], step: float) -> NDArray[Any]:
        from rasterio.errors import RasterioError
        from rasterio.windows import Window

        top, left = int(row.min()), int(column.min())
        height, width = int(row.max()) - top + 1, int(column.max()) - left + 1
        shape = tuple(max(1, min(_MOST_READ, round(size / step))) for size in (height, width))
        try:
            with self._lock:
                window = self._data.read(1, window=Window(left, top, width, height), out_shape=shape)
        except RasterioError as error:
            raise _damaged(self._path, error) from error
        return np.asarray(window[(row - top) * shape[0] // height, (column - left) * shape[1] // width])


def _step(row: NDArray[np.int64], column: NDArray[np.int64], inside: NDArray[np.bool_]) -> float:
    """Return how many cells lie between neighbouring pixels, in the middle of the picture."""
    steps = []
    for axis in (row, column):
        for before, after, both in (
            (axis[:-_EVERY], axis[_EVERY:], inside[:-_EVERY] & inside[_EVERY:]),
            (axis[:, :-_EVERY], axis[:, _EVERY:], inside[:, :-_EVERY] & inside[:, _EVERY:]),
        ):
            if both.any():
                steps.append(float(np.median(np.abs(after - before)[both])) / _EVERY)
    return max(1.0, max(steps, default=1.0))


def _parts(
    column: NDArray[np.int64], inside: NDArray[np.bool_], width: int
) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Return the pixels in one part, or in two where they lie at both ends of a map around the world."""
    shown = column[inside]
    if int(shown.max()) - int(shown.min()) <= width // 2:
        return [np.nonzero(inside)]  # type: ignore[list-item]  # two axes
    columns = np.unique(shown)
    gaps = np.diff(columns)
    if gaps.size and gaps.max() > max(width // 4, 1):
        edge = columns[int(gaps.argmax())]
        masks = [inside & (column <= edge), inside & (column > edge)]
    else:
        masks = [inside]
    return [np.nonzero(mask) for mask in masks]  # type: ignore[misc]  # two axes


class Rasters:
    """Files of maps that stay open, the latest ones."""

    def __init__(self) -> None:
        self._open: OrderedDict[tuple[str, int, int], Raster] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, path: Path) -> Raster:
        """Return an open file.

        Raises
        ------
        NotFound
            It does not exist, or was deleted a moment ago.
        Unavailable
            It is damaged.
        """
        try:
            status = path.lstat()
        except OSError:
            raise NotFound("This map has no such file.") from None
        if not stat.S_ISREG(status.st_mode):
            raise NotFound("This map has no such file.")
        key = str(path), status.st_ino, status.st_mtime_ns
        with self._lock:
            raster = self._open.get(key)
            if raster is None:
                raster = self._open[key] = _opened(path)
                while len(self._open) > _MOST_OPEN:
                    # a thread that reads it has its own reference
                    self._open.popitem(last=False)
            self._open.move_to_end(key)
        return raster


def _opened(path: Path) -> Raster:
    from rasterio.errors import RasterioError

    try:
        return Raster(path)
    except (RasterioError, ValueError) as error:
        if not path.exists():
            raise NotFound("This map has no such file.") from None
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> Unavailable:
    _log.warning("a file of a map is damaged: %s: %s", path, str(error))
    return Unavailable("This file of the map is damaged. Make the map again.")
