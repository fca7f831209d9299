"""Cells of a reviewed set of layers: which cell a place is in, and what the layers have there."""

from __future__ import annotations

import numpy as np
import pyproj
from numpy.typing import ArrayLike, NDArray

from ml.layers.cells import GridLookup
from ml.layers.placement import normal_crs
from ml.layers.stack import Stack
from ml.recipes.recipe import Recipe
from ml.recipes.reports import Problem

Floats = NDArray[np.float32]


def check_crs(recipe: Recipe) -> list[Problem]:
    """Return a problem for each typed CRS that is not known; `review` cannot know, because it does without PROJ."""
    problems = []
    for choice in recipe.layers:
        if choice.crs is None:
            continue
        try:
            crs = pyproj.CRS.from_user_input(normal_crs(choice.crs))
            reason = "" if crs.is_geographic or crs.is_projected else "has no horizontal coordinates"
        except pyproj.exceptions.CRSError:
            reason = "is not known: type a code, as EPSG:32632, or WKT"
        if reason:
            text = f"the CRS {choice.crs[:60]!r} of {choice.file} {reason}"
            problems.append(Problem(code="crs-unknown", text=text, file=choice.file, band=choice.band))
    return problems


class GridCells:
    """The cells of a stack, numbered row by row from the north-west. It is a `ml.records.cells.Cells`.

    Parameters
    ----------
    stack : Stack
    valid : ndarray of bool, shape (rows, columns), optional
        From `Stack.valid_mask`; without it, the cells in question are read.

    Attributes
    ----------
    width_m : float
        The smaller side of a cell, metres; on grids of degrees at the mean latitude of the grid.
    names : tuple of str
        Names of the layers.
    categorical : tuple of bool
        Whether a layer has categories.
    """

    def __init__(self, stack: Stack, valid: NDArray[np.bool_] | None = None) -> None:
        self.stack, self.grid = stack, stack.grid
        self._valid = None if valid is None else valid.ravel()
        crs = pyproj.CRS.from_user_input(self.grid.crs)
        self.names = tuple(stack.names)
        self.categorical = tuple(layer.kind == "categorical" for layer in stack.layers)
        self._lookup = GridLookup(self.grid)
        self.width_m = self._width(crs)

    def cell_of(self, longitude: ArrayLike, latitude: ArrayLike) -> NDArray[np.int64]:
        """Return the number of the cell of each place, -1 outside the grid and where a coordinate is not finite.

        Parameters
        ----------
        longitude, latitude : array-like, shape (n,)
            Degrees of WGS 84. Cells contain their western and northern edges.

        Returns
        -------
        ndarray of int64, shape (n,)
        """
        return self._lookup.cell_of(longitude, latitude)

    def has_values(self, cell: ArrayLike) -> NDArray[np.bool_]:
        """Return whether every layer has a value in each cell; False outside the grid. Shape (n,)."""
        cells = np.asarray(cell, dtype=np.int64)
        if self._valid is None:
            return np.asarray(np.isfinite(self.values(cells)).all(axis=1))
        return np.where(cells >= 0, self._valid[np.maximum(cells, 0)], False)

    def values(self, cell: ArrayLike) -> Floats:
        """Return the values of all layers in each cell, shape (n, n_layers); NaN outside the grid."""
        cells = np.asarray(cell, dtype=np.int64)
        values = np.full((cells.size, len(self.stack.names)), np.nan, dtype=np.float32)
        inside = cells >= 0
        row, column = np.divmod(cells[inside], self.grid.width)
        values[inside] = self.stack.sample(row, column)
        return values

    def _width(self, crs: pyproj.CRS) -> float:
        grid = self.grid
        if not self._lookup.geographic:
            factor = crs.axis_info[0].unit_conversion_factor if crs.axis_info else 1.0
            return float(min(grid.cell_x, grid.cell_y) * factor)
        middle = min(90.0, max(-90.0, grid.north - grid.height * grid.cell_y / 2.0))
        geod = crs.get_geod() or pyproj.Geod(ellps="WGS84")
        half = grid.cell_y / 2.0
        _, _, across = geod.inv(0.0, middle, min(grid.cell_x, 180.0), middle)
        _, _, down = geod.inv(0.0, max(-90.0, middle - half), 0.0, min(90.0, middle + half))
        return float(min(across, down))
