"""Background points: inside the extent, on the right side of the shore, in proportion to area."""

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.layers.background import BackgroundError, Extent, candidate_cells, on_land, read_land, sample_background
from tests.unit.ml.datasets.raw_files import RAW, needs

LON, LAT = np.arange(0, 360, 5.0), np.arange(90, -91, -5.0)


def test_extent_across_the_antimeridian():
    pacific = Extent(west=170, south=-10, east=-170, north=10)
    assert pacific.holds([175, -175, 180, 185, 0, 170, -170], [0] * 7).tolist() == [True] * 4 + [False] + [True] * 2
    assert not pacific.holds([175], [11])[0]


def test_an_extent_round_the_globe():
    globe = Extent(west=-180, south=-90, east=180, north=90)
    assert globe.holds([0, 90, -180, 180, 359], [0, 0, 0, 0, -90]).all()


@pytest.mark.parametrize("box", [(0, 10, 20, 5), (0, -95, 20, 5), (0, 0, 200, 5), (5, 0, 5, 5)])
def test_impossible_extents(box):
    with pytest.raises(BackgroundError):
        Extent(*box)


@settings(max_examples=40)
@given(st.integers(-180, 179), st.integers(1, 300), st.integers(-80, 60), st.integers(0, 9))
def test_cells_are_distinct_inside_and_repeatable(west, width, south, seed):
    east = (west + width + 180) % 360 - 180
    extent = Extent(west, south, east, south + 20)
    cells = candidate_cells(LON, LAT, extent)
    assert extent.holds(cells[:, 0], cells[:, 1]).all()
    if not len(cells):
        return
    drawn = sample_background(cells, 50, seed)
    assert len(drawn) == min(50, len(cells))
    assert len({tuple(c) for c in drawn}) == len(drawn)
    assert (drawn == sample_background(cells, 50, seed)).all()


def test_cells_are_drawn_by_their_area():
    cells = np.array([[x, lat] for lat in (0.0, 60.0) for x in np.arange(0, 360, 0.1)])
    drawn = np.concatenate([sample_background(cells, 200, seed) for seed in range(30)])
    assert (drawn[:, 1] == 0).mean() == pytest.approx(2 / 3, abs=0.03)


def test_land_and_sea_part_the_cells():
    land = shapely.box(-20, -20, 20, 20)
    extent = Extent(-60, -60, 60, 60)
    sea = candidate_cells(LON, LAT, extent, "sea", land)
    ground = candidate_cells(LON, LAT, extent, "land", land)
    assert len(sea) + len(ground) == len(candidate_cells(LON, LAT, extent))
    assert on_land(land, ground[:, 0], ground[:, 1]).all()
    assert not on_land(land, sea[:, 0], sea[:, 1]).any()
    assert on_land(land, [370], [0])[0]


def test_what_cannot_be_drawn():
    with pytest.raises(BackgroundError, match="no cell"):
        sample_background(np.empty((0, 2)), 5, 0)
    with pytest.raises(BackgroundError, match="at least one"):
        sample_background(np.zeros((3, 2)), 0, 0)
    with pytest.raises(BackgroundError, match="outline"):
        candidate_cells(LON, LAT, Extent(0, 0, 10, 10), "sea")


def test_a_map_that_is_none(tmp_path):
    (tmp_path / "x.shp").write_bytes(b"no")
    with pytest.raises(BackgroundError, match="cannot be read"):
        read_land(tmp_path / "x.shp")


@needs("naturalearth_lowres.shp", "naturalearth_lowres.shx")
def test_the_real_outline():
    land = read_land(RAW / "naturalearth_lowres.shp")
    # Kinshasa, Alice Springs, mid Pacific, mid Indian Ocean
    assert on_land(land, [15.3, 133.9, -150, 80], [-4.4, -23.7, 0, -10]).tolist() == [True, True, False, False]
