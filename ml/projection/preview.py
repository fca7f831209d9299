"""A coarse preview of a map: the answers of some of its cells, within seconds at any size."""

from __future__ import annotations

import math
import shutil
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.layers.stack import Stack
from ml.projection.blocks import BlockAnswers
from ml.projection.cogs import write_cog
from ml.projection.inputs import ProjectionInputs
from ml.projection.quantities import quantities_of
from ml.projection.raw_files import raw_file
from ml.projection.summary import tags_of
from ml.recipes.reports import Grid
from ml.serving.artifact import Artifact

Cells = NDArray[np.int64]
#: Most rows and columns of a preview.
MOST = 200
#: Values that are decoded for a preview: a second or two of work.
_MOST_DECODED = 6 * 10**7


@dataclass(frozen=True)
class Preview:
    """Answers of cells in some rows and columns of a map.

    Attributes
    ----------
    rows, columns : ndarray of int
        Of the map, in ascending order.
    grid : Grid
        The extent of the map in so many rows and columns.
    quantities : dict of str to ndarray, each of shape (rows, columns)
        As the files of the map store them; each value is that of the cell of its row and column.
    """

    rows: Cells
    columns: Cells
    grid: Grid
    quantities: dict[str, NDArray[Any]]


def preview(artifact: Artifact, inputs: ProjectionInputs, most: int = MOST) -> Preview:
    """Answer some rows and columns of a map.

    Parameters
    ----------
    artifact : Artifact
    inputs : ProjectionInputs
    most : int
        Largest number of rows, and of columns.

    Returns
    -------
    Preview

    Raises
    ------
    ml.layers.errors.LayerError
        A file is damaged.
    """
    stack = inputs.stack
    rows, columns = choose_cells(stack.shape, stack.block, len(stack.names), most)
    results, _ = BlockAnswers(artifact, stack, inputs.shift).answer(_read(stack, rows, columns), rows, columns)
    grid = stack.grid.model_copy(
        update={
            "height": len(rows),
            "width": len(columns),
            "cell_y": stack.grid.cell_y * stack.grid.height / len(rows),
            "cell_x": stack.grid.cell_x * stack.grid.width / len(columns),
        }
    )
    return Preview(rows, columns, grid, results)


def choose_cells(shape: tuple[int, int], block: tuple[int, int], n_layers: int, most: int) -> tuple[Cells, Cells]:
    """Return the rows and columns of a preview.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns of the map.
    block : tuple of int
        Rows and columns that are decoded as one piece.
    n_layers : int
    most : int

    Returns
    -------
    rows, columns : ndarray of int64
        Evenly spaced; in large files each is moved into some of the blocks, so that the others are not decoded.
    """
    chosen = [_spread(size, min(size, most)) for size in shape]
    pieces = [max(1, min(size, length)) for size, length in zip(block, shape, strict=True)]
    counts = [len(np.unique(cells // piece)) for cells, piece in zip(chosen, pieces, strict=True)]
    excess = math.prod(counts) * math.prod(pieces) * n_layers / _MOST_DECODED
    if excess > 1.0:
        # Blocks that go all the way across can be left out in one direction alone.
        divided = [count > 1 for count in counts]
        first = max(1, round(math.sqrt(excess))) if all(divided) else math.ceil(excess)
        groups = (first, math.ceil(excess / first) if all(divided) else math.ceil(excess))
        chosen = [
            _gather(cells, piece, group, size) if can_divide else cells
            for cells, piece, group, size, can_divide in zip(chosen, pieces, groups, shape, divided, strict=True)
        ]
    return chosen[0], chosen[1]


def _spread(size: int, n: int) -> Cells:
    return np.floor((np.arange(n) + 0.5) * size / n).astype(np.int64)


def _gather(cells: Cells, piece: int, group: int, size: int) -> Cells:
    """Move cells of each group of blocks into the middle one, in their order."""
    span = piece * group
    first = cells // span
    middle = np.minimum(first * group + group // 2, (size - 1) // piece) * piece
    length = np.minimum(piece, size - middle)
    covered = np.minimum(span, size - first * span)
    return np.asarray(np.unique(middle + (cells - first * span) * length // covered))


def _read(stack: Stack, rows: Cells, columns: Cells) -> NDArray[np.float32]:
    values = np.empty((len(stack.names), len(rows), len(columns)), np.float32)
    across = _runs(columns, stack.block[1])
    for part, top, bottom in _runs(rows, stack.block[0]):
        for other, left, right in across:
            window = stack.read(slice(top, bottom), slice(left, right))
            values[:, part, other] = window[:, rows[part] - top][:, :, columns[other] - left]
    return values


def _runs(cells: Cells, piece: int) -> list[tuple[slice, int, int]]:
    """Return cells of one block each: their positions, and the first and the last cell."""
    runs = []
    for _, members in groupby(range(len(cells)), key=lambda n: int(cells[n]) // max(1, piece)):
        positions = list(members)
        runs.append((slice(positions[0], positions[-1] + 1), int(cells[positions[0]]), int(cells[positions[-1]]) + 1))
    return runs


def write_preview(artifact: Artifact, inputs: ProjectionInputs, folder: Path, draft: Path, most: int = MOST) -> None:
    """Write a preview as a folder of files with the names of the map's, complete or not at all.

    Parameters
    ----------
    artifact : Artifact
    inputs : ProjectionInputs
    folder : Path
        Is replaced.
    draft : Path
        On the same disk.
    most : int
    """
    coarse = preview(artifact, inputs, most)
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    for quantity in quantities_of(artifact.card):
        raw = raw_file(draft, quantity)
        coarse.quantities[quantity.name].tofile(raw)
        tags = tags_of(artifact, inputs, quantity) | {"PREVIEW": "some cells of the map"}
        write_cog(draft, quantity, coarse.grid, tags)
        raw.unlink()
    shutil.rmtree(folder, ignore_errors=True)
    draft.replace(folder)
