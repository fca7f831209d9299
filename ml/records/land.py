"""Land and sea at places, from the 1 km mask in the wheel ``global-land-mask``."""

from __future__ import annotations

import importlib.util
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_ROWS, _COLUMNS, _PER_DEGREE = 21_600, 43_200, 120
#: Rows of the mask that are read at once: 1.4 MB.
_BLOCK = 32
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def mask_file() -> Path | None:
    """Return the file of the mask, or None where the wheel is not installed. The wheel's module is not imported."""
    spec = importlib.util.find_spec("global_land_mask")
    if spec is None or not spec.submodule_search_locations:
        return None
    path = Path(spec.submodule_search_locations[0], "globe_combined_mask_compressed.npz")
    return path if path.is_file() else None


def surroundings(longitude: Floats, latitude: Floats, tolerance: int = 1) -> tuple[Bools, Bools, Bools]:
    """Return for places whether they are in the sea, and whether everything around them is sea, or land.

    The mask is decompressed block by block: 27 MB instead of the 933 MB that the wheel's module needs.

    Parameters
    ----------
    longitude, latitude : ndarray of float64, shape (n,)
        WGS 84, degrees, finite and in range.
    tolerance : int
        Cells of 1/120 degree (0.9 km at the equator) around the cell of a place, 0 to 16.

    Returns
    -------
    sea : ndarray of bool, shape (n,)
        Whether the cell of the place is sea. All False where the mask is not installed.
    all_sea, all_land : ndarray of bool, shape (n,)
        Whether all cells within the tolerance are sea, or land.
    """
    n = len(longitude)
    sea, all_sea, all_land = (np.zeros(n, dtype=bool) for _ in range(3))
    path = mask_file()
    if path is None or not n:
        return sea, all_sea, all_land
    row = np.clip(np.floor((90.0 - latitude) * _PER_DEGREE), 0, _ROWS - 1).astype(np.int64)
    column = (np.floor((longitude + 180.0) * _PER_DEGREE) % _COLUMNS).astype(np.int64)
    cells, inverse = np.unique(row * _COLUMNS + column, return_inverse=True)
    results = np.zeros((3, len(cells)), dtype=bool)
    done = 0
    for first, block in _blocks(path, tolerance):
        end = int(np.searchsorted(cells, (first + _BLOCK) * _COLUMNS))
        if end > done:
            results[:, done:end] = _look_up(block, cells[done:end] - first * _COLUMNS, tolerance)
            done = end
        if done == len(cells):
            break
    return results[0][inverse], results[1][inverse], results[2][inverse]


def _look_up(block: NDArray[np.bool_], cells: NDArray[np.int64], tolerance: int) -> NDArray[np.bool_]:
    row, column = np.divmod(cells, _COLUMNS)
    # The block begins with rows of the block before.
    centre = row + tolerance
    sea = np.asarray(block[centre, column])
    every, some = sea.copy(), sea.copy()
    for down in range(-tolerance, tolerance + 1):
        for right in range(-tolerance, tolerance + 1):
            near = block[np.clip(centre + down, 0, len(block) - 1), (column + right) % _COLUMNS]
            every &= near
            some |= near
    return np.stack([sea, every, ~some])


def _blocks(path: Path, halo: int) -> Iterator[tuple[int, Bools]]:
    """Yield the number of the first row, and rows with those of the blocks before and after (True for sea)."""
    with zipfile.ZipFile(path) as archive, archive.open("mask.npy") as stream:
        version = np.lib.format.read_magic(stream)
        if version != (1, 0):
            raise ValueError(f"{path.name}: the mask is not in the format that is known")
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
        if shape != (_ROWS, _COLUMNS) or fortran or dtype != np.bool_:
            raise ValueError(f"{path.name}: the mask has another shape or type than the one that is known")
        rows = np.zeros((halo, _COLUMNS), dtype=bool)
        for first in range(0, _ROWS, _BLOCK):
            n_needed = halo + min(_BLOCK + halo, _ROWS - first) - len(rows)
            content = stream.read(n_needed * _COLUMNS)
            if len(content) != n_needed * _COLUMNS:
                raise ValueError(f"{path.name}: the mask is cut off")
            rows = np.concatenate([rows, np.frombuffer(content, dtype=np.bool_).reshape(-1, _COLUMNS)])
            yield first, rows
            rows = rows[_BLOCK:]
