"""Layer files that are refused, damaged, or beyond a bound: one sentence each."""

import os

import numpy as np
import pytest
import rasterio
from rasterio.errors import NotGeoreferencedWarning
from rasterio.transform import Affine

from ml.layers import rasters
from ml.layers.errors import LayerError
from ml.layers.inspection import inspect_layers
from tests.unit.ml.layers.made_rasters import codes, reviewed, write_tif

RAMP = np.arange(200, dtype="f4").reshape(10, 20)


def one(path):
    (report,) = inspect_layers(path)
    return report


def refusal(path):
    with pytest.raises(LayerError) as caught:
        inspect_layers(path)
    text = str(caught.value)
    assert "\n" not in text and str(path.parent) not in text
    return text


def test_refused_files(tmp_path):
    (tmp_path / "text.tif").write_text("bio1 is in the other folder\n")
    assert "text.tif is not a raster" in refusal(tmp_path / "text.tif")
    (tmp_path / "empty.tif").write_bytes(b"")
    assert refusal(tmp_path / "empty.tif") == "empty.tif is empty"
    (tmp_path / "x.nc").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    assert "x.nc cannot be read as NetCDF" in refusal(tmp_path / "x.nc")
    (tmp_path / "y.nc").write_bytes(b"CDF\x01" + bytes(range(60)))
    assert "y.nc" in refusal(tmp_path / "y.nc")
    (tmp_path / "z.nc").write_bytes(b"CDF\x05" + bytes(60))
    assert "CDF-5" in refusal(tmp_path / "z.nc")
    (tmp_path / "a.vrt").write_text("<VRTDataset rasterXSize='1' rasterYSize='1'/>")
    assert "not a raster" in refusal(tmp_path / "a.vrt")
    (tmp_path / "lone.grd").write_text("[general]\ncreator=R package 'raster'\n[data]\ndatatype=FLT4S\n")
    assert "lone.gri, which is missing" in refusal(tmp_path / "lone.grd")
    path = write_tif(tmp_path / "here.tif", RAMP)
    (tmp_path / "link.tif").symlink_to(path)
    assert refusal(tmp_path / "link.tif") == "link.tif is a link: copy the file itself"
    (tmp_path / "here.tif.ovr").symlink_to("/etc/passwd")
    assert "here.tif.ovr is a link" in refusal(path)
    os.mkfifo(tmp_path / "pipe.tif")
    assert "not a regular file" in refusal(tmp_path / "pipe.tif")
    assert "cannot be read" in refusal(tmp_path / "none.tif")
    rotated = write_tif(tmp_path / "rotated.tif", RAMP, transform=Affine(1, 0.2, 0, 0.2, -1, 10))
    assert "is rotated" in refusal(rotated)
    mirrored = write_tif(tmp_path / "mirrored.tif", RAMP, transform=Affine(-1, 0, 0, 0, -1, 10))
    assert "is mirrored" in refusal(mirrored)
    with pytest.warns(NotGeoreferencedWarning):
        plain = write_tif(tmp_path / "photo.tif", RAMP, crs=None, transform=Affine.identity())
    assert "has no georeference" in refusal(plain)


def test_bounds(tmp_path, monkeypatch):
    sparse = tmp_path / "sparse.tif"
    size = {"width": 60_000, "height": 60_000, "count": 1, "dtype": "uint8", "tiled": True, "sparse_ok": True}
    place = Affine(0.001, 0, 0, 0, -0.001, 60)
    with rasterio.open(sparse, "w", driver="GTiff", crs="EPSG:4326", transform=place, **size):
        pass
    assert "60,000 × 60,000 cells; at most 2,000,000,000" in refusal(sparse)
    one_block = write_tif(tmp_path / "block.tif", RAMP)
    monkeypatch.setattr(rasters, "MAX_BLOCK_BYTES", 100)
    assert "save it with tiles" in refusal(one_block)
    monkeypatch.setattr(rasters, "MAX_BANDS", 1)
    assert "2 bands; at most 1" in refusal(write_tif(tmp_path / "bands.tif", np.stack([RAMP, RAMP])))


def test_a_truncated_file_is_a_problem_of_its_bands(tmp_path):
    path = write_tif(tmp_path / "bio1.tif", np.random.default_rng(1).normal(size=(400, 300)).astype("f4"), blockysize=8)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    problem = one(path).problems[-1]
    assert problem.code == "damaged" and "band 1 cannot be read in the block of rows" in problem.text
    assert "damaged" in codes(reviewed(path), blocking=True)


@pytest.mark.parametrize("seed", range(8))
def test_damaged_headers_are_refused_in_one_line(tmp_path, seed, capfd):
    """Random bytes in the first 600: a report or one sentence, never another error, and nothing on standard error."""
    rng = np.random.default_rng(seed)
    place = Affine(1000, 0, 500_000, 0, -1000, 5_000_000)
    content = write_tif(tmp_path / "x.tif", RAMP, transform=place, crs="EPSG:32632", nodata=-1).read_bytes()
    for _ in range(60):
        damaged = bytearray(content)
        for position in rng.integers(8, 600, 4):
            damaged[position] = rng.integers(0, 256)
        (tmp_path / "x.tif").write_bytes(damaged)
        try:
            inspect_layers(tmp_path / "x.tif")
        except LayerError as error:
            assert "\n" not in str(error) and str(tmp_path) not in str(error)
    assert "Traceback" not in capfd.readouterr().err


def test_overviews_in_other_files_are_refused(tmp_path):
    path = write_tif(tmp_path / "x.tif", RAMP)
    (tmp_path / "x.tif.aux.xml").write_text(
        '<PAMDataset><Metadata domain="OVERVIEWS"><MDI key="OVERVIEW_FILE">/vsicurl/http://127.0.0.1:1/a.none</MDI>'
        "</Metadata></PAMDataset>"
    )
    assert "refers to another file" in refusal(path)


def test_names_that_gdal_would_read_otherwise(tmp_path):
    for name in ("a#b.tif", "a?b.tif", "a b.tif", "50%.tif", "http:x.tif", "ä.tif"):
        source = write_tif(tmp_path / "plain.tif", RAMP)
        path = source.rename(tmp_path / name)
        assert one(path).maximum == 199.0
