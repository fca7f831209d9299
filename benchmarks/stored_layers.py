"""Stored layers: time to write and open them, and to look up the values of places.

Run it with ``.venv/bin/python -m benchmarks.stored_layers``. It writes random values of the given size into a temporary
folder and removes it.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ml.card import Predictor
from ml.layers.store import SetSource, extent_of, write_store
from ml.layers.stored import LayerStore
from ml.layers.stored_index import StoredLayer, StoredLayers, StoredSet, key_of
from ml.predictors.places import rows_at
from ml.recipes.reports import Grid

_BLOCK = 256
#: Places that are looked up together, as a batch does it.
_TOGETHER = 4096


class RandomBlocks:
    """Blocks of random values of a square grid."""

    def __init__(self, side: int, n_layers: int) -> None:
        self._side, self._n_layers = side, n_layers

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        return None

    def windows(self) -> Iterator[tuple[slice, slice]]:
        """Yield windows that cover the grid."""
        starts = range(0, self._side, _BLOCK)
        for row in starts:
            for column in starts:
                yield slice(row, min(self._side, row + _BLOCK)), slice(column, min(self._side, column + _BLOCK))

    def read(self, rows: slice, columns: slice) -> NDArray[np.float32]:
        """Return the values of a window, shape (n_layers, rows, columns)."""
        draw = np.random.default_rng(rows.start * self._side + columns.start)
        return draw.normal(10, 3, (self._n_layers, rows.stop - rows.start, columns.stop - columns.start)).astype("f4")


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Write layers, look up places and print the times."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stored_layers", description=__doc__)
    parser.add_argument("--side", type=int, default=5000, help="rows and columns of the grid (%(default)s)")
    parser.add_argument("--layers", type=int, default=8, help="(%(default)s)")
    parser.add_argument("--places", type=int, default=100_000, help="that are looked up together (%(default)s)")
    options = parser.parse_args()
    cell = 50.0 / options.side
    grid = Grid(
        crs="EPSG:4326", width=options.side, height=options.side, west=0.0, north=50.0, cell_x=cell, cell_y=cell
    )
    names = [f"layer_{number}" for number in range(options.layers)]
    training = StoredSet(file="training.npy", layers=[StoredLayer(name=name) for name in names])
    index = StoredLayers(key=key_of("made"), study="made", grid=grid, extent=extent_of(grid), sets=[training])
    predictors = [Predictor(name=name, label=name) for name in names]
    draw = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        base, started = _peak_mb(), time.perf_counter()
        path = write_store(
            Path(folder), index, [SetSource(training, lambda: RandomBlocks(options.side, options.layers))]
        )
        seconds, size = time.perf_counter() - started, 4e-6 * options.side**2 * options.layers
        print(f"written: {size:,.0f} MB in {seconds:.1f} s, {_peak_mb() - base:.0f} MB of memory above the start")
        started = time.perf_counter()
        layers = LayerStore(path).open()
        print(f"opened: {1e3 * (time.perf_counter() - started):.2f} ms")
        single = []
        for longitude, latitude in draw.uniform(0, 50, (500, 2)):
            started = time.perf_counter()
            rows_at(layers, [latitude], [longitude], predictors)
            single.append(1e3 * (time.perf_counter() - started))
        print(f"one place: {statistics.median(single):.2f} ms (median of 500), {max(single):.2f} ms at most")
        longitudes, latitudes = draw.uniform(0, 50, (2, options.places))
        started = time.process_time()
        for first in range(0, options.places, _TOGETHER):
            part = slice(first, first + _TOGETHER)
            rows_at(layers, latitudes[part], longitudes[part], predictors)
        print(f"{options.places:,} places: {time.process_time() - started:.2f} s of processor time")


if __name__ == "__main__":
    main()
