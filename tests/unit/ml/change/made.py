"""Folders of finished maps of a few cells, without a model."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import rasterio
from rasterio.transform import Affine

#: Verdicts of the letters of a drawing.
LETTERS = {"S": 0, "s": 1, "u": 2, "U": 3, "?": 4, ".": 255}
TYPES = {
    "verdict": ("uint8", 255),
    "inside": ("uint8", 255),
    "mess": ("float32", np.nan),
    "suitability": ("uint16", 65535),
}


def verdicts(drawing):
    """Verdicts of a drawing: a line for each row."""
    return np.array([[LETTERS[letter] for letter in line] for line in drawing.split()], "uint8")


def write_map(folder, drawing, scenario=None, *, crs="EPSG:4326", west=0.0, north=2.0, cell=1.0, mess=None, **more):
    """Write the folder of a map; where it cannot say, it lies outside the area of applicability."""
    folder.mkdir(parents=True)
    values = drawing if isinstance(drawing, np.ndarray) else verdicts(drawing)
    nothing = values == 255
    suitability = np.array([9000, 6000, 4000, 1000, 5000])[np.where(nothing, 0, values)]
    if mess is None:
        mess = np.where(values == 4, -1.0, 1.0)
    quantities = {
        "verdict": values,
        "inside": np.where(nothing, 255, values != 4),
        "mess": np.where(nothing, np.nan, mess),
        "suitability": np.where(nothing, 65535, more.pop("suitability", suitability)),
    }
    files = {}
    height, width = values.shape
    for name, cells in quantities.items():
        dtype, nodata = TYPES[name]
        path = folder / f"{name}.tif"
        profile = {"driver": "GTiff", "count": 1, "height": height, "width": width, "dtype": dtype, "nodata": nodata}
        with rasterio.open(path, "w", **profile, crs=crs, transform=Affine(cell, 0, west, 0, -cell, north)) as file:
            file.write(cells.astype(dtype), 1)
        content = path.read_bytes()
        files[name] = {"file": path.name, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    source = {"title": "Records", "citation": "Somebody. Records.", "licence": "CC0 1.0", "url": None}
    summary = {
        "model_id": "hills-1",
        "key": hashlib.sha256(repr((scenario, values.tobytes(), str(folder))).encode()).hexdigest(),
        "species": {"slug": "a-b", "scientific_name": "Aus bus"},
        "study": {"slug": "hills", "title": "Hills"},
        "scenario": {"label": scenario} if scenario is not None else None,
        "grid": {
            **{"crs": crs, "width": width, "height": height, "west": west, "north": north},
            **{"cell_x": cell, "cell_y": cell},
        },
        "better_than_chance": True,
        "quantities": files,
        "sources": [source],
        "notes": [],
    }
    (folder / "map.json").write_text(json.dumps(summary | more))
    return folder


def stored(folder, name):
    """The cells of a file of a comparison."""
    with rasterio.open(folder / f"{name}.tif") as file:
        return file.read(1)
