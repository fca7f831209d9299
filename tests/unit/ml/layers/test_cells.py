"""Which cell a place is in: numbers by hand, and PROJ on its own for projected grids."""

import subprocess
import sys

import numpy as np
import pyproj
import pytest

from ml.layers.cells import GridLookup
from ml.recipes.reports import Grid

#: The grid of ERA5: centres from 90° N and from 0° E on, every quarter of a degree.
ERA5 = Grid(crs="EPSG:4326", width=1440, height=721, west=-0.125, north=90.125, cell_x=0.25, cell_y=0.25)
#: From 170° E over the antimeridian to 170° W.
PACIFIC = Grid(crs="EPSG:4326", width=20, height=10, west=170.0, north=5.0, cell_x=1.0, cell_y=1.0)


@pytest.mark.parametrize(
    ("longitude", "latitude", "row", "column"),
    [
        (0.0, 90.0, 0, 0),
        (0.0, -90.0, 720, 0),
        (359.75, 0.0, 360, 1439),
        (-0.25, 0.0, 360, 1439),
        (-0.125, 0.0, 360, 0),
        (-122.42, 37.77, 209, 950),
        (237.58, 37.77, 209, 950),
        (180.0, 0.1, 360, 720),
        (-180.0, 0.1, 360, 720),
        (360.0, 0.0, 360, 0),
        # a rounding west of the edge is the edge, or the last cell
        (-0.12500000000000003, 0.0, 360, 0),
    ],
)
def test_a_grid_of_0_to_360_takes_every_turn_and_both_poles(longitude, latitude, row, column):
    (cell,) = GridLookup(ERA5).cell_of([longitude], [latitude])
    assert divmod(int(cell), 1440) == (row, column)


@pytest.mark.parametrize(
    ("longitude", "column"), [(170.0, 0), (179.99, 9), (180.0, 10), (-180.0, 10), (-170.01, 19), (190.0 - 0.01, 19)]
)
def test_a_grid_across_the_antimeridian(longitude, column):
    (cell,) = GridLookup(PACIFIC).cell_of([longitude], [0.0])
    assert divmod(int(cell), 20) == (5, column)


def test_outside_the_grid_and_what_is_no_place():
    longitude = [169.99, -169.99, 175.0, 175.0, np.nan, 175.0, np.inf, 361.0, 175.0]
    latitude = [0.0, 0.0, 5.01, -5.01, 0.0, np.nan, 0.0, 0.0, 91.0]
    assert GridLookup(PACIFIC).cell_of(longitude, latitude).tolist() == [-1] * 9
    assert GridLookup(PACIFIC).cell_of([], []).tolist() == []


def test_a_projected_grid():
    grid = Grid(crs="EPSG:32610", width=100, height=80, west=500_000, north=4_200_000, cell_x=1_000, cell_y=1_000)
    x, y = (
        np.array([500_500.0, 599_500.0, 499_900.0, 550_000.0]),
        np.array([4_199_500.0, 4_120_500.0, 4_199_500.0, 0.0]),
    )
    longitude, latitude = pyproj.Transformer.from_crs(32610, 4326, always_xy=True).transform(x, y)
    assert GridLookup(grid).cell_of(longitude, latitude).tolist() == [0, 79 * 100 + 99, -1, -1]
    # the other side of the globe, where the projection has no numbers
    assert GridLookup(grid).cell_of([57.0, 60.0], [-37.0, 0.0]).tolist() == [-1, -1]


def test_degrees_of_wgs_84_need_neither_proj_nor_gdal():
    code = """
import sys
from ml.layers import stored
from ml.layers.cells import GridLookup
from ml.predictors import places
from ml.recipes.reports import Grid
grid = Grid(crs="EPSG:4326", width=1, height=1, west=0, north=1, cell_x=1, cell_y=1)
GridLookup(grid).cell_of([0.5], [0.5])
print(sorted({"pyproj", "rasterio", "pandas", "h5py", "shapely", "scipy"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
