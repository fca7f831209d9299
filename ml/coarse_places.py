"""Places of records on a coarse grid, for those who may not see them exactly. One place always gives the same cell.

Latitudes and longitudes are first rounded to 0.01° (`rounded`), as model cards store them, so that a record gives the
same cell whichever source it is read from. The rows of the grid are 0.01°, 0.1° or 0.5° high, and the cells of a row so
wide that they measure as much on the ground; at the ends, cells are larger and never smaller. Places are generalised
and not moved at random: random shifts average out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: Width of the cells in kilometres, at least.
GridKm = Literal[1, 10, 50]
GRIDS_KM: Final[tuple[GridKm, ...]] = get_args(GridKm)
#: Height of the rows, in hundredths of a degree.
_HEIGHTS: Final[dict[int, int]] = {1: 1, 10: 10, 50: 50}
_TURN, _HALF_TURN = 36_000, 18_000
#: Decimals of degrees in lists of records, of numbers of single precision, and of model cards.
_STEPS: Final = (6, 4, 2)


def coarsen(longitude: ArrayLike, latitude: ArrayLike, grid_km: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the centres of the cells that places lie in.

    Parameters
    ----------
    longitude, latitude : array_like, shape (n,)
        Degrees of WGS 84. A place that is not finite stays one.
    grid_km : int
        One of `GRIDS_KM`.

    Returns
    -------
    tuple of ndarray of float64, shape (n,)
        Longitudes and latitudes.
    """
    height = _HEIGHTS[grid_km]
    x, y = np.asarray(longitude, dtype=np.float64), np.asarray(latitude, dtype=np.float64)
    known = np.isfinite(x) & np.isfinite(y)
    east = (_hundredths(np.where(known, x, 0.0)) + _HALF_TURN) % _TURN
    north = np.clip(_hundredths(np.where(known, y, 0.0)) + 9_000, 0, _HALF_TURN)
    row = np.minimum(north // height, _HALF_TURN // height - 1)
    width = _widths(row, height)
    column = np.minimum(east // width, _TURN // width - 1)
    # the last cell of a row has what is left over, and the last row the pole
    last = column == _TURN // width - 1
    right = np.where(last, _TURN, (column + 1) * width) - 1
    top = np.where(row == _HALF_TURN // height - 1, _HALF_TURN, (row + 1) * height - 1)
    centre_x = ((column * width + right) / 2 - _HALF_TURN) / 100.0
    centre_y = ((row * height + top) / 2 - 9_000) / 100.0
    return np.where(known, np.round(centre_x, 3), np.nan), np.where(known, np.round(centre_y, 3), np.nan)


def coarsen_place(longitude: float, latitude: float, grid_km: int) -> tuple[float, float]:
    """Return the centre of the cell that one place lies in, as longitude and latitude."""
    x, y = coarsen([longitude], [latitude], grid_km)
    return float(x[0]), float(y[0])


def rounded(degrees: ArrayLike) -> NDArray[np.float64]:
    """Return degrees to 0.01°, as model cards have them and as cells are found.

    They are rounded in steps: to 6 decimals, which lists of records have, to those of single precision, then to two. So
    the result is the same whichever of them is rounded.
    """
    result: NDArray[np.float64] = np.asarray(degrees, dtype=np.float64)
    for digits in _STEPS:
        result = np.round(result, digits)
    return result


def cells_of(places: Iterable[tuple[float, float]], grid_km: int) -> list[tuple[float, float]]:
    """Return the centres of the cells that have places, each once, ordered by longitude and latitude."""
    listed = list(places)
    if not listed:
        return []
    x, y = coarsen([place[0] for place in listed], [place[1] for place in listed], grid_km)
    return sorted(set(zip(x.tolist(), y.tolist(), strict=True)))


def _hundredths(degrees: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.rint(rounded(degrees) * 100.0).astype(np.int64)


def _widths(row: NDArray[np.int64], height: int) -> NDArray[np.int64]:
    """Return the width of the cells of rows in hundredths of a degree, by the edge that is nearer to a pole."""
    edge = np.maximum(np.abs(row * height - 9_000), np.abs((row + 1) * height - 9_000)) / 100.0
    scale = np.cos(np.radians(np.minimum(edge, 90.0)))
    widest = height / np.maximum(scale, height / _TURN)
    # the same cell on every computer: a cosine differs in its last digit
    return np.minimum(np.ceil(widest - 1e-6), _TURN).astype(np.int64)
