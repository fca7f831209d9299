"""The layers of a set on one grid, read block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ml.layers.errors import LayerError
from ml.layers.inspection import open_source, place_source
from ml.layers.placement import normal_crs
from ml.layers.raster_values import Source, Surface, windows
from ml.layers.rasters import gdal
from ml.layers.resampling import AlignedLayer
from ml.recipes.recipe import Recipe
from ml.recipes.reports import Grid, LayerReport, LayersReport

Floats = NDArray[np.float32]


class Stack:
    """Layers that are aligned to one grid. Use it as a context, or close it.

    Attributes
    ----------
    folder : Path
        Has the files.
    names : list of str
        Canonical names, in the order of the columns of `sample`.
    layers : list of LayerReport
    grid : Grid
    shape : tuple of int
        Rows and columns of the grid.
    block : tuple of int
        Rows and columns that are decoded as one piece.
    """

    def __init__(self, folder: Path, layers: Sequence[LayerReport], grid: Grid, names: Sequence[str]) -> None:
        self.names, self.layers, self.grid = list(names), list(layers), grid
        self.folder, self.shape = folder, (grid.height, grid.width)
        self._exit = ExitStack()
        self._exit.enter_context(gdal())
        try:
            self._open(folder)
        except BaseException:
            self.close()
            raise

    def _open(self, folder: Path) -> None:
        sources: dict[str, Source] = {}
        self._aligned: list[AlignedLayer] = []
        for layer in self.layers:
            path = folder / layer.file
            if layer.file not in sources:
                sources[layer.file] = open_source(path)
                self._exit.callback(sources[layer.file].close)
            source = sources[layer.file]
            if layer.band not in [band.band for band in source.bands]:
                raise LayerError(f"{layer.file} has no band {layer.band}: the file is not the one that was inspected")
            placement = place_source(path, source, normal_crs(layer.crs or ""))
            surface = Surface(source, layer.band, placement, tuple(layer.missing), layer.scale, layer.offset)
            if not placement.grid.crs:
                raise LayerError(f"{layer.file} does not state its coordinate reference system: type it")
            self._aligned.append(AlignedLayer(surface, self.grid, layer.kind == "categorical"))
        # Blocks of the first layer that has the grid itself, so that each is decoded once.
        first = next((n for n, layer in enumerate(self._aligned) if not layer.resampled), None)
        self.block = (256, 256) if first is None else sources[self.layers[first].file].layout.block
        self._windows = list(windows(*self.shape, self.block))

    def __enter__(self) -> Stack:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all files."""
        self._exit.close()

    def windows(self) -> Iterator[tuple[slice, slice]]:
        """Yield windows of rows and columns that cover the grid."""
        yield from self._windows

    def read(self, rows: slice, columns: slice) -> Floats:
        """Return a window of all layers, shape (n_layers, rows, columns), NaN where a layer has no value.

        Raises
        ------
        LayerError
            A file is damaged.
        """
        values = np.empty((len(self.names), rows.stop - rows.start, columns.stop - columns.start), dtype=np.float32)
        for number, layer in enumerate(self._aligned):
            values[number] = layer.read(rows, columns)
        return values

    def valid_mask(self, progress: Callable[[float], None] | None = None) -> tuple[NDArray[np.bool_], dict[str, int]]:
        """Return the cells in which every layer has a value.

        Parameters
        ----------
        progress : callable, optional
            Gets the share that is done.

        Returns
        -------
        valid : ndarray of bool, shape (rows, columns)
        lost : dict of str to int
            Cells that only this layer lacks, by name.
        """
        valid = np.zeros(self.shape, dtype=bool)
        lost = dict.fromkeys(self.names, 0)
        for done, (rows, columns) in enumerate(self._windows, 1):
            lacking = np.zeros((rows.stop - rows.start, columns.stop - columns.start), dtype=np.int32)
            # Number of the layer that lacks the cell, where it is one alone.
            alone = np.zeros(lacking.shape, dtype=np.int32)
            for number, layer in enumerate(self._aligned):
                missing = np.isnan(layer.read(rows, columns))
                lacking += missing
                alone[missing] = number
            valid[rows, columns] = lacking == 0
            if len(self.names) > 1:
                counts = np.bincount(alone[lacking == 1], minlength=len(self.names))
                for name, count in zip(self.names, counts.tolist(), strict=True):
                    lost[name] += count
            if progress is not None:
                progress(done / len(self._windows))
        return valid, lost

    def sample(self, rows: ArrayLike, columns: ArrayLike) -> Floats:
        """Return the values of cells.

        Parameters
        ----------
        rows, columns : array-like of int, shape (n,)
            Within the grid.

        Returns
        -------
        ndarray of float32, shape (n, n_layers)
            The same numbers as `read`; NaN where a layer has no value.
        """
        row, column = np.asarray(rows, dtype=np.int64), np.asarray(columns, dtype=np.int64)
        values = np.empty((row.size, len(self.names)), dtype=np.float32)
        if not row.size:
            return values
        if row.min() < 0 or column.min() < 0 or row.max() >= self.shape[0] or column.max() >= self.shape[1]:
            raise ValueError("a cell is outside the grid")
        first = self._windows[0]
        height, width = first[0].stop, first[1].stop
        across = -(-self.shape[1] // width)
        order = np.argsort((row // height) * across + column // width, kind="stable")
        blocks = ((row // height) * across + column // width)[order]
        edges = [0, *(np.flatnonzero(np.diff(blocks)) + 1).tolist(), blocks.size]
        for start, stop in pairwise(edges):
            part = order[start:stop]
            top, left = int(row[part].min()), int(column[part].min())
            window = self.read(slice(top, int(row[part].max()) + 1), slice(left, int(column[part].max()) + 1))
            values[part] = window[:, row[part] - top, column[part] - left].T
        return values


def open_stack(folder: Path, layers: LayersReport, recipe: Recipe, scenario: str | None = None) -> Stack:
    """Open the layers of the training set, or those of a scenario with the static layers carried over.

    Parameters
    ----------
    folder : Path
        Of the study's files.
    layers : LayersReport
        From `review`, with the choices applied.
    recipe : Recipe
        Not used beyond what the report states; the signature leaves room for it.
    scenario : str, optional
        Label of a scenario; its stack has the names of the training set that it has or that are carried over.

    Returns
    -------
    Stack
        In the order of `layers.training`.

    Raises
    ------
    LayerError
        There are no layers, no such scenario, or a file cannot be read.
    """
    del recipe
    if layers.grid is None or not layers.grid.crs or not layers.training:
        raise LayerError("there is no grid to align the layers to: add a layer with a coordinate reference system")
    chosen: dict[str, LayerReport] = {}
    for layer, role in zip(layers.layers, layers.roles, strict=True):
        if role in ("training", "static") and (scenario is None or role == "static"):
            chosen.setdefault(layer.name, layer)
    if scenario is not None:
        own = {
            layer.name: layer
            for layer, role in zip(layers.layers, layers.roles, strict=True)
            if role == "scenario" and layer.scenario is not None and layer.scenario.label == scenario
        }
        if not own:
            raise LayerError(f"there is no scenario {scenario!r}")
        chosen |= own
    names = [name for name in layers.training if name in chosen]
    return Stack(folder, [chosen[name] for name in names], layers.grid, names)
