"""Resampling of a layer to another grid: bilinear for quantities, nearest cell for categories; NaN stays NaN.

GDAL's WarpedVRT is not used: it fills 0 outside of a file without a nodata value, applies neither scale nor several
missing values, and does not join the edges of a grid that goes round the globe.
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
import pyproj
from numpy.typing import NDArray

from ml.layers.placement import TOLERANCE, goes_round, offset_of
from ml.recipes.reports import Grid

Floats = NDArray[np.float32]
Coordinates = NDArray[np.float64]
#: Largest window of a layer that is read for one window of the grid, cells.
_MOST_CELLS = 2**22
#: Windows with fewer rows and columns are not divided.
_SMALLEST = 16


class Readable(Protocol):
    """A layer that is north up."""

    @property
    def grid(self) -> Grid:
        """The grid of `read`."""
        ...

    def read(self, rows: slice, columns: slice) -> Floats:
        """Return a window, NaN where there is no value."""
        ...


class AveragedLayer:
    """A layer in cells that are the means of blocks of its cells."""

    def __init__(self, layer: Readable, rows: int, columns: int) -> None:
        self._layer, self._rows, self._columns = layer, rows, columns
        fine = layer.grid
        self.grid = fine.model_copy(
            update={
                "width": -(-fine.width // columns),
                "height": -(-fine.height // rows),
                "cell_x": fine.cell_x * columns,
                "cell_y": fine.cell_y * rows,
            }
        )

    def read(self, rows: slice, columns: slice) -> Floats:
        """Return a window of means; NaN where half of a block or more has no value."""
        fine = self._layer.grid
        height, width = rows.stop - rows.start, columns.stop - columns.start
        means = np.empty((height, width), dtype=np.float32)
        # A few rows of blocks at a time, because blocks can be large.
        step = max(1, _MOST_CELLS // (self._rows * self._columns * width))
        for top in range(0, height, step):
            bottom = min(height, top + step)
            first, last = (rows.start + top) * self._rows, min(fine.height, (rows.start + bottom) * self._rows)
            left, right = columns.start * self._columns, min(fine.width, columns.stop * self._columns)
            values = np.full(((bottom - top) * self._rows, width * self._columns), np.nan, dtype=np.float64)
            values[: last - first, : right - left] = self._layer.read(slice(first, last), slice(left, right))
            blocks = values.reshape(bottom - top, self._rows, width, self._columns)
            n = np.isfinite(blocks).sum(axis=(1, 3))
            with np.errstate(invalid="ignore", divide="ignore"):
                mean = np.nansum(blocks, axis=(1, 3)) / n
            mean[2 * n < self._rows * self._columns] = np.nan
            means[top:bottom] = mean
        return means


class AlignedLayer:
    """A layer on another grid.

    Parameters
    ----------
    layer : Readable
    grid : Grid
    categorical : bool
        The value of the nearest cell, instead of a bilinear mean.

    Notes
    -----
    Grids of the same cells are read without resampling, also where their longitudes differ by 360°. A bilinear mean is
    that of the neighbours with a value, where the cell that contains the point has one. Where the cells of the grid are
    at least twice as large as the layer's, the layer is averaged over blocks of its cells first.
    """

    def __init__(self, layer: Readable, grid: Grid, categorical: bool) -> None:
        self.grid = grid
        self._layer, self._categorical = layer, categorical
        # One CRS can be written in several ways.
        one_crs = layer.grid.crs == grid.crs or pyproj.CRS.from_user_input(layer.grid.crs).equals(
            pyproj.CRS.from_user_input(grid.crs), ignore_axis_order=True
        )
        self._offset = offset_of(layer.grid.model_copy(update={"crs": grid.crs}), grid) if one_crs else None
        self._transformer = None
        self._geographic = pyproj.CRS.from_user_input(layer.grid.crs).is_geographic
        if not one_crs:
            self._transformer = pyproj.Transformer.from_crs(grid.crs, layer.grid.crs, always_xy=True)
        self._round = self._geographic and goes_round(layer.grid)
        self._turns = self._other_turns() if self._offset is not None and self._geographic else [0]
        if self._offset is None and not categorical:
            rows, columns = self._ratio()
            if rows > 1 or columns > 1:
                self._layer = AveragedLayer(layer, rows, columns)
                # Blocks at the eastern edge are not joined with those at the western one.
                self._round = self._round and layer.grid.width % columns == 0

    @property
    def resampled(self) -> bool:
        """Whether the layer has other cells than the grid."""
        return self._offset is None

    def read(self, rows: slice, columns: slice) -> Floats:
        """Return a window of the grid, NaN where the layer has no value."""
        if self._offset is not None:
            return self._read_directly(rows, columns)
        x = self.grid.west + (np.arange(columns.start, columns.stop) + 0.5) * self.grid.cell_x
        y = self.grid.north - (np.arange(rows.start, rows.stop) + 0.5) * self.grid.cell_y
        if self._transformer is None:
            across, down = self._positions(x[None, :], y[:, None])
        else:
            across, down = self._positions(*self._transformer.transform(*np.meshgrid(x, y)))
        shape = (rows.stop - rows.start, columns.stop - columns.start)
        across, down = np.broadcast_to(across, shape), np.broadcast_to(down, shape)
        return self._resample(across, down)

    def _other_turns(self) -> list[int]:
        """Return shifts in columns, one for each turn of the globe in which the grid and the layer overlap.

        The layer is resampled if the columns of another turn do not lie on those of the grid.
        """
        assert self._offset is not None  # noqa: S101  (for the type checker)
        source, period = self._layer.grid, 360.0 / self._layer.grid.cell_x
        turns = [0]
        for turn in (-1, 1):
            shift = round(turn * period)
            first = self._offset[1] + shift
            if min(source.width, first + self.grid.width) <= max(0, first):
                continue
            if abs(shift - turn * period) > TOLERANCE:
                self._offset = None
                return [0]
            turns.append(shift)
        return turns

    def _read_directly(self, rows: slice, columns: slice) -> Floats:
        assert self._offset is not None  # noqa: S101  (for the type checker)
        source, down = self._layer.grid, self._offset[0]
        window = np.full((rows.stop - rows.start, columns.stop - columns.start), np.nan, dtype=np.float32)
        top, bottom = max(0, rows.start + down), min(source.height, rows.stop + down)
        # The turn of the layer itself is the last, because it has the last word where a layer overlaps itself.
        for across in (self._offset[1] + turn for turn in reversed(self._turns)):
            left, right = max(0, columns.start + across), min(source.width, columns.stop + across)
            if top < bottom and left < right:
                start_row, start_column = top - down - rows.start, left - across - columns.start
                part = self._layer.read(slice(top, bottom), slice(left, right))
                window[start_row : start_row + bottom - top, start_column : start_column + right - left] = part
        return window

    def _ratio(self) -> tuple[int, int]:
        """Return how many of the layer's cells a cell of the grid spans in the middle of the grid, at least 1."""
        grid, source = self.grid, self._layer.grid
        x = grid.west + grid.cell_x * (grid.width / 2.0 + np.array([0.0, 1.0, 0.0]))
        y = grid.north - grid.cell_y * (grid.height / 2.0 + np.array([0.0, 0.0, 1.0]))
        if self._transformer is not None:
            x, y = self._transformer.transform(x, y)
            if not np.isfinite([*x, *y]).all():
                return 1, 1
        across = max(abs(x[1] - x[0]), abs(x[2] - x[0])) / source.cell_x
        down = max(abs(y[1] - y[0]), abs(y[2] - y[0])) / source.cell_y
        # A tolerance, because sizes of cells are rounded decimals.
        return (
            max(1, min(source.height, math.floor(down + 1e-6))),
            max(1, min(source.width, math.floor(across + 1e-6))),
        )

    def _positions(self, x: Coordinates, y: Coordinates) -> tuple[Coordinates, Coordinates]:
        """Return columns and rows of the layer as decimal numbers; a cell's centre is at .5."""
        source = self._layer.grid
        across = x - source.west
        if self._geographic:
            # A little west of the edge is the edge, not the other end of the globe.
            with np.errstate(invalid="ignore"):
                across = np.where(np.abs(across) < 1e-9 * source.cell_x, 0.0, across) % 360.0
        return across / source.cell_x, (source.north - y) / source.cell_y

    def _resample(self, across: Coordinates, down: Coordinates) -> Floats:
        source = self._layer.grid
        result = np.full(across.shape, np.nan, dtype=np.float32)
        inside = (across >= 0.0) & (across < source.width) & (down >= 0.0) & (down < source.height)
        if not inside.any():
            return result
        margin = 0 if self._categorical else 1
        first, last = int(down[inside].min()) - margin, int(down[inside].max()) + margin
        left, right = int(across[inside].min()) - margin, int(across[inside].max()) + margin
        if (last - first + 1) * (right - left + 1) > _MOST_CELLS and max(across.shape) > _SMALLEST:
            return self._in_quarters(across, down)
        values = self._window(first, last + 1, left, right + 1)
        a, d = across[inside], down[inside]
        nearest = values[d.astype(np.int64) - first, a.astype(np.int64) - left]
        result[inside] = nearest if self._categorical else _bilinear(values, first, left, a, d, nearest)
        return result

    def _in_quarters(self, across: Coordinates, down: Coordinates) -> Floats:
        """Resample parts, where a window of the grid is a large part of the layer, as near a pole."""
        height, width = (max(1, size // 2) for size in across.shape)
        return np.concatenate(
            [
                np.concatenate(
                    [self._resample(across[r, c], down[r, c]) for c in (slice(0, width), slice(width, None))], axis=1
                )
                for r in (slice(0, height), slice(height, None))
            ],
            axis=0,
        )

    def _window(self, first: int, last: int, left: int, right: int) -> Floats:
        """Return a window that may reach beyond the layer: NaN there, or the other end of the globe."""
        source = self._layer.grid
        values = np.full((last - first, right - left), np.nan, dtype=np.float32)
        top, bottom = max(0, first), min(source.height, last)
        pieces = [(max(0, left), min(source.width, right), max(0, left) - left)]
        if self._round and left < 0:
            pieces.append((source.width + left, source.width, 0))
        if self._round and right > source.width:
            pieces.append((0, right - source.width, source.width - left))
        for start, stop, place in pieces:
            part = self._layer.read(slice(top, bottom), slice(start, stop))
            values[top - first : bottom - first, place : place + stop - start] = part
        return values


def _bilinear(values: Floats, first: int, left: int, across: Coordinates, down: Coordinates, nearest: Floats) -> Floats:
    """Return bilinear means of the neighbours with a value, where the nearest cell has one.

    Weights are of the positions in the layer, not in the window, so that every window gives the same numbers.
    """
    column, row = np.floor(across - 0.5), np.floor(down - 0.5)
    right, below = across - 0.5 - column, down - 0.5 - row
    total, weights = np.zeros(across.shape), np.zeros(across.shape)
    for step_down, weight_down in ((0, 1.0 - below), (1, below)):
        for step_right, weight_right in ((0, 1.0 - right), (1, right)):
            neighbour = values[
                np.clip(row.astype(np.int64) - first + step_down, 0, values.shape[0] - 1),
                np.clip(column.astype(np.int64) - left + step_right, 0, values.shape[1] - 1),
            ].astype(np.float64)
            weight = np.where(np.isfinite(neighbour), weight_down * weight_right, 0.0)
            total += np.where(weight > 0.0, neighbour, 0.0) * weight
            weights += weight
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(np.isfinite(nearest), total / weights, np.nan).astype(np.float32)
