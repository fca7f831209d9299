"""``python -m ml layers``."""

import json

import numpy as np

from ml.__main__ import main
from tests.unit.ml.layers.made_rasters import OWN, real, write_tif

RAMP = np.arange(200, dtype="f4").reshape(10, 20) + 0.5


def folder_of_layers(folder):
    write_tif(folder / "bio1.tif", RAMP / 10)
    write_tif(folder / "elev.tif", RAMP)
    write_tif(folder / "bio1_MIROC6_ssp585_2041-2060.tif", RAMP / 10 + 3)
    (folder / "elev.prj").write_text("a companion is no layer")
    (folder / "notes.txt").write_text("neither is this")
    return folder


def test_a_table_of_layers(tmp_path, capsys):
    assert main(["layers", str(folder_of_layers(tmp_path))]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:5] == ["file", "band", "name", "kind", "unit"]
    assert len([line for line in lines if ".tif  " in line]) == 3
    assert any("0.05 to 19.95" in line and line.endswith("training") for line in lines)
    assert "scenario MIROC6 ssp585 2041-2060: 1 of 2 layers, carried over: elevation" in lines


def test_json(tmp_path, capsys):
    assert main(["layers", "--json", str(folder_of_layers(tmp_path) / "bio1.tif")]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["files"][0]["layers"][0]["name"] == "bio1" and content["errors"] == []
    assert content["review"]["training"] == ["bio1"]


def test_files_that_cannot_be_read_are_named_and_the_rest_is_printed(tmp_path, capsys):
    (folder_of_layers(tmp_path) / "broken.tif").write_text("no raster")
    assert main(["layers", str(tmp_path)]) == 2
    printed = capsys.readouterr()
    assert "bio1.tif" in printed.out
    assert printed.err.splitlines() == [
        "python -m ml layers: broken.tif is not a raster that is read (GeoTIFF, ESRI ASCII grid, R grid or NetCDF)"
    ]


def test_paths_that_have_no_layers(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    for path, reason in (("none.tif", "does not exist"), ("empty", "has no layer")):
        assert main(["layers", str(tmp_path / path)]) == 2
        assert reason in capsys.readouterr().err
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    for name in ("one", "two"):
        write_tif(tmp_path / name / "x.tif", RAMP)
    assert main(["layers", f"{tmp_path}/one", f"{tmp_path}/two"]) == 2
    assert "two files have the name x.tif" in capsys.readouterr().err


@real
def test_real_rasters(capsys):
    assert main(["layers", str(OWN / "rasters")]) == 2
    printed = capsys.readouterr()
    # Every other file is a row; each of the three is one line.
    assert len(printed.err.splitlines()) == 3
    assert [name in printed.err for name in ("geomatrix.tif", "sub.nc", "timeseries.nc")] == [True] * 3
    assert main(["layers", str(OWN / "case-bradypus/bio1.gri")]) == 0
    assert "bio1.grd" in capsys.readouterr().out
