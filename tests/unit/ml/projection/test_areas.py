"""Areas of cells on the ellipsoid, beside figures that are worked out in other ways."""

import numpy as np
import pyproj
import pytest

from ml.projection.areas import CellAreas
from ml.recipes.reports import Grid

WGS84 = pyproj.Geod(ellps="WGS84")
#: Area of the WGS 84 ellipsoid, km² (NIMA TR8350.2 and others).
EARTH = 510_065_621.7


def grid(crs, width, height, west, north, cell, cell_y=None):
    return Grid(crs=crs, width=width, height=height, west=west, north=north, cell_x=cell, cell_y=cell_y or cell)


def everything(one):
    return np.broadcast_to(CellAreas(one).of(slice(0, one.height), slice(0, one.width)), (one.height, one.width))


def polygon(west, south, east, north):
    """The area of a rectangle in degrees with many corners on its parallels, km²."""
    across = np.linspace(west, east, 2001)
    longitude = np.concatenate([across, across[::-1]])
    latitude = np.concatenate([np.full(2001, south), np.full(2001, north)])
    return WGS84.polygon_area_perimeter(longitude, latitude)[0] / 1e6


def test_the_cells_of_the_globe_are_the_globe():
    assert everything(grid("EPSG:4326", 36, 18, -180, 90, 10)).sum() == pytest.approx(EARTH, rel=1e-9)
    assert everything(grid("EPSG:4326", 1, 1, -180, 90, 360, 180)).sum() == pytest.approx(EARTH, rel=1e-9)


def test_half_a_cell_beyond_a_pole_has_no_area():
    assert everything(grid("EPSG:4326", 36, 19, -180, 95, 10)).sum() == pytest.approx(EARTH, rel=1e-9)


@pytest.mark.parametrize(("west", "north", "cell"), [(2.0, 43.0, 0.01), (179.5, -16.0, 1.0), (-60.0, 85.0, 5.0)])
def test_a_cell_in_degrees_is_a_polygon_with_many_corners_on_its_parallels(west, north, cell):
    expected = polygon(west, north - cell, west + cell, north)
    assert everything(grid("EPSG:4326", 1, 1, west, north, cell))[0, 0] == pytest.approx(expected, rel=1e-6)


def test_an_equal_area_projection_has_equal_areas():
    areas = everything(grid("EPSG:3035", 100, 80, 4_000_000, 3_000_000, 1000))
    np.testing.assert_allclose(areas, 1.0, rtol=1e-6)


def test_the_mercator_projection_of_the_web_is_corrected_by_latitude():
    """Its cells are rectangles in degrees too."""
    areas = everything(grid("EPSG:3857", 20, 300, 0, 9_000_000, 10_000))
    to_degrees = pyproj.Transformer.from_crs(3857, 4326, always_xy=True)
    for row in (0, 8, 150, 151, 299):
        top = 9_000_000 - 10_000 * row
        (west, east), (north, south) = to_degrees.transform([0, 10_000], [top, top - 10_000])
        # Between the rows that are computed, areas are interpolated.
        assert areas[row, 7] == pytest.approx(polygon(west, south, east, north), rel=5e-4)
    # Cells that are equal on the map differ on the globe by more than twice.
    assert areas[-1, 0] > 2 * areas[0, 0]


def test_areas_do_not_depend_on_the_windows():
    one = grid("EPSG:32631", 100, 80, 400_000, 5_000_000, 1000)
    parts = CellAreas(one)
    whole = parts.of(slice(0, 80), slice(0, 100))
    split = np.vstack([parts.of(slice(0, 33), slice(0, 100)), parts.of(slice(33, 80), slice(0, 100))])
    np.testing.assert_allclose(whole, split, rtol=1e-9)


def test_feet_are_not_metres():
    areas = everything(grid("EPSG:2263", 10, 10, 980_000, 200_000, 1000))
    np.testing.assert_allclose(areas, (1000 * 0.3048006096) ** 2 / 1e6, rtol=1e-3)


def test_cells_beyond_the_globe_have_the_area_of_the_plane():
    areas = everything(grid("ESRI:54009", 4, 2, -20_000_000, 10_000_000, 10_000_000))
    assert np.isfinite(areas).all()
    assert areas[0, 0] == pytest.approx(1e8)


def quadrilaterals(one):
    """Geodesic quadrilaterals of the corners of all cells, km²; NaN where a corner is not on the globe."""
    crs = pyproj.CRS.from_user_input(one.crs)
    to_degrees = pyproj.Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True)
    x, y = np.meshgrid(
        one.west + one.cell_x * np.arange(one.width + 1), one.north - one.cell_y * np.arange(one.height + 1)
    )
    lon, lat = to_degrees.transform(x, y)
    areas = np.full((one.height, one.width), np.nan)
    for row, column in np.ndindex(areas.shape):
        at = [row, row + 1, row + 1, row], [column, column, column + 1, column + 1]
        if np.isfinite(lon[at]).all():
            areas[row, column] = abs(crs.get_geod().polygon_area_perimeter(lon[at], lat[at])[0]) / 1e6
    return areas


ROTATED = "+proj=ob_tran +o_proj=longlat +o_lon_p=0 +o_lat_p=39.25 +lon_0=18 +datum=WGS84 +no_defs +type=crs"


@pytest.mark.parametrize(
    "one",
    [
        grid("EPSG:3995", 40, 40, -2_000_000, 2_000_000, 100_000),
        grid("EPSG:3034", 30, 30, 3_000_000, 3_500_000, 50_000),
        grid("ESRI:54030", 60, 30, -3_000_000, 8_000_000, 100_000),
        grid("EPSG:3857", 40, 40, -20_000_000, 20_000_000, 1_000_000),
        grid(ROTATED, 20, 20, -10, 10, 1),
    ],
    ids=["polar", "conic", "robinson", "mercator", "rotated pole"],
)
def test_large_cells_are_computed_one_by_one(one):
    expected = quadrilaterals(one)
    known = np.isfinite(expected)
    assert known.sum() > 300
    np.testing.assert_allclose(everything(one)[known], expected[known], rtol=1e-9)


def test_cells_of_25_km_are_exact_to_two_thousandths_of_a_percent():
    one = grid("EPSG:3413", 60, 60, -750_000, 750_000, 25_000)
    np.testing.assert_allclose(everything(one), quadrilaterals(one), rtol=2e-5)


def test_columns_that_come_again_after_a_turn_have_no_area():
    areas = everything(grid("EPSG:4326", 361, 180, -180.5, 90, 1))
    assert areas.sum() == pytest.approx(EARTH, rel=1e-9)
    assert not areas[:, 360].any() and areas[:, 359].all()
