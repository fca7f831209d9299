"""The last edge of a global grid."""

import numpy as np
import rasterio
from rasterio.transform import from_origin

from ml.layers.grid import GridCells
from ml.layers.stack import open_stack
from ml.recipes.recipe import Recipe
from tests.unit.ml.layers.made_rasters import reviewed


def test_the_south_pole_lies_in_the_last_row_of_a_global_grid(tmp_path):
    profile = {"driver": "GTiff", "width": 36, "height": 18, "count": 1, "dtype": "float32", "crs": "EPSG:4326"}
    with rasterio.open(tmp_path / "x.tif", "w", transform=from_origin(-180, 90, 10, 10), **profile) as raster:
        raster.write(np.arange(648, dtype="float32").reshape(18, 36), 1)
    with open_stack(tmp_path, reviewed(tmp_path / "x.tif"), Recipe(title="World")) as stack:
        cells = GridCells(stack).cell_of([10.0, 10.0, 180.0], [90.0, -90.0, 0.0])
    assert cells.tolist() == [19, 17 * 36 + 19, 9 * 36]
