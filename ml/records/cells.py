"""The cells of a set of layers, as the audit of records uses them."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Cells(Protocol):
    """Cells of a grid and their conditions.

    An implementation may also have ``names`` (one a layer) and ``categorical`` (one bool a layer). Where it has them,
    the audit names the layers without values, and does not look for outliers in categories.
    """

    width_m: float

    def cell_of(self, longitude: NDArray[np.float64], latitude: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the cell of each place, shape (n,); -1 outside the grid.

        Parameters
        ----------
        longitude, latitude : ndarray of float64, shape (n,)
            WGS 84, degrees, finite.
        """
        ...

    def has_values(self, cell: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return in which cells every layer has a value, shape (n,)."""
        ...

    def values(self, cell: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the conditions in cells, shape (n, n_layers), NaN where a layer has no value."""
        ...
