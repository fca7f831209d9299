"""The tables of ``python -m benchmarks.scenarios`` of a small made-up case."""

import numpy as np
import rasterio

from benchmarks.scenarios import agreement_table, chosen_layers, table
from ml.change.compare import compare
from tests.unit.ml.change.made import write_map
from tests.unit.ml.projection.made_maps import write_layer


def test_the_share_beyond_is_the_first_column(tmp_path):
    today = write_map(tmp_path / "today", "SSSU SSUU")
    mess = np.array([[1.0, 1.0, -1.0, 1.0], [1.0, 1.0, 1.0, 1.0]])
    first = write_map(tmp_path / "a", "SU?U SSU?", "GCM A 2090", mess=mess)
    second = write_map(tmp_path / "b", "SSUU USUU", "GCM B 2090")
    summary = compare(today, [first, second], tmp_path / "change")
    heading, *rows = table(summary).splitlines()
    assert heading.split()[:2] == ["scenario", "beyond"]
    # 2 of 8 cells beyond, one of them with a value outside its range; cells of a row are about 12,300 km²
    assert rows[0].startswith("GCM A 2090")
    assert "25 % (13 %)" in rows[0] or "25 % (12 %)" in rows[0]
    assert rows[1].split()[:7] == ["GCM", "B", "2090", "0", "%", "(0", "%)"]
    lines = agreement_table(summary).splitlines()
    assert [line.split()[0] for line in lines[1:4]] == ["0", "1", "2"]
    assert lines[-1].startswith("cannot say")
    one = compare(today, [first], tmp_path / "one")
    assert agreement_table(one) == ""


def test_chosen_layers(tmp_path):
    source = tmp_path / "all.tif"
    write_layer(source, np.ones((3, 4), "f4"))
    assert chosen_layers(source, tmp_path / "some.tif", ()) == source
    with rasterio.open(source, "r+") as file:
        file.set_band_description(1, "bio05")
    with rasterio.open(chosen_layers(source, tmp_path / "some.tif", ["bio05"])) as file:
        assert (file.count, file.descriptions) == (1, ("bio05",))
