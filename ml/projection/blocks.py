"""One block of a map: read, encoded, answered and written to raw files. It runs in any process."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.layers.cells import GridLookup
from ml.layers.raster_values import windows
from ml.layers.stack import Stack
from ml.projection.areas import CellAreas
from ml.projection.cells import CellEncoder, Unanswered
from ml.projection.local_processes import watch_parent
from ml.projection.quantities import Quantity, quantities_of, stored
from ml.projection.raw_files import checksum, raw_file, write_at
from ml.projection.shifts import add_shift
from ml.projection.stored_inputs import StoredStack, is_stored
from ml.recipes.reports import Grid, LayerReport
from ml.serving.artifact import Artifact, load_artifact
from ml.serving.bulk import answer_encoded
from ml.serving.verdict import VERDICTS

#: Cells of a block: a few seconds of work, and some tens of megabytes.
BLOCK_CELLS = 2**18
#: Cells and values that are computed together.
_BATCH = 2**16
_MOST_VALUES = 2**24


@dataclass(frozen=True)
class Projection:
    """What a process needs in order to compute blocks. It can be pickled.

    Attributes
    ----------
    key : str
        Of the inputs and the program: the same key gives the same bytes.
    model : Path
    folder : Path
        Has the files of the layers.
    layers : list of LayerReport
        In the order of the model's predictors.
    names : list of str
    grid : Grid
    block : tuple of int
        Rows and columns of the layers' own blocks.
    work : Path
        Has the raw files.
    cells : int
        Of a block.
    shift : dict of str to float
        A number that is added to all cells, by predictor.
    """

    key: str
    model: Path
    folder: Path
    layers: list[LayerReport]
    names: list[str]
    grid: Grid
    block: tuple[int, int]
    work: Path
    cells: int = BLOCK_CELLS
    shift: dict[str, float] = field(default_factory=dict)

    def windows(self) -> list[tuple[slice, slice]]:
        """Return the blocks of the map, in their order."""
        return list(block_windows(self.grid, self.block, len(self.names), self.cells))


def block_windows(
    grid: Grid, block: tuple[int, int], n_layers: int, cells: int = BLOCK_CELLS
) -> Iterator[tuple[slice, slice]]:
    """Yield the blocks of a grid: complete blocks of the layers, smaller for many layers."""
    cells = min(cells, _MOST_VALUES // max(1, n_layers))
    for rows, columns in windows(grid.height, grid.width, block, cells):
        # A block of a file can be larger.
        step = max(1, cells // (columns.stop - columns.start))
        for top in range(rows.start, rows.stop, step):
            yield slice(top, min(rows.stop, top + step)), columns


@dataclass
class BlockResult:
    """What the summary of a map needs from a block.

    Attributes
    ----------
    number : int
    checksum : int
        CRC-32 of the bytes of all quantities.
    cells : list of int
        Number of cells by verdict.
    areas : list of float
        Square kilometres by verdict.
    beyond : int
        Cells outside the area of applicability.
    beyond_area : float
    outside_range : int
        Cells with a value outside its training range, which are among those beyond.
    outside_range_area : float
    unanswered : dict
        `Unanswered.as_json`.
    """

    number: int
    checksum: int
    cells: list[int]
    areas: list[float]
    beyond: int
    beyond_area: float
    outside_range: int
    outside_range_area: float
    unanswered: dict[str, Any]


class BlockAnswers:
    """Answers of windows of a stack.

    Parameters
    ----------
    artifact : Artifact
    stack : Stack
        In the order of the predictors.
    shift : mapping of str to float, optional
        A number that is added to all cells, by predictor.
    """

    def __init__(self, artifact: Artifact, stack: Stack, shift: Mapping[str, float] | None = None) -> None:
        self.artifact, self.stack, self._shift = artifact, stack, dict(shift or {})
        self.quantities = quantities_of(artifact.card)
        self._encoder = CellEncoder(artifact.card.predictors, stack.layers)
        self._areas = CellAreas(stack.grid)
        self._lookup = GridLookup(stack.grid)

    def answer(
        self, values: NDArray[np.float32], at_rows: NDArray[np.int64], at_columns: NDArray[np.int64]
    ) -> tuple[dict[str, NDArray[Any]], Unanswered]:
        """Return each quantity of cells as it is stored, and the numbers of cells without an answer.

        Parameters
        ----------
        values : ndarray of float32, shape (n_predictors, rows, columns)
            Of the layers; a shift is added in place.
        at_rows, at_columns : ndarray of int64
            Of the grid.
        """
        add_shift(self.stack.names, values, self._shift)
        _, height, width = values.shape
        results = {quantity.name: quantity.empty(height * width) for quantity in self.quantities}
        rows = self._encoder.encode(values, ~self._lookup.centres_have_places(at_rows, at_columns))
        for start in range(0, len(rows.cells), _BATCH):
            part = slice(start, start + _BATCH)
            answers = answer_encoded(self.artifact, rows.natural[part], rows.encoded[part])
            for quantity in self.quantities:
                results[quantity.name][rows.cells[part]] = stored(quantity, answers)
        return {name: result.reshape(height, width) for name, result in results.items()}, rows.unanswered

    def areas(self, rows: slice, columns: slice) -> NDArray[np.float64]:
        """Return the areas of the cells of a window, square kilometres, shape (rows, columns)."""
        return np.broadcast_to(self._areas.of(rows, columns), (rows.stop - rows.start, columns.stop - columns.start))


class _OpenProjection:
    """The model and the layers of a projection, open in this thread."""

    def __init__(self, projection: Projection, artifact: Artifact | None = None, stack: Stack | None = None) -> None:
        self.windows = projection.windows()
        self._work, self._width = projection.work, projection.grid.width
        self._exit = ExitStack()
        try:
            if stack is None:
                kind = StoredStack if is_stored(projection.folder) else Stack
                stack = self._exit.enter_context(
                    kind(projection.folder, projection.layers, projection.grid, projection.names)
                )
            self.answers = BlockAnswers(artifact or load_artifact(projection.model), stack, projection.shift)
        except BaseException:
            self._exit.close()
            raise

    def close(self) -> None:
        """Close the files."""
        self._exit.close()

    def compute(self, number: int) -> BlockResult:
        """Compute a block and write it."""
        rows, columns = self.windows[number]
        results, unanswered = self.answers.answer(
            self.answers.stack.read(rows, columns),
            np.arange(rows.start, rows.stop),
            np.arange(columns.start, columns.stop),
        )
        for quantity in self.answers.quantities:
            self._write(quantity, results[quantity.name], rows, columns)
        verdict = results["verdict"].ravel()
        area = self.answers.areas(rows, columns).ravel()
        beyond = results["inside"].ravel() == 0
        # NaN, where there is no answer, is not negative.
        outside_range = results["mess"].ravel() < 0
        return BlockResult(
            number=number,
            checksum=checksum(self.answers.quantities, results),
            cells=np.bincount(verdict, minlength=256)[: len(VERDICTS)].tolist(),
            areas=[math.fsum(area[verdict == value]) for value in range(len(VERDICTS))],
            beyond=int(beyond.sum()),
            beyond_area=math.fsum(area[beyond]),
            outside_range=int(outside_range.sum()),
            outside_range_area=math.fsum(area[outside_range]),
            unanswered=unanswered.as_json(),
        )

    def _write(self, quantity: Quantity, values: NDArray[Any], rows: slice, columns: slice) -> None:
        size = quantity.itemsize
        # It is not kept open, because a process of a cluster would hold the space of a file that is removed.
        handle = os.open(raw_file(self._work, quantity), os.O_WRONLY | os.O_CLOEXEC)
        try:
            if columns.stop - columns.start == self._width:
                write_at(handle, values.tobytes(), rows.start * self._width * size)
                return
            for row, line in zip(range(rows.start, rows.stop), values, strict=True):
                write_at(handle, line.tobytes(), (row * self._width + columns.start) * size)
        finally:
            os.close(handle)


class _Thread(threading.local):
    """What a thread has open: GDAL's files are not shared between threads."""

    key: tuple[str, Path] | None = None
    projection: _OpenProjection | None = None


_thread = _Thread()


def compute_block(projection: Projection, number: int) -> BlockResult:
    """Compute one block and write it to the raw files.

    Raises
    ------
    ml.layers.errors.LayerError
        A file is damaged.
    OSError
        The disk is full.
    """
    watch_parent()
    if _thread.projection is None or _thread.key != (projection.key, projection.work):
        _replace(projection, None, None)
    assert _thread.projection is not None  # noqa: S101  (for the type checker)
    return _thread.projection.compute(number)


def _replace(projection: Projection, artifact: Artifact | None, stack: Stack | None) -> None:
    close_projection()
    _thread.projection = _OpenProjection(projection, artifact, stack)
    _thread.key = (projection.key, projection.work)


def close_projection() -> None:
    """Close what this thread has open for blocks."""
    if _thread.projection is not None:
        _thread.projection.close()
    _thread.projection = _thread.key = None


@contextmanager
def opened_here(projection: Projection, artifact: Artifact, stack: Stack) -> Iterator[None]:
    """Compute the blocks of this thread, within the context, with a model and layers that are open already."""
    _replace(projection, artifact, stack)
    try:
        yield
    finally:
        close_projection()
