"""Pictures of layers, read back by GDAL."""

import numpy as np
import pytest
import rasterio
from rasterio.errors import NotGeoreferencedWarning
from rasterio.transform import Affine

from ml.layers.errors import LayerError
from ml.layers.inspection import inspect_layers
from ml.layers.picture import picture
from ml.recipes.recipe import LayerChoice
from tests.unit.ml.layers.made_rasters import OWN, real, write_tif

RAMP = np.tile(np.arange(200, dtype="f4"), (100, 1))


def pixels(path, tmp_path, choice=None, width=240, band="1"):
    layer = next(report for report in inspect_layers(path) if report.band == band)
    picture(path.parent, layer, choice, tmp_path / "out.png", width)
    with pytest.warns(NotGeoreferencedWarning), rasterio.open(tmp_path / "out.png") as data:
        assert (data.driver, data.count) == ("PNG", 4)
        return np.moveaxis(data.read(), 0, -1)


def test_quantities_run_from_the_darkest_to_the_lightest_of_viridis(tmp_path):
    values = RAMP.copy()
    values[:10] = np.nan
    read = pixels(write_tif(tmp_path / "x.tif", values), tmp_path)
    assert read.shape == (100, 200, 4)
    assert (read[:10, :, 3] == 0).all() and (read[10:, :, 3] == 255).all()
    # Ends of viridis: #440154 and #fde725; its middle is #21918c.
    assert read[50, 0].tolist() == [68, 1, 84, 255] and read[50, 199].tolist() == [253, 231, 37, 255]
    np.testing.assert_allclose(read[50, 100, :3], [0x21, 0x91, 0x8C], atol=6)


def test_large_layers_are_read_in_fewer_cells_and_north_is_up(tmp_path):
    values = np.repeat(RAMP.T, 6, axis=1)[:, :1200]
    path = write_tif(tmp_path / "x.tif", values, transform=Affine(0.1, 0, 0, 0, 0.1, 0))
    read = pixels(path, tmp_path, width=60)
    # 600 columns and 200 rows of one size.
    assert read.shape == (20, 60, 4)
    # The last row of the file is the northernmost.
    assert read[0, 0].tolist() == [253, 231, 37, 255] and read[-1, 0].tolist() == [68, 1, 84, 255]


def test_categories_have_distinct_colours(tmp_path):
    classes = np.tile(np.arange(12, dtype="u1"), (20, 3))
    read = pixels(write_tif(tmp_path / "cover.tif", classes), tmp_path)
    assert len({tuple(colour) for colour in read[0, :12].tolist()}) == 12
    assert (read[:, :12] == read[:, 12:24]).all()
    smooth = pixels(tmp_path / "cover.tif", tmp_path, LayerChoice(file="cover.tif", kind="continuous"))
    assert smooth[0, 0].tolist() == [68, 1, 84, 255]


def test_constant_and_empty_layers(tmp_path):
    assert (pixels(write_tif(tmp_path / "x.tif", np.full((5, 5), 3.5, "f4")), tmp_path)[..., 3] == 255).all()
    assert (pixels(write_tif(tmp_path / "y.tif", np.full((5, 5), np.nan, "f4")), tmp_path)[..., 3] == 0).all()


def test_nothing_is_left_of_a_picture_that_fails(tmp_path):
    path = write_tif(tmp_path / "x.tif", RAMP)
    (layer,) = inspect_layers(path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(LayerError, match=r"x\.tif"):
        picture(tmp_path, layer, None, tmp_path / "out.png")
    assert [file.name for file in tmp_path.iterdir()] == ["x.tif"]


@real
def test_longitudes_of_a_globe_are_turned(tmp_path):
    path = OWN / "rasters/reduced.nc"
    read = pixels(path, tmp_path, band="sst")
    assert read.shape == (90, 180, 4)
    # Sea off West Africa (0° E, 0° N) is in the middle; the Sahara (10° E, 25° N) has no value.
    assert read[45, 90, 3] == 255 and read[32, 95, 3] == 0
