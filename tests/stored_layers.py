"""Stored layers of the synthetic study "Test hills", and of grids for tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ml.layers.store import ArrayBlocks, SetSource, extent_of, write_store
from ml.layers.stored_index import StoredLayer, StoredLayers, StoredSet, key_of
from ml.recipes.reports import Grid

#: 20 × 20 cells; the first row of rocks has no value, the last column has no value at all, one soil was never seen.
HILLS = Grid(crs="EPSG:4326", width=20, height=20, west=2.0, north=43.0, cell_x=0.1, cell_y=0.1)
LAYERS = [
    StoredLayer(name="bare_rock", label="Bare rock", unit="%"),
    StoredLayer(name="trees", label="Trees", unit="%"),
    StoredLayer(name="temperature", label="Temperature", unit="°C"),
    StoredLayer(
        name="soil", label="Soil", kind="categorical", levels={"1": "chalk", "2": "clay", "3": "sand", "4": "peat"}
    ),
]
WARMER = "SSP585 2081–2100"


def hill_values(warming: float = 0.0) -> NDArray[np.float32]:
    """Four layers, shape (4, 20, 20). Row 10 and column 5 have 65.5, 34.5, 10.1 °C and clay."""
    row, column = np.mgrid[0:20, 0:20]
    values = np.stack([5.5 + 6.0 * row % 90, 84.5 - 5.0 * row, 9.6 + 0.1 * column + warming, 1 + column // 5])
    values[0, 0, :] = np.nan
    values[:, :, 19] = np.nan
    return values.astype(np.float32)


def write_hills(home: Path, trained: Sequence[str], study: str = "test-hills") -> Path:
    """Store the training layers of the study and a scenario that is 4 °C warmer."""
    sets = [
        StoredSet(file="training.npy", layers=LAYERS),
        StoredSet(file="scenario-1.npy", scenario=WARMER, note="4 °C warmer.", layers=LAYERS),
    ]
    index = StoredLayers(
        key=key_of(study),
        study=study,
        grid=HILLS,
        extent=extent_of(HILLS),
        sets=sets,
        incomplete={"SSP126 2081–2100": ["soil"]},
        trained=sorted(trained),
    )
    blocks = [ArrayBlocks(hill_values()), ArrayBlocks(hill_values(4.0))]
    sources = [SetSource(one, block.open) for one, block in zip(sets, blocks, strict=True)]
    return write_store(home / study, index, sources)


def store_of(home: Path, grid: Grid, values: NDArray[np.float32], crs: str = "") -> Path:
    """Store one training set of any grid; the layers are called a, b, …"""
    layers = [StoredLayer(name="abcdefgh"[number]) for number in range(len(values))]
    sets = [StoredSet(file="training.npy", layers=layers)]
    index = StoredLayers(key=key_of(grid.crs), study="made", grid=grid, extent=extent_of(grid), sets=sets)
    return write_store(home / "made", index, [SetSource(sets[0], ArrayBlocks(values).open)])
