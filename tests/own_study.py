"""A small made study of own data: three GeoTIFFs and a table of records, and helpers that run it through the API."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from flask.testing import FlaskClient
from rasterio.transform import from_origin

WIDTH, HEIGHT, CELL = 60, 40, 0.25
WEST, NORTH = -9.0, 44.0


def landscape(seed: int = 1) -> dict[str, np.ndarray]:
    """Three smooth layers, shape (HEIGHT, WIDTH); a corner of each is without data."""
    draw = np.random.default_rng(seed)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    layers = {
        "bio1": 18 - 0.25 * y + draw.normal(0, 0.4, x.shape),
        "bio12": 400 + 12 * x + draw.normal(0, 30, x.shape),
        "slope": np.abs(10 * np.sin(x / 5) * np.cos(y / 6)) + draw.uniform(0, 1, x.shape),
    }
    for values in layers.values():
        values[:3, :4] = np.nan
    return {name: values.astype(np.float32) for name, values in layers.items()}


def raster(values: np.ndarray) -> bytes:
    """A layer as the bytes of a GeoTIFF."""
    profile = {"driver": "GTiff", "width": WIDTH, "height": HEIGHT, "count": 1, "dtype": "float32", "crs": "EPSG:4326"}
    profile |= {"nodata": -9999.0, "transform": from_origin(WEST, NORTH, CELL, CELL)}
    with rasterio.MemoryFile() as memory:
        with memory.open(**profile) as file:
            file.write(np.where(np.isnan(values), np.float32(-9999), values), 1)
        return bytes(memory.read())


def records(counts: dict[str, int], seed: int = 2) -> bytes:
    """A table with records of each species, each in a cell of its own, in the warm half."""
    draw = np.random.default_rng(seed)
    out = io.StringIO()
    out.write("scientificName,decimalLongitude,decimalLatitude,year,license\n")
    for name, count in counts.items():
        cells = draw.permutation((HEIGHT // 2) * WIDTH)[:count] + (HEIGHT // 2) * WIDTH
        for row, column in zip(*divmod(cells, WIDTH), strict=True):
            longitude, latitude = WEST + (column + 0.5) * CELL, NORTH - (row + 0.5) * CELL
            out.write(f"{name},{longitude:.4f},{latitude:.4f},2015,CC0_1_0\n")
    return out.getvalue().encode()


def files(counts: dict[str, int] | None = None) -> dict[str, bytes]:
    """The files of the study by name."""
    table = {"records.csv": records(counts or {"Lacerta ficta": 60})}
    return table | {f"{name}.tif": raster(values) for name, values in landscape().items()}


def upload(client: FlaskClient, title: str = "Made lizards", counts: dict[str, int] | None = None) -> str:
    """Create the study by API, upload its files and return its slug."""
    response = client.post("/api/v1/studies", json={"title": title})
    assert response.status_code == 201, response.json
    slug = str(response.json["slug"])
    for name, content in files(counts).items():
        answer = client.put(f"/api/v1/studies/{slug}/files/{name}", data=content)
        assert answer.status_code in (200, 201), answer.json
    return slug


def write(folder: Path, counts: dict[str, int] | None = None) -> Path:
    """Write the files of the study to a folder."""
    folder.mkdir(parents=True)
    for name, content in files(counts).items():
        (folder / name).write_bytes(content)
    return folder


def quick(**settings: Any) -> dict[str, Any]:
    """The body of a training with few trees."""
    return {"settings": {"trees": 20, "background": 300, **settings}}
