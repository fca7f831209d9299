"""Layers on one grid: numbers by hand and by GDAL, masks, samples, cells."""

import numpy as np
import pyproj
import pytest
import rasterio
from rasterio.transform import Affine
from rasterio.warp import Resampling, reproject
from scipy.ndimage import map_coordinates

from ml.layers.errors import LayerError
from ml.layers.grid import GridCells, check_crs
from ml.layers.inspection import inspect_layers
from ml.layers.resampling import AveragedLayer
from ml.layers.stack import Stack, open_stack
from ml.recipes.recipe import LayerChoice, Recipe
from tests.unit.ml.layers.made_rasters import reviewed, write_tif

ANY = Recipe(title="x")
RAMP = np.arange(200, dtype="f4").reshape(10, 20) + 0.5


def on_grid(folder, path, grid, kind="continuous"):
    (layer,) = inspect_layers(path)
    layer.kind = kind
    return Stack(folder, [layer], grid, ["x"])


def everything(stack):
    return stack.read(slice(0, stack.shape[0]), slice(0, stack.shape[1]))


def test_bilinear_means_by_hand(tmp_path):
    """Cells half a cell east and south of those of the layer are means of four; the edges have fewer neighbours."""
    source = write_tif(tmp_path / "x.tif", np.array([[0, 2, 4], [8, 10, 12], [16, 18, 20]], dtype="f4"))
    grid = inspect_layers(write_tif(tmp_path / "g.tif", np.zeros((3, 3), "f4"), west=0.5, north=9.5))[0].grid
    with on_grid(tmp_path, source, grid) as stack:
        read = everything(stack)[0]
    # A cell centre on the edge of the layer belongs to no cell of it.
    np.testing.assert_allclose(read, [[5, 7, np.nan], [13, 15, np.nan], [np.nan, np.nan, np.nan]])


def test_no_zeros_outside_a_file_without_nodata(tmp_path):
    """A WarpedVRT fills 0 there."""
    source = write_tif(tmp_path / "x.tif", RAMP + 100)
    grid = inspect_layers(write_tif(tmp_path / "g.tif", np.zeros((30, 40), "f4"), west=-10, north=20, cell=0.97))[
        0
    ].grid
    with on_grid(tmp_path, source, grid) as stack:
        read = everything(stack)[0]
    assert np.isnan(read).sum() > 900 and np.nanmin(read) >= 100


@pytest.mark.parametrize("kind", ["continuous", "categorical"])
def test_scipy_and_gdal_give_the_same_numbers_in_another_crs(tmp_path, kind):
    values = np.random.default_rng(2).integers(0, 50, (40, 50)).astype("f4")
    source = write_tif(tmp_path / "x.tif", values, west=8, north=50, cell=0.1)
    place = Affine(5000, 0, 500_000, 0, -5000, 5_400_000)
    grid_file = write_tif(tmp_path / "g.tif", np.zeros((30, 30), "f4"), transform=place, crs="EPSG:32632")
    grid = inspect_layers(grid_file)[0].grid
    with on_grid(tmp_path, source, grid, kind) as stack:
        read = everything(stack)[0]
    x, y = np.meshgrid(500_000 + 5000 * (np.arange(30) + 0.5), 5_400_000 - 5000 * (np.arange(30) + 0.5))
    longitude, latitude = pyproj.Transformer.from_crs(32632, 4326, always_xy=True).transform(x, y)
    positions = [(50 - latitude) / 0.1 - 0.5, (longitude - 8) / 0.1 - 0.5]
    expected = map_coordinates(values.astype(float), positions, order=1 if kind == "continuous" else 0, mode="nearest")
    np.testing.assert_allclose(read, expected, atol=1e-4)
    warped = np.full((30, 30), -1, dtype="f4")
    method = Resampling.bilinear if kind == "continuous" else Resampling.nearest
    with rasterio.open(source) as data:
        reproject(
            rasterio.band(data, 1),
            warped,
            dst_crs="EPSG:32632",
            dst_transform=place,
            dst_nodata=-1,
            src_nodata=-1,
            resampling=method,
        )
    # GDAL places cells with an error of up to an eighth of a cell.
    assert (warped != -1).all() and (np.abs(warped - read) < 5).mean() > 0.95


