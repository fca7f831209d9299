"""Layers for the models of `tests.synthetic`, and maps of them."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path

import numpy as np
import rasterio
from rasterio.transform import Affine

from ml.own_data.files import inspect_file
from ml.projection.inputs import open_inputs

HEIGHT, WIDTH = 90, 130
#: Codes of soil; the models know all but peat.
SOILS = {1: "chalk", 2: "clay", 3: "sand", 4: "peat"}


def values(height=HEIGHT, width=WIDTH, seed=0):
    """Layers by name: values that are missing, impossible or of an unknown category among them."""
    draw = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    rock = 45 + 44 * np.sin(x / 9) + draw.normal(0, 2, x.shape)
    trees = 50 + 49 * np.cos(y / 11) + draw.normal(0, 2, x.shape)
    layers = {
        # Few digits, and all digits of single precision.
        "bare_rock": np.clip(rock, 0, 100).round(1),
        "trees": np.clip(trees, 0, 100),
        "temperature": 14 + 6 * np.sin((x + y) / 20) + draw.normal(0, 1, x.shape),
    }
    layers = {name: one.astype("f4") for name, one in layers.items()}
    layers["trees"][5:9, 3:10] = np.nan
    layers["temperature"][7:12, 5:20] = np.nan
    layers["bare_rock"][20, 30:37] = 100.5
    layers["trees"][21, 33:50] = -0.5
    soil = draw.integers(1, 4, (height // 6 + 1, width // 6 + 1)).repeat(6, 0).repeat(6, 1)[:height, :width]
    soil[40:44, 60:70] = 4
    layers["soil"] = soil.astype("u1")
    return layers


def write_layer(path, one, *, crs="EPSG:4326", transform=None, nodata=None, legend=None, **options):
    """Write a layer as GeoTIFF, with the names of its categories in the file beside it."""
    profile = {"driver": "GTiff", "count": 1, "height": one.shape[0], "width": one.shape[1], "dtype": one.dtype}
    profile |= {"crs": crs, "transform": transform or Affine(0.01, 0, 2, 0, -0.01, 43), "nodata": nodata} | options
    with rasterio.open(path, "w", **profile) as file:
        file.write(one, 1)
    if legend:
        names = "".join(f"<Category>{legend.get(code, '')}</Category>" for code in range(max(legend) + 1))
        content = f"<CategoryNames>{names}</CategoryNames>"
        Path(f"{path}.aux.xml").write_text(
            f'<PAMDataset><PAMRasterBand band="1">{content}</PAMRasterBand></PAMDataset>'
        )


def write_layers(folder, layers=None, **options):
    """Write layers into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, one in (layers or values()).items():
        soil = name == "soil"
        more = options | ({"nodata": 0, "legend": SOILS} if soil else {"nodata": np.nan})
        write_layer(folder / f"{name}.tif", one, **more)
    return folder


@contextmanager
def opened(artifact, folder, **options):
    """The layers of a folder, opened for a model."""
    files = [inspect_file(folder, path.name) for path in sorted(folder.glob("*.tif"))]
    with open_inputs(artifact, folder, files, **options) as inputs:
        yield inputs


def read(folder, name):
    """A file of a map as it is stored."""
    with rasterio.open(folder / f"{name}.tif") as file:
        return file.read(1)


def contents(folder):
    """The bytes of all files of a map by name."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
