"""Tiles: the places of their pixels, and the values of rasters around the world."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import rasterio
from rasterio.io import MemoryFile
from rasterio.transform import Affine

from app.maps import palettes, png
from app.maps.mercator import LIMIT, frame_of, tile
from app.maps.rasters import Raster, Rasters
from tools.live import PROJECT


def write(path, values, west, north, cell, crs="EPSG:4326", nodata=65535):
    profile = {"driver": "GTiff", "count": 1, "height": values.shape[0], "width": values.shape[1], "dtype": "uint16"}
    transform = Affine(cell, 0, west, 0, -cell, north)
    with rasterio.open(path, "w", **profile, crs=crs, transform=transform, nodata=nodata) as file:
        file.write(values.astype("uint16"), 1)
        if max(values.shape) > 600:
            file.build_overviews([2, 4, 8], rasterio.enums.Resampling.nearest)
    return Raster(path)


def drawn(raster, z, x, y):
    frame = tile(z, x, y)
    longitude, latitude = frame.places()
    shape = (frame.height, frame.width)
    values, inside = raster.values(raster.lookup.cell_of(longitude, latitude).reshape(shape))
    return values, inside, longitude.reshape(shape), latitude.reshape(shape)


def test_pixels_of_tiles():
    longitude, latitude = tile(0, 0, 0).places()
    assert longitude[0] == pytest.approx(-180 + 180 / 256)
    assert latitude[0] == pytest.approx(84.99, abs=0.01)
    assert latitude[0] == pytest.approx(-latitude[-1])
    longitude, latitude = tile(1, 1, 0).places()
    assert longitude.min() > 0 and latitude.min() > 0
    assert pytest.approx(85.0511, abs=1e-4) == LIMIT


@pytest.mark.parametrize("where", [(30, 0, 0), (-1, 0, 0), (0, 1, 0), (3, 8, 0), (3, 0, -1), (10**9, 0, 0)])
def test_there_is_no_such_tile(where):
    assert tile(*where) is None


@pytest.mark.parametrize("z", [0, 1, 3])
def test_a_grid_from_0_to_360_degrees_has_no_seam(tmp_path, z):
    raster = write(tmp_path / "a.tif", np.arange(360)[None, :].repeat(180, 0), 0.0, 90.0, 1.0)
    for x in range(2**z):
        values, inside, longitude, _ = drawn(raster, z, x, 2**z // 2)
        assert inside.all()
        expected = np.floor(longitude % 360)
        # between cells of an overview a neighbour may be shown
        assert np.abs((values - expected + 180) % 360 - 180).max() <= max(1, 360 / 256 / 2**z)


def test_a_grid_across_the_antimeridian(tmp_path):
    raster = write(tmp_path / "a.tif", np.arange(40)[None, :].repeat(20, 0), 160.0, 10.0, 1.0)
    east, inside, longitude, latitude = drawn(raster, 3, 7, 3)
    shown = (longitude >= 160) & (latitude < 10) & (latitude >= -10)
    np.testing.assert_array_equal(inside, shown)
    np.testing.assert_array_equal(east[shown], np.floor(longitude[shown] - 160))
    west, inside, longitude, latitude = drawn(raster, 3, 0, 3)
    shown = (longitude < -160) & (latitude < 10)
    np.testing.assert_array_equal(inside, shown)
    np.testing.assert_array_equal(west[shown], np.floor(longitude[shown] + 200))


def test_outside_and_at_the_poles(tmp_path):
    raster = write(tmp_path / "a.tif", np.ones((10, 10)), 0.0, 90.0, 1.0)
    assert not drawn(raster, 4, 0, 15)[1].any()
    values, inside, _, latitude = drawn(raster, 0, 0, 0)
    assert latitude[inside].min() > 80
    assert (values[inside] == 1).all()


def test_a_projected_grid(tmp_path):
    # Europe's LAEA; its centre, 10° E and 52° N, is at 4,321 and 3,210 km
    values = np.arange(200)[:, None] + np.zeros((1, 200))
    raster = write(tmp_path / "a.tif", values, 4_221_000.0, 3_310_000.0, 1_000.0, "EPSG:3035")
    n = 2**10
    x, y = int((10.001 + 180) / 360 * n), int((1 - np.arcsinh(np.tan(np.radians(52.001))) / np.pi) / 2 * n)
    shown, inside, longitude, latitude = drawn(raster, 10, x, y)
    near = np.hypot(longitude - 10, latitude - 52) < 0.01
    assert inside[near].all()
    assert set(shown[near].tolist()) <= {98, 99, 100, 101}


def test_a_large_grid_is_read_from_its_overviews(tmp_path):
    values = np.arange(4000)[None, :].repeat(2000, 0) // 2
    raster = write(tmp_path / "a.tif", values, -180.0, 90.0, 0.09)
    shown, inside, longitude, _ = drawn(raster, 0, 0, 0)
    assert inside.all()
    assert np.abs(shown - (longitude + 180) / 0.18).max() < 16


def test_open_files_are_found_again_and_replaced(tmp_path):
    write(tmp_path / "a.tif", np.ones((4, 4)), 0.0, 10.0, 1.0)
    rasters = Rasters()
    first = rasters.get(tmp_path / "a.tif")
    assert rasters.get(tmp_path / "a.tif") is first
    write(tmp_path / "b.tif", np.full((4, 4), 7), 0.0, 10.0, 1.0)
    (tmp_path / "b.tif").replace(tmp_path / "a.tif")
    again = rasters.get(tmp_path / "a.tif")
    assert again is not first
    assert drawn(again, 5, 16, 15)[0].max() == 7


def test_a_png_has_its_indices_and_colours():
    indices = np.random.default_rng(1).integers(0, 256, (33, 71)).astype(np.uint8)
    palette = np.random.default_rng(2).integers(0, 256, (256, 3)).astype(np.uint8)
    with MemoryFile(png.encode(indices, palette)) as memory, memory.open() as picture:
        np.testing.assert_array_equal(picture.read(1), indices)
        table = picture.colormap(1)
    assert [table[k][:3] for k in range(256)] == [tuple(one) for one in palette.tolist()]
    assert [table[k][3] for k in range(3)] == [0, 255, 255]


def test_colours_of_numbers():
    values = np.array([[0, 5000, 10000, 65535]], dtype=np.uint16)
    indices = palettes.indices_of("suitability", values, 65535)
    assert indices.tolist() == [[1, 120, 240, 0]] or indices.tolist() == [[1, 121, 240, 0]]
    palette = palettes.palette_of("suitability", {})
    assert palette[1].tolist() == [68, 1, 84]
    assert palette[240].tolist() == [253, 231, 37]
    mess = palettes.indices_of("mess", np.array([[-500.0, 0.0, 500.0, np.nan]], dtype=np.float32), np.nan)
    assert mess[0, 0] == 1 and mess[0, 2] == 240 and mess[0, 3] == palettes.CLEAR


def test_a_picture_fits_its_extent():
    frame = frame_of((160.0, -10.0, -160.0, 10.0), 900, 900)
    assert frame.width == 900
    assert frame.height == pytest.approx(900 * 20.1 / 40, abs=2)
    tall = frame_of((0.0, -80.0, 10.0, 80.0), 900, 900)
    assert tall.height == 900 and tall.width < 90


def test_web_processes_start_without_gdal():
    code = "import sys, app; sys.exit(bool({'rasterio', 'osgeo', 'pandas'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=PROJECT, check=False).returncode == 0