def test_a_coarser_grid_gets_means_of_blocks(tmp_path):
    rng = np.random.default_rng(3)
    fine = rng.normal(size=(40, 60)).astype("f4")
    fine[:4, :4] = np.nan
    source = write_tif(tmp_path / "x.tif", fine, cell=0.25)
    grid = inspect_layers(write_tif(tmp_path / "g.tif", np.zeros((10, 15), "f4")))[0].grid
    with on_grid(tmp_path, source, grid) as stack:
        read = everything(stack)[0]
    with np.errstate(invalid="ignore"):
        expected = np.array([[fine[4 * r : 4 * r + 4, 4 * c : 4 * c + 4].mean() for c in range(15)] for r in range(10)])
    np.testing.assert_allclose(read, expected, rtol=1e-5, atol=1e-6)
    assert np.isnan(read[0, 0]) and isinstance(stack._aligned[0]._layer, AveragedLayer)


def test_nearest_keeps_codes_and_nan_stays_nan(tmp_path):
    codes = np.array([[1, 9], [255, 4]], dtype="u1")
    source = write_tif(tmp_path / "x.tif", codes, nodata=255, north=2)
    grid = inspect_layers(write_tif(tmp_path / "g.tif", np.zeros((5, 5), "f4"), north=2, cell=0.4))[0].grid
    with on_grid(tmp_path, source, grid, "categorical") as stack:
        read = everything(stack)[0]
    assert set(read[np.isfinite(read)]) == {1.0, 9.0, 4.0}
    assert read[2, 2] == 4.0 or np.isfinite(read[2, 2])
    assert np.isnan(read[3:, :2]).all()
    with on_grid(tmp_path, source, grid) as stack:
        smooth = everything(stack)[0]
    # Coasts do not move: the value is missing where the nearest cell is, and nowhere else.
    assert (np.isnan(smooth) == np.isnan(read)).all()


def test_a_globe_is_joined_at_the_antimeridian(tmp_path):
    globe = np.tile(np.abs(np.arange(36, dtype="f4") - 17.5), (18, 1))
    source = write_tif(tmp_path / "x.tif", globe, west=0, north=90, cell=10)
    grid = inspect_layers(write_tif(tmp_path / "g.tif", np.zeros((4, 8), "f4"), west=-20, north=5, cell=5))[0].grid
    with on_grid(tmp_path, source, grid) as stack:
        read = everything(stack)[0]
    # Cells of 0–360 turned: -20…-10 is column 34 (16.5), -10…0 is 35 (17.5), 0…10 is 0 (17.5), 10…20 is 1 (16.5).
    np.testing.assert_allclose(read[0], [16.25, 16.75, 17.25, 17.5, 17.5, 17.25, 16.75, 16.25], atol=1e-5)


def wrapped(path, longitude, latitude):
    """Return values of a file by rasterio, with longitudes in the turn of the file."""
    with rasterio.open(path) as data:
        west = data.transform.c
        places = [((x - west) % 360 + west, y) for x, y in zip(longitude, latitude, strict=True)]
        return np.array([value[0] for value in data.sample(places)])


@pytest.mark.parametrize("west", [-180, 0])
@pytest.mark.parametrize("reference", ["region.tif", "world.tif"])
def test_a_region_across_the_antimeridian_beside_a_world_of_the_same_cells(tmp_path, west, reference):
    rng = np.random.default_rng(6)
    region = write_tif(tmp_path / "region.tif", rng.normal(size=(20, 20)).astype("f4"), west=170, north=0)
    world = write_tif(tmp_path / "world.tif", rng.normal(size=(180, 360)).astype("f4"), west=west, north=90)
    longitude, latitude = [175.5, 176.5, -179.5, -178.5, -175.5], [-3.5, -4.5, -3.5, -4.5, -10.5]
    with open_stack(tmp_path, reviewed(region, world, grid=(reference, "1")), ANY) as stack:
        assert not any(layer.resampled for layer in stack._aligned)
        assert stack.valid_mask()[0].sum() == 400
        cells = GridCells(stack)
        read = cells.values(cells.cell_of(longitude, latitude))
    for column, path in enumerate((region, world)):
        np.testing.assert_array_equal(read[:, column], wrapped(path, longitude, latitude))


