"""Hash of the values of a layer and of their places on its grid, whatever the blocks and the order of the file are.

The hash is a sum over cells, so that windows can be added in any order: the bits of the value as float32 times a weight
of the row times a weight of the column, modulo 2^64.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ml.layers.placement import Placement

_MASK = 2**64 - 1
_NO_VALUE = np.float32(np.nan)


def weights(placement: Placement, rows: slice, columns: slice) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Return the weights of rows and columns of a file, which depend on their places on the grid that is north up."""
    grid = placement.grid
    row, column = np.arange(rows.start, rows.stop), np.arange(columns.start, columns.stop)
    if placement.flip:
        row = grid.height - 1 - row
    return _random(2 * row), _random(2 * ((column - placement.roll) % grid.width) + 1)


def weigh(cells: NDArray[np.bool_], row: NDArray[np.uint64], column: NDArray[np.uint64]) -> int:
    """Return the sum of the weights of the cells that are True in a window."""
    return _sum(cells.astype(np.uint64), row, column)


def hash_window(values: NDArray[np.float32], row: NDArray[np.uint64], column: NDArray[np.uint64]) -> int:
    """Return the part of the hash of a window; cells that are NaN have no part in it."""
    # -0.0 is 0.0.
    bits = (values + np.float32(0.0)).view(np.uint32).astype(np.uint64)
    bits[np.isnan(values)] = 0
    return _sum(bits, row, column)


def add_value(total: int, value: float, weight: int) -> int:
    """Return a hash with a value added in cells that have the sum of weights `weight`; NaN for no value."""
    with np.errstate(over="ignore", invalid="ignore"):
        number = _NO_VALUE if np.isnan(value) else np.float32(value) + np.float32(0.0)
    return (total + int(number.view(np.uint32)) * weight) & _MASK


def _sum(numbers: NDArray[np.uint64], row: NDArray[np.uint64], column: NDArray[np.uint64]) -> int:
    return int((numbers @ column) @ row)


def _random(numbers: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Return odd numbers that look random, one for each whole number (splitmix64, Steele et al. 2014)."""
    state = numbers.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(0x9E3779B97F4A7C15)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (state ^ (state >> np.uint64(31))) | np.uint64(1)
