"""Which files belong to a raster file."""

from __future__ import annotations

from pathlib import Path

from ml.layers.files import companions, hash_layers


def test_a_grid_of_r_beside_a_geotiff_of_the_same_name(tmp_path: Path) -> None:
    for name in ("biome.tif", "biome.tif.aux.xml", "biome.tfw", "biome.grd", "biome.gri", "biome.asc", "biome.prj"):
        (tmp_path / name).write_bytes(name.encode())
    names = {
        file: [one.name for one in companions(tmp_path / file)] for file in ("biome.tif", "biome.grd", "biome.asc")
    }
    assert names == {
        "biome.tif": ["biome.tfw", "biome.tif.aux.xml"],
        "biome.grd": ["biome.gri"],
        "biome.asc": ["biome.prj"],
    }


def test_the_hash_does_not_depend_on_files_of_other_rasters(tmp_path: Path) -> None:
    (tmp_path / "biome.tif").write_bytes(b"values")
    before = hash_layers(tmp_path / "biome.tif")
    (tmp_path / "biome.gri").write_bytes(b"others")
    assert hash_layers(tmp_path / "biome.tif") == before
    (tmp_path / "biome.tif.aux.xml").write_bytes(b"legend")
    assert hash_layers(tmp_path / "biome.tif") != before
