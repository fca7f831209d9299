"""A made-up landscape of any size, records in it, and models of them: what `benchmarks.projection` works on."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.transform import from_origin
from rasterio.windows import Window

_WEST, _NORTH, _DEGREES = -9.0, 44.0, 10.0
_TRAINING_SIDE = 200
_STRIP = 256


def strips(side: int, layers: int, valid: float, seed: int = 0) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Yield the first row and the values, shape (layers, rows, side), of strips of a square landscape.

    Cells beyond the share `valid` are a sea without values.
    """
    draw = np.random.default_rng(seed)
    waves = draw.normal(size=(layers, 3))
    column = np.arange(side) / side
    shore = np.quantile(_relief(*np.mgrid[0:200, 0:200] / 200), 1.0 - valid) if valid < 1.0 else -np.inf
    for top in range(0, side, _STRIP):
        row = (np.arange(top, min(side, top + _STRIP)) / side)[:, None]
        noise = np.random.default_rng((seed, side, top))
        values = np.stack(
            [
                np.sin(3 * a * row + b) + np.cos(3 * c * column) + noise.normal(0, 0.1, (len(row), side))
                for a, b, c in waves
            ]
        )
        values = values.round(3).astype(np.float32)
        values[:, _relief(row, column[None]) < shore] = np.nan
        yield top, values


def _relief(row: NDArray[np.float64], column: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.sin(9 * row + 4 * column) + np.cos(11 * column - 3 * row))


def write_landscape(folder: Path, side: int, layers: int, valid: float = 1.0, tile: int = 256) -> list[Path]:
    """Write the layers as tiled and compressed GeoTIFFs, strip by strip."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"layer_{number:02d}.tif" for number in range(layers)]
    cell = _DEGREES / side
    profile = {"driver": "GTiff", "width": side, "height": side, "count": 1, "dtype": "float32", "nodata": np.nan}
    profile |= {"crs": "EPSG:4326", "transform": from_origin(_WEST, _NORTH, cell, cell)}
    profile |= {"tiled": True, "blockxsize": tile, "blockysize": tile, "compress": "deflate", "predictor": 3}
    with rasterio.Env(GDAL_CACHEMAX=256):
        files = [rasterio.open(path, "w", **profile) for path in paths]
        for top, values in strips(side, layers, valid):
            for file, one in zip(files, values, strict=True):
                file.write(one, 1, window=Window(0, top, side, len(one)))
        for file in files:
            file.close()
    return paths


def train(folder: Path, layers: int, trees: int) -> Path:
    """Train our model on a small landscape; return its directory. The table it was fitted to is in folder/work."""
    files = folder / "training"
    write_landscape(files, _TRAINING_SIDE, layers, tile=64)
    first, second = (np.concatenate([v[n] for _, v in strips(_TRAINING_SIDE, layers, 1.0)]) for n in (0, 1))
    liking = first - 0.5 * second + np.random.default_rng(1).normal(0, 0.4, first.shape)
    row, column = np.divmod(np.argsort(-liking.ravel())[:1000], _TRAINING_SIDE)
    cell = _DEGREES / _TRAINING_SIDE
    lines = [
        f"Lacerta ficta,{_WEST + (j + 0.5) * cell:.6f},{_NORTH - (i + 0.5) * cell:.6f}"
        for i, j in zip(row.tolist(), column.tolist(), strict=True)
    ]
    (files / "records.csv").write_text("\n".join(["species,lon,lat", *lines]) + "\n")
    command = [sys.executable, "-m", "ml", "train", "--files", str(files), "--output", str(folder / "models")]
    command += ["--work", str(folder / "work"), "--trees", str(trees), "--title", "made"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    (path,) = (one.parent for one in (folder / "models").rglob("manifest.json"))
    return path
