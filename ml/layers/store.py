"""Writing of stored layers, block by block, into a draft that is moved into place."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ml.layers.cells import GridLookup
from ml.layers.errors import LayerError
from ml.layers.stored_index import INDEX, StoredLayers, StoredLayersError, StoredSet, count_bytes, read_index
from ml.recipes.reports import Grid

#: Share of the free disk space that one store may take.
_DISK_SHARE = 0.5
_DRAFT = ".writing-"
#: Places in each direction from which the extent of a projected grid is known; wider than this it goes all around.
_NODES, _ALL_AROUND = 33, 345.0


class Blocks(Protocol):
    """Layers on a grid that are read window by window, as `ml.layers.stack.Stack`."""

    def windows(self) -> Iterator[tuple[slice, slice]]:
        """Yield windows that cover the grid."""

    def read(self, rows: slice, columns: slice) -> NDArray[np.float32]:
        """Return a window, shape (n_layers, rows, columns), NaN where a layer has no value."""


@dataclass(frozen=True)
class ArrayBlocks:
    """Layers in memory.

    Attributes
    ----------
    values : ndarray of float32, shape (n_layers, height, width)
    """

    values: NDArray[np.float32] = field(repr=False)

    def windows(self) -> Iterator[tuple[slice, slice]]:
        """Yield the whole grid."""
        yield slice(0, self.values.shape[1]), slice(0, self.values.shape[2])

    def read(self, rows: slice, columns: slice) -> NDArray[np.float32]:
        """Return a window, shape (n_layers, rows, columns)."""
        return self.values[:, rows, columns]

    @contextmanager
    def open(self) -> Iterator[ArrayBlocks]:
        """Yield itself, as a `SetSource` opens layers."""
        yield self


@dataclass(frozen=True)
class SetSource:
    """A layer set to be stored.

    Attributes
    ----------
    about : StoredSet
    open : callable
        Opens the layers, in the order of `about.layers`.
    """

    about: StoredSet
    open: Callable[[], AbstractContextManager[Blocks]]


def write_store(
    home: Path, index: StoredLayers, sources: Sequence[SetSource], advance: Callable[[float], None] = lambda share: None
) -> Path:
    """Write the layer sets of a study, unless they are there.

    Memory is bounded by one window; the disk takes four bytes a cell, layer and set. The sets of scenarios repeat the
    layers that do not change, so that the values of a cell lie together in each of them.

    Parameters
    ----------
    home : Path
        Folder of the study's stores; made where it is missing.
    index : StoredLayers
        Its sets are those of `sources`.
    sources : sequence of SetSource
    advance : callable, optional
        Is called with the share of the work that is done.

    Returns
    -------
    Path
        The folder, whose name is the key.

    Raises
    ------
    LayerError
        The disk has not enough space, or a layer cannot be read.
    """
    final = home / index.key
    if _add_trained(final, index):
        return final
    home.mkdir(parents=True, exist_ok=True)
    size = count_bytes(index.grid, len(index.sets[0].layers), len(index.sets))
    free = shutil.disk_usage(home).free
    if size > _DISK_SHARE * free:
        raise LayerError(
            f"the values of the layers take {size / 1e9:,.1f} GB, and {free / 1e9:,.1f} GB are free: at most half of "
            "the free space is used"
        )
    _remove_abandoned(home)
    draft = Path(tempfile.mkdtemp(prefix=_DRAFT, dir=home))
    handle = _lock(draft)
    try:
        for number, source in enumerate(sources):
            _write_set(draft / source.about.file, index, source, number, len(sources), advance)
        (draft / INDEX).write_text(index.model_dump_json(indent=1), encoding="utf-8")
        draft.chmod(0o755)
        shutil.rmtree(final, ignore_errors=True)
        draft.replace(final)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    finally:
        os.close(handle)
    return final


def _lock(draft: Path, *, wait: bool = True) -> int:
    """Open and lock a draft, which the kernel unlocks when its process ends."""
    handle = os.open(draft, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise
    return handle


def _remove_abandoned(home: Path) -> None:
    """Remove the drafts of processes that were killed."""
    for draft in home.glob(f"{_DRAFT}*"):
        with contextlib.suppress(OSError):
            handle = _lock(draft, wait=False)
            shutil.rmtree(draft, ignore_errors=True)
            os.close(handle)


def extent_of(grid: Grid) -> tuple[float, float, float, float]:
    """Return west, south, east and north of a grid, degrees of WGS 84; west above east crosses the antimeridian."""
    lookup = GridLookup(grid)
    east, south = grid.west + grid.width * grid.cell_x, grid.north - grid.height * grid.cell_y
    if lookup.geographic and east - grid.west >= 359.999:
        return -180.0, max(-90.0, south), 180.0, min(90.0, grid.north)
    if lookup.geographic:
        # also where it is wider than 180 degrees
        west, far = ((x + 180.0) % 360.0 - 180.0 for x in (grid.west, east))
        return west, max(-90.0, south), far if far > -180.0 else 180.0, min(90.0, grid.north)
    # inside too, because edges can lie where the projection has no places
    steps = np.linspace(0.0, 1.0, _NODES)
    x, y = np.meshgrid(grid.west + steps * (east - grid.west), south + steps * (grid.north - south))
    known = lookup.have_places(x.ravel(), y.ravel())
    if not known.any():
        return -180.0, -90.0, 180.0, 90.0
    longitude, latitude = lookup.to_degrees(x.ravel()[known], y.ravel()[known])
    low, high = float(latitude.min()), float(latitude.max())
    has_south, has_north = lookup.cell_of([0.0, 0.0], [-90.0, 90.0]) >= 0
    # the longitudes lie beside each other after a turn to the middle of the grid
    middle = float(longitude[len(longitude) // 2])
    turned = (longitude - middle + 180.0) % 360.0 - 180.0
    west, far = (float((middle + turn + 180.0) % 360.0 - 180.0) for turn in (turned.min(), turned.max()))
    if has_south or has_north or float(turned.max() - turned.min()) > _ALL_AROUND:
        west, far = -180.0, 180.0
    return west, -90.0 if has_south else max(-90.0, low), far, 90.0 if has_north else min(90.0, high)


def _write_set(
    path: Path, index: StoredLayers, source: SetSource, number: int, n_sets: int, advance: Callable[[float], None]
) -> None:
    shape = index.grid.height, index.grid.width, len(source.about.layers)
    np.lib.format.open_memmap(path, mode="w+", dtype="<f4", shape=shape).flush()
    done = 0
    with source.open() as blocks:
        for rows, columns in blocks.windows():
            values = blocks.read(rows, columns)
            # opened for each window, so that the pages that were written do not count as memory of this process
            table = np.lib.format.open_memmap(path, mode="r+")
            table[rows, columns] = np.where(np.isfinite(values), values, np.nan).transpose(1, 2, 0)
            del table
            done += values.shape[1] * values.shape[2]
            advance((number + done / (shape[0] * shape[1])) / n_sets)


def _add_trained(folder: Path, index: StoredLayers) -> bool:
    """Return whether the store is there; it then names the models of this training too."""
    try:
        present = read_index(folder)
    except StoredLayersError:
        return False
    if present.model_copy(update={"trained": []}) != index.model_copy(update={"trained": []}):
        # a scenario was added
        return False
    size = count_bytes(index.grid, len(index.sets[0].layers), 1)
    for one in present.sets:
        if not (folder / one.file).is_file() or (folder / one.file).stat().st_size < size:
            return False
    trained = sorted({*present.trained, *index.trained})
    if trained != present.trained:
        draft = folder / f".{INDEX}.part"
        draft.write_text(present.model_copy(update={"trained": trained}).model_dump_json(indent=1), encoding="utf-8")
        draft.replace(folder / INDEX)
    return True
