"""Small files of records and layers, made up, on which the way from files to a model is tested."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.transform import from_origin

WIDTH, HEIGHT = 60, 40
WEST, NORTH, CELL = -9.0, 44.0, 0.25
NAMES = ("Lacerta schreiberi", "Bufo bufo", "Rana iberica", "Natrix maura", "Emys orbicularis")


def layer_values(seed: int = 0) -> dict[str, NDArray[np.float32]]:
    """Return two smooth continuous layers and one categorical one, shape (40, 60); bio1 lacks its first two columns."""
    draw = np.random.default_rng(seed)
    row, column = np.mgrid[0:HEIGHT, 0:WIDTH]
    bio1 = (18 - 0.2 * row + 2 * np.sin(column / 9) + draw.normal(0, 0.2, row.shape)).round(1)
    bio12 = (400 + 15 * row + 100 * np.cos(column / 7) + draw.normal(0, 10, row.shape)).round()
    bio1[:, :2] = np.nan
    soil = 1 + ((row // 10 + column // 15) % 3)
    return {"bio_1": bio1.astype(np.float32), "bio_12": bio12.astype(np.float32), "soil": soil.astype(np.float32)}


def write_layer(path: Path, values: NDArray[np.float32], description: str = "", crs: str | None = "EPSG:4326") -> None:
    """Write one layer as GeoTIFF: whole numbers without NaN as bytes, others in single precision."""
    whole = bool(np.isfinite(values).all() and (values == values.astype(np.uint8)).all())
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=values.shape[1],
        height=values.shape[0],
        count=1,
        dtype="uint8" if whole else "float32",
        crs=crs,
        transform=from_origin(WEST, NORTH, CELL, CELL),
        nodata=255 if whole else np.nan,
    ) as raster:
        raster.write(values.astype(np.uint8) if whole else values, 1)
        if description:
            raster.set_band_description(1, description)


def centre(row: NDArray[np.int64], column: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return longitude and latitude of cell centres."""
    return WEST + (column + 0.5) * CELL, NORTH - (row + 0.5) * CELL


def write_records(path: Path, n_species: int = 1, n_each: int = 60, seed: int = 1) -> None:
    """Write records of species that like warm, dry or wet cells; every tenth record of a species repeats one."""
    draw = np.random.default_rng(seed)
    layers = layer_values()
    lines = ["species,decimalLongitude,decimalLatitude,year"]
    for number in range(n_species):
        liking = layers["bio_1"] * (1 if number % 2 == 0 else -1) + layers["bio_12"] / 100 * (number - 1)
        liking = np.where(np.isfinite(liking), liking, -np.inf).ravel() + draw.normal(0, 1.5, liking.size)
        cells = np.argsort(-liking)[: n_each * 9 // 10]
        cells = np.concatenate([cells, cells[: n_each - len(cells)]])
        longitude, latitude = centre(*np.divmod(cells, WIDTH))
        lines += [
            f"{NAMES[number]},{x:.4f},{y:.4f},{2000 + i % 20}"
            for i, (x, y) in enumerate(zip(longitude, latitude, strict=True))
        ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_study(folder: Path, n_species: int = 1, n_each: int = 60) -> Path:
    """Write a folder with a table of records and three layers."""
    folder.mkdir(parents=True, exist_ok=True)
    write_records(folder / "records.csv", n_species, n_each)
    for name, values in layer_values().items():
        write_layer(folder / f"{name}.tif", values, name)
    return folder
