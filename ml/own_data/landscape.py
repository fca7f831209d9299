"""The layers of a study on one grid, with the mask of the cells in which every training layer has a value."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyproj
from numpy.typing import NDArray

from ml.layers.grid import GridCells, check_crs
from ml.layers.review import review
from ml.layers.stack import Stack, open_stack
from ml.recipes.recipe import LayerChoice, Recipe
from ml.recipes.reports import FileReport, LayerReport, LayersReport, Problem


@dataclass(frozen=True)
class Landscape:
    """The layers of a study.

    Attributes
    ----------
    report : LayersReport
        With the number of cells in common.
    cells : GridCells
    mask : ndarray of bool, shape (height, width)
        Cells in which every training layer has a value.
    recipe : Recipe
    """

    report: LayersReport
    cells: GridCells
    mask: NDArray[np.bool_]
    recipe: Recipe

    @property
    def used(self) -> list[LayerReport]:
        """The training layers, in the order of the predictors."""
        by_name = {
            layer.name: layer
            for layer, role in zip(self.report.layers, self.report.roles, strict=True)
            if role in ("training", "static")
        }
        return [by_name[name] for name in self.report.training]

    @property
    def n_valid(self) -> int:
        """Number of cells in which every training layer has a value."""
        return int(self.mask.sum())

    @property
    def extent(self) -> tuple[float, float, float, float] | None:
        """West, south, east and north of the grid in degrees of WGS 84, where known."""
        layers = self.report.layers
        return next((one.extent for one in layers if (one.file, one.band) == self.report.grid_of), None)

    def choice_of(self, layer: LayerReport) -> LayerChoice | None:
        """Return the choice that the recipe makes for a layer."""
        # The last of several, as in a review.
        return next((c for c in reversed(self.recipe.layers) if (c.file, c.band) == (layer.file, layer.band)), None)

    def centres(self, cell: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
        """Return the centres of cells.

        Parameters
        ----------
        cell : ndarray of int, shape (n,)

        Returns
        -------
        coordinates : ndarray, shape (n, 2)
            Longitude and latitude, degrees of WGS 84.
        projected : ndarray, shape (n, 2), or None
            Easting and northing in metres; None for a grid in degrees.
        """
        grid = self.cells.grid
        row, column = np.divmod(cell, grid.width)
        x = grid.west + (column + 0.5) * grid.cell_x
        y = grid.north - (row + 0.5) * grid.cell_y
        crs = pyproj.CRS.from_user_input(grid.crs)
        to_degrees = pyproj.Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
        longitude, latitude = to_degrees.transform(x, y)
        coordinates = np.column_stack([(np.asarray(longitude) + 180) % 360 - 180, latitude])
        if crs.is_geographic:
            return coordinates, None
        metres = crs.axis_info[0].unit_conversion_factor if crs.axis_info else 1.0
        return coordinates, np.column_stack([x, y]) * metres

    def draw_background(self, most: int, seed: int) -> NDArray[np.int64]:
        """Return background cells in ascending order: all cells of the mask, or a random sample of them.

        Parameters
        ----------
        most : int
            Largest number of cells.
        seed : int
        """
        valid = np.flatnonzero(self.mask.ravel())
        if len(valid) <= most:
            return valid.astype(np.int64)
        drawn = np.random.default_rng(seed).choice(len(valid), size=most, replace=False)
        return np.sort(valid[drawn]).astype(np.int64)


@contextlib.contextmanager
def open_landscape(
    folder: Path,
    recipe: Recipe,
    files: Sequence[FileReport],
    cache: Path | None = None,
    advance: Callable[[float], None] = lambda share: None,
) -> Iterator[Landscape | None]:
    """Open the layers of a study and find the cells that they have in common.

    The files are closed at the end of the block.

    Parameters
    ----------
    folder : Path
        Has the files.
    recipe : Recipe
    files : sequence of FileReport
    cache : Path, optional
        Folder in which the mask is kept under a name that depends on the layers.
    advance : callable, optional
        Is called with the share of the work that is done.

    Yields
    ------
    Landscape or None
        None where there is no training layer, or a layer has a blocking problem (`ml.layers.review.review` has it).

    Raises
    ------
    ml.layers.errors.LayerError
        A layer cannot be read.
    """
    report = review(recipe, sorted(files, key=lambda file: file.name))
    report = report.model_copy(update={"problems": [*report.problems, *check_crs(recipe)]})
    if report.grid is None or not report.training or any(problem.blocking for problem in report.problems):
        yield None
        return
    with open_stack(folder, report, recipe) as stack:
        yield _landscape(report, recipe, stack, cache, advance)


def _landscape(
    report: LayersReport, recipe: Recipe, stack: Stack, cache: Path | None, advance: Callable[[float], None]
) -> Landscape:
    stored = cache / f"mask-{_key(report)}.npz" if cache is not None else None
    mask, lost = _read_mask(stored, stack.shape) or stack.valid_mask(advance)
    if stored is not None and not stored.exists():
        _write_mask(stored, mask, lost)
    n_valid = int(mask.sum())
    problems = list(report.problems)
    if not n_valid:
        problems.append(Problem(code="no_common_cell", text=_no_common_cell(lost)))
    report = report.model_copy(update={"cells": n_valid, "lost": lost, "problems": problems})
    return Landscape(report, GridCells(stack, mask), mask, recipe)


def _no_common_cell(lost: dict[str, int]) -> str:
    worst = max(lost, key=lambda name: lost[name]) if lost else ""
    hint = f" Without {worst}, {lost[worst]:,} cells would be left." if worst and lost[worst] else ""
    return f"No cell has a value in every layer: the layers do not overlap, or each covers what another lacks.{hint}"


def _key(report: LayersReport) -> str:
    return hashlib.sha256(report.model_dump_json().encode()).hexdigest()[:32]


def _read_mask(path: Path | None, shape: tuple[int, int]) -> tuple[NDArray[np.bool_], dict[str, int]] | None:
    if path is None:
        return None
    try:
        with np.load(path, allow_pickle=False) as arrays:
            bits = np.unpackbits(arrays["bits"], count=shape[0] * shape[1]).astype(bool)
            lost = dict(zip(arrays["names"].tolist(), arrays["lost"].tolist(), strict=True))
            return bits.reshape(shape), lost
    except (OSError, ValueError, KeyError, EOFError):
        # There is none yet, or a damaged one.
        return None


def _write_mask(path: Path, mask: NDArray[np.bool_], lost: dict[str, int]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.stem}.part.npz")
    np.savez_compressed(
        draft,
        bits=np.packbits(mask.ravel()),
        names=np.array(list(lost), str),
        lost=np.array(list(lost.values()), np.int64),
    )
    draft.replace(path)
