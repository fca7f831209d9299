"""Polygons of shapefiles, compared with GDAL's reader."""

import struct

import numpy as np
import pyogrio.raw
import pytest
import shapely

from ml.layers.background import BackgroundError, read_land
from ml.layers.shapefile import read_polygons
from tests.unit.ml.datasets.raw_files import RAW, needs

HOLED = "POLYGON ((0 0, 0 9, 9 9, 9 0, 0 0), (1 1, 2 1, 2 2, 1 1), (4 4, 6 4, 6 6, 4 4))"
TWO = "MULTIPOLYGON (((0 0, 0 1, 1 1, 0 0)), ((5 5, 5 9, 9 9, 9 5, 5 5), (6 6, 7 6, 7 7, 6 6)))"


def write(folder, *texts):
    path = folder / "made.shp"
    shapes = shapely.to_wkb(shapely.from_wkt(texts))
    pyogrio.raw.write(
        path,
        geometry=shapes,
        field_data=[np.arange(len(texts))],
        fields=["n"],
        geometry_type="Polygon",
        crs="EPSG:4326",
        driver="ESRI Shapefile",
    )
    return path


def test_holes_and_parts_are_those_of_gdal(tmp_path):
    path = write(tmp_path, HOLED, TWO, "POLYGON ((0 0, 0 1, 1 1, 0 0))")
    found = read_polygons(path)
    assert len(found) == 3
    _, _, expected, _ = pyogrio.raw.read(path, columns=[])
    assert all(shapely.equals(one, other) for one, other in zip(found, shapely.from_wkb(expected), strict=True))
    assert [shapely.get_num_interior_rings(shapely.get_parts(one)).sum() for one in found] == [2, 1, 0]


@needs("naturalearth_lowres.shp")
def test_the_land_is_that_of_gdal_to_the_last_bit():
    path = RAW / "naturalearth_lowres.shp"
    _, _, geometry, _ = pyogrio.raw.read(path, columns=[])
    assert read_land(path).wkb == shapely.union_all(shapely.make_valid(shapely.from_wkb(geometry))).wkb


@pytest.mark.parametrize("size", [0, 50, 100 + 7, 100 + 20, 100 + 60, 100 + 150])
def test_a_file_that_ends_early_is_refused(tmp_path, size):
    path = write(tmp_path, HOLED)
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(BackgroundError, match=r"made\.shp cannot be read as a map"):
        read_land(path)


@pytest.mark.parametrize(
    ("offset", "form", "value"),
    [
        (0, ">i", 1),
        (32, "<i", 3),
        (104, ">i", 0),
        (104, ">i", -50),
        # rings, points, the first point of a ring
        (108 + 36, "<i", 0),
        (108 + 36, "<i", 2**31 - 1),
        (108 + 40, "<i", 10**9),
        (108 + 48, "<i", -4),
        (108 + 48, "<i", 10**9),
    ],
)
def test_a_damaged_file_is_refused(tmp_path, offset, form, value):
    path = write(tmp_path, HOLED)
    content = bytearray(path.read_bytes())
    struct.pack_into(form, content, offset, value)
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"."):
        read_polygons(path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(BackgroundError):
        read_land(tmp_path / "none.shp")
