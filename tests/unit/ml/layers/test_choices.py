"""Choices that cannot be meant, and a CRS that was typed for a file with a wrong one."""

import numpy as np
import pyproj
import pytest
import rasterio
from pydantic import ValidationError
from rasterio.transform import Affine

from ml.layers.grid import GridCells
from ml.layers.stack import open_stack
from ml.recipes.recipe import LayerChoice, Recipe
from tests.unit.ml.layers.made_rasters import codes, reviewed, write_tif

RAMP = np.arange(200, dtype="f4").reshape(10, 20) + 0.5


def test_choices_without_effect_are_stated(tmp_path):
    path = write_tif(tmp_path / "x.tif", RAMP)
    report = reviewed(
        path,
        layers=[
            LayerChoice(file="x.tif", band="2", unit="m"),
            LayerChoice(file="x.tif", crs="EPSG:32632", unit="m"),
            LayerChoice(file="x.tif", unit="km"),
        ],
    )
    assert codes(report) == ["choice-unknown", "crs-stated", "choice-twice"] and codes(report, blocking=True) == []
    assert report.problems[0].text.endswith("the study has no such layer; the file has band 1")
    # The last is used.
    assert report.layers[0].unit == "km" and report.layers[0].crs == "EPSG:4326"
    assert codes(reviewed(path, layers=[LayerChoice(file="x.tif", crs="wgs 84")])) == []


def test_a_factor_of_zero_is_refused():
    with pytest.raises(ValidationError, match="must not be 0"):
        LayerChoice(file="x.tif", factor=0)


def test_two_layers_with_names_in_another_script(tmp_path):
    report = reviewed(write_tif(tmp_path / "温度.tif", RAMP), write_tif(tmp_path / "降水.tif", RAMP + 1))
    assert codes(report) == [] and len(set(report.training)) == 2
    assert {layer.label for layer in report.layers} == {"温度", "降水"}


PLACES = ([8.5, 9.0, 9.7], [48.1, 48.4, 48.05])


def test_a_typed_crs_for_a_file_with_a_wrong_one(tmp_path):
    place = Affine(2000, 0, 500_000, 0, -2000, 5_400_000)
    values = np.random.default_rng(7).normal(size=(100, 100)).astype("f4")
    wrong = write_tif(tmp_path / "wrong.tif", values, transform=place, crs="EPSG:4326")
    smooth = np.random.default_rng(8).normal(size=(40, 40)).astype("f4")
    good = write_tif(tmp_path / "good.tif", smooth, west=8, north=50, cell=0.1)
    untyped = reviewed(good, wrong)
    assert codes(untyped) == ["crs-wrong"] and "x 500,000 to 700,000" in untyped.problems[0].text
    typed = reviewed(good, wrong, layers=[LayerChoice(file="wrong.tif", crs="EPSG:32632")], grid=("wrong.tif", "1"))
    assert codes(typed) == ["aligned"] and typed.grid.west == 500_000
    longitude, latitude = pyproj.Transformer.from_crs(32632, 4326, always_xy=True).transform(
        [501_000, 601_000, 681_000], [5_399_000, 5_299_000, 5_231_000]
    )
    with open_stack(tmp_path, typed, Recipe(title="x")) as stack:
        cells = GridCells(stack)
        read = cells.values(cells.cell_of(longitude, latitude))
    with rasterio.open(wrong) as data:
        expected = [v[0] for v in data.sample([(501_000, 5_399_000), (601_000, 5_299_000), (681_000, 5_231_000)])]
    np.testing.assert_array_equal(read[:, typed.training.index("wrong")], expected)


def test_degrees_that_are_stated_to_be_metres(tmp_path):
    path = write_tif(tmp_path / "x.tif", RAMP, west=200, cell=0.5, crs="EPSG:3857")
    report = reviewed(path)
    assert codes(report, blocking=True) == ["crs-wrong"] and "can be degrees" in report.problems[0].text
    entry = report.problems[0].remedy.change["layers"][0]
    typed = reviewed(path, layers=[LayerChoice(**entry)])
    # Longitudes of 0–360 are turned by the typed CRS.
    assert codes(typed) == [] and typed.grid.west == -160 and typed.layers[0].extent == (-160.0, 5.0, -150.0, 10.0)
    with open_stack(tmp_path, typed, Recipe(title="x")) as stack:
        cells = GridCells(stack)
        assert cells.values(cells.cell_of([-159.75, -150.25], [9.75, 5.25]))[:, 0].tolist() == [0.5, 199.5]


@pytest.mark.parametrize("change", ["rotate", "mirror", "swap"])
def test_layers_of_one_range_and_mean_are_not_equal(tmp_path, change):
    values = np.random.default_rng(1).integers(7, 3000, (20, 20)).astype("i2")
    other = {"rotate": values[::-1, ::-1], "mirror": values[:, ::-1], "swap": values.copy()}[change]
    if change == "swap":
        other[3, 4], other[3, 5] = values[3, 5], values[3, 4]
    paths = [write_tif(tmp_path / "bio12.tif", values), write_tif(tmp_path / "wc2.1_10m_bio_12.tif", other)]
    assert codes(reviewed(*paths), blocking=True) == ["name-twice"]


def test_equal_values_in_another_order_of_the_file_are_equal(tmp_path):
    """Tiles, rows from the south, longitudes to 360, another type and another mark of no value."""
    globe = np.random.default_rng(2).integers(0, 3000, (90, 180)).astype("f4")
    globe[5:9, 20:70] = np.nan
    plain = write_tif(tmp_path / "bio12.tif", globe, west=-180, north=90, cell=2)
    turned = np.where(np.isnan(globe), -9999, globe).astype("i2")
    turned = np.concatenate([turned[:, 90:], turned[:, :90]], axis=1)[::-1]
    other = write_tif(
        tmp_path / "bio_12.tif", turned, transform=Affine(2, 0, 0, 0, 2, -90), tiled=True, blockxsize=16, blockysize=32
    )
    report = reviewed(plain, other)
    assert codes(report, blocking=True) == [] and report.roles == ["training", "unused"]
    assert report.layers[1].notes[-1] == "unused: the same values as band 1 of bio12.tif"
