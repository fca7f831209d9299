"""Cells of projected grids that are not on Earth."""

import warnings

import numpy as np
import pyproj
import pytest
from rasterio.transform import Affine

from ml.layers.cells import GridLookup
from ml.layers.store import extent_of
from ml.projection.areas import CellAreas
from ml.projection.errors import ProjectionError
from ml.projection.preview import preview
from ml.projection.project import project
from ml.recipes.reports import Grid
from tests.unit.ml.projection.made_maps import opened, read, write_layers

#: Area of the WGS 84 ellipsoid, km² (NIMA TR8350.2 and others).
EARTH = 510_065_621.7
MOLLWEIDE = "ESRI:54009"


@pytest.fixture(autouse=True)
def without_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        yield


def complete_layers(height, width):
    """Layers in which every cell has an answer."""
    ends = {"bare_rock": (5.5, 60.5), "trees": (10.5, 50.5), "temperature": (10.5, 18.5)}
    made = {name: np.linspace(*both, height * width, dtype="f4").reshape(height, width) for name, both in ends.items()}
    soil = np.arange(height * width).reshape(height, width) // 5 % 3 + 1
    return made | {"soil": soil.astype("u1")}


def test_the_map_of_the_world_in_mollweide_is_not_larger_than_the_earth(survey, tmp_path):
    cell = 18_040_096 / 60
    transform = Affine(cell, 0, -18_040_096, 0, -cell, 9_020_048)
    folder = write_layers(tmp_path / "layers", complete_layers(60, 120), crs=MOLLWEIDE, transform=transform)
    with opened(survey, folder) as inputs:
        summary = project(survey, inputs, tmp_path / "map")
        coarse = preview(survey, inputs, most=60)
    no_place = summary["without_answer"]["no_place"]
    # an ellipse in its rectangle
    assert no_place / (60 * 120) == pytest.approx(1 - np.pi / 4, abs=0.005)
    assert summary["cells"]["valid"] + no_place == 60 * 120
    assert summary["without_answer"]["no_value"] == 0
    assert summary["area_km2"]["valid"] == pytest.approx(EARTH, rel=0.005)
    assert summary["notes"][-1].startswith(f"{no_place:,} cells of the grid have no place on Earth in ESRI:54009")
    drawn = read(tmp_path / "map", "suitability")
    assert drawn[0, 0] == drawn[-1, -1] == 65535
    assert drawn[30, 0] != 65535 and drawn[0, 60] != 65535
    assert coarse.quantities["suitability"][0, 0] == 65535


def test_a_grid_that_lies_nowhere_has_no_map(survey, tmp_path):
    transform = Affine(1000, 0, -30_000_000, 0, -1000, 4_700_000)
    folder = write_layers(tmp_path / "layers", crs="EPSG:32630", transform=transform)
    with opened(survey, folder) as inputs, pytest.raises(ProjectionError, match="11,700 cells have no place on Earth"):
        project(survey, inputs, tmp_path / "map")


def test_cells_beyond_a_pole_have_no_place():
    grid = Grid(crs="EPSG:4326", width=36, height=19, west=-180, north=95, cell_x=10, cell_y=10)
    assert GridLookup(grid).centres_have_places(np.arange(19), np.arange(36)).all()
    beyond = grid.model_copy(update={"north": 100.0})
    assert GridLookup(beyond).centres_have_places(np.arange(19), np.arange(2)).sum() == 18 * 2


def test_the_extent_is_that_of_the_cells_on_earth():
    half = Grid(crs=MOLLWEIDE, width=40, height=10, west=-20e6, north=10e6, cell_x=1e6, cell_y=1e6)
    assert extent_of(half) == pytest.approx((-180.0, 0.0, 180.0, 90.0), abs=5)
    pole = Grid(crs="EPSG:3413", width=20, height=20, west=-1e6, north=1e6, cell_x=1e5, cell_y=1e5)
    west, south, east, north = extent_of(pole)
    assert (west, east, north) == (-180.0, 180.0, 90.0)
    assert 75 < south < 80
    iberia = Grid(crs="EPSG:3035", width=10, height=10, west=2.8e6, north=2.3e6, cell_x=1e5, cell_y=1e5)
    corners = pyproj.Transformer.from_crs(3035, 4326, always_xy=True).transform(
        [28e5, 38e5] * 2, [13e5, 13e5, 23e5, 23e5]
    )
    assert extent_of(iberia) == pytest.approx((*map(min, corners), *map(max, corners)), abs=0.3)


def test_areas_beside_the_edge_of_the_earth_are_computed():
    """An interpolation between the globe and the plane would be wrong by half."""
    grid = Grid(crs="ESRI:54030", width=64, height=4, west=16e6, north=1e5, cell_x=5e4, cell_y=5e4)
    areas = CellAreas(grid).of(slice(0, 4), slice(0, 64))
    # the equator of Robinson's projection is 0.8487 of that of the sphere, so that its cells are larger than on the map
    on_earth = areas[1, : int((17_005_833 - 16e6) / 5e4)]
    assert on_earth.max() / on_earth.min() < 1.001