def test_cells_that_do_not_divide_the_globe_are_resampled_in_another_turn(tmp_path):
    """360 / 0.7 is no whole number, so that columns west of the antimeridian lie between those east of it."""
    region = write_tif(tmp_path / "region.tif", RAMP, west=172.8, north=7, cell=0.7)
    world = write_tif(tmp_path / "world.tif", np.ones((20, 514), "f4"), west=-180, north=7, cell=0.7)
    with open_stack(tmp_path, reviewed(region, world, grid=("region.tif", "1")), ANY) as stack:
        # Column 10 of the region has its centre at 180.15, which is -179.85 and in column 0 of the world.
        assert stack._aligned[1].resampled and stack.valid_mask()[0].all()


def test_masks_are_intersected_and_losses_counted(tmp_path):
    first, second = RAMP.copy(), RAMP.copy()
    first[0], second[:, 0], first[9, 9] = np.nan, np.nan, np.nan
    write_tif(tmp_path / "a.tif", first)
    write_tif(tmp_path / "b.tif", second)
    report = reviewed(tmp_path / "a.tif", tmp_path / "b.tif")
    seen = []
    with open_stack(tmp_path, report, ANY) as stack:
        valid, lost = stack.valid_mask(seen.append)
    # The corner is missing in both.
    assert valid.sum() == 200 - 20 - 10 + 1 - 1 and lost == {"a": 20, "b": 9}
    assert seen[-1] == 1.0


def test_equal_bands_are_set_aside(tmp_path):
    write_tif(tmp_path / "a.tif", RAMP)
    write_tif(tmp_path / "a_copy.tif", RAMP)
    report = reviewed(tmp_path / "a.tif", tmp_path / "a_copy.tif", layers=[LayerChoice(file="a_copy.tif", name="a")])
    assert report.roles == ["training", "unused"] and "the same file as a.tif" in report.layers[1].notes[-1]


def test_samples_are_the_numbers_of_windows(tmp_path):
    rng = np.random.default_rng(4)
    write_tif(
        tmp_path / "a.tif",
        rng.normal(size=(700, 900)).astype("f4"),
        cell=0.01,
        tiled=True,
        blockxsize=256,
        blockysize=256,
    )
    write_tif(tmp_path / "b.tif", rng.normal(size=(300, 300)).astype("f4"), west=0.0033, north=9.99, cell=0.0271)
    report = reviewed(tmp_path / "a.tif", tmp_path / "b.tif", grid=("a.tif", "1"))
    with open_stack(tmp_path, report, ANY) as stack:
        complete = everything(stack)
        rows, columns = rng.integers(0, 700, 3_000), rng.integers(0, 900, 3_000)
        sampled = stack.sample(rows, columns)
        np.testing.assert_array_equal(sampled, complete[:, rows, columns].T)
        pieces = [stack.read(r, c) for r, c in stack.windows()]
        assert sum(piece.shape[1] * piece.shape[2] for piece in pieces) == 700 * 900
        assert stack.sample([], []).shape == (0, 2)
        with pytest.raises(ValueError, match="outside the grid"):
            stack.sample([700], [0])


def test_scenarios_replace_layers_and_carry_static_ones(tmp_path):
    write_tif(tmp_path / "bio1.tif", RAMP / 10)
    write_tif(tmp_path / "elev.tif", RAMP)
    write_tif(tmp_path / "bio1_ssp585.tif", RAMP / 10 + 3)
    report = reviewed(*(tmp_path / f"{name}.tif" for name in ("bio1", "elev", "bio1_ssp585")))
    with open_stack(tmp_path, report, ANY) as now, open_stack(tmp_path, report, ANY, scenario="ssp585") as later:
        assert now.names == later.names == ["bio1", "elevation"]
        difference = everything(later) - everything(now)
    np.testing.assert_allclose(difference, np.stack([np.full((10, 20), 3.0), np.zeros((10, 20))]), atol=1e-5)
    with pytest.raises(LayerError, match="no scenario"):
        open_stack(tmp_path, report, ANY, scenario="ssp126")


def test_a_file_that_was_replaced_is_refused(tmp_path):
    write_tif(tmp_path / "x.tif", np.stack([RAMP, RAMP + 1]))
    report = reviewed(tmp_path / "x.tif")
    write_tif(tmp_path / "x.tif", RAMP)
    with pytest.raises(LayerError, match="has no band 2"):
        open_stack(tmp_path, report, ANY)


def test_cells(tmp_path):
    values = RAMP.copy()
    values[0, 0] = np.nan
    write_tif(tmp_path / "x.tif", values)
    with open_stack(tmp_path, reviewed(tmp_path / "x.tif"), ANY) as stack:
        cells = GridCells(stack)
        longitude = [0.0, 0.999, 1.0, 20.0, 19.999, -0.001, np.nan, 3.5, 363.5 - 720 + 360, 3.5]
        latitude = [10.0, 9.001, 10.0, 5.0, 0.001, 5.0, 5.0, 0.0, 9.5, 95.0]
        numbers = cells.cell_of(longitude, latitude)
        # Cells contain their western and northern edges.
        assert numbers.tolist() == [0, 0, 1, -1, 199, -1, -1, -1, 3, -1]
        assert cells.has_values(numbers).tolist() == [False, False, True, False, True, False, False, False, True, False]
        valid, _ = stack.valid_mask()
        assert (GridCells(stack, valid).has_values(numbers) == cells.has_values(numbers)).all()
        np.testing.assert_array_equal(cells.values([3, -1, 199])[:, 0], np.array([3.5, np.nan, 199.5], "f4"))
        # A degree of longitude at 5° on WGS 84: 111.320 km × cos 5°, flattened.
        assert cells.width_m == pytest.approx(110_575, abs=30)


def test_cells_across_the_antimeridian_and_in_metres(tmp_path):
    write_tif(tmp_path / "pacific.tif", RAMP, west=170)
    with open_stack(tmp_path, reviewed(tmp_path / "pacific.tif"), ANY) as stack:
        assert GridCells(stack).cell_of([179.5, -179.5, 180, -180], [9.5] * 4).tolist() == [9, 10, 10, 10]
    place = Affine(250, 0, 498_000, 0, -500, 5_001_000)
    write_tif(tmp_path / "utm.tif", RAMP, transform=place, crs="EPSG:32632")
    with open_stack(tmp_path, reviewed(tmp_path / "utm.tif"), ANY) as stack:
        cells = GridCells(stack)
        # 9° E is the central meridian, x 500,000; 45° N is y 4,982,950.4 there.
        assert cells.width_m == 250.0 and cells.cell_of([9.0001], [45.15]).tolist()[0] % 20 == 8


def test_one_crs_in_two_texts_is_read_directly(tmp_path):
    place = Affine(1000, 0, 500_000, 0, -1000, 5_000_000)
    wkt = pyproj.CRS("EPSG:32632").to_wkt().replace('"WGS 84 / UTM zone 32N"', '"unknown"')
    source = write_tif(tmp_path / "x.tif", RAMP, transform=place, crs="EPSG:32632")
    (layer,) = inspect_layers(source)
    with Stack(tmp_path, [layer], layer.grid.model_copy(update={"crs": wkt}), ["x"]) as stack:
        assert not stack._aligned[0].resampled
        np.testing.assert_array_equal(everything(stack)[0], RAMP)


def test_typed_crs_are_checked():
    texts = ("EPSG:4326", "32632", "epsg:3035", "EPSG:99999", "metres", "EPSG:5773")
    recipe = Recipe(title="x", layers=[LayerChoice(file=f"{n}.tif", crs=text) for n, text in enumerate(texts)])
    assert [problem.file for problem in check_crs(recipe)] == ["3.tif", "4.tif", "5.tif"]
