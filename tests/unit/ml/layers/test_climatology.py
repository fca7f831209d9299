"""A climatology read, its units judged by its values, and bioclimatic variables by hand."""

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.layers.bioclim import LAYERS, bioclim
from ml.layers.climatology import KNOWN_FILES, Climatology, LayerError, verify
from tests.unit.ml.datasets.raw_files import RAW, needs

ERA5 = "era5_global_climatology_2000_2025.nc"
T = np.array([1, 2, 3, 4, 5, 6, 12, 11, 10, 4, 3, 2], dtype=float)
P = np.array([10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120], dtype=float)


def write(path, change=lambda name, values: values, latitude=None):
    """A 5 by 8 grid of 45 degrees: the temperature of a cell is T + its row, precipitation P + its column."""
    rows, columns = np.arange(5.0), np.arange(8.0)
    t = T[:, None, None] + rows[None, :, None] + 0 * columns
    p = P[:, None, None] + 0 * rows[None, :, None] + columns
    with h5py.File(path, "w") as f:
        f["latitude"] = 90 - 45 * rows if latitude is None else latitude
        f["longitude"] = 45 * columns
        f["t2m"], f["tp"] = change("t2m", t).astype("f4"), change("tp", p).astype("f4")
        f["t2m"].attrs["units"], f["tp"].attrs["units"] = "K", "m"
    return path


def test_bioclim_by_hand():
    b = {k: v[0] for k, v in bioclim(T[:, None], P[:, None]).items()}
    assert b["bio1"] == pytest.approx(63 / 12)
    assert b["bio4"] == pytest.approx(100 * np.sqrt(((T - 63 / 12) ** 2).sum() / 11))
    assert (b["bio5"], b["bio6"], b["bio7"]) == (12, 1, 11)
    assert (b["bio10"], b["bio11"]) == (pytest.approx(11), pytest.approx(5 / 3))
    assert (b["bio12"], b["bio13"], b["bio14"]) == (780, 120, 10)
    assert b["bio15"] == pytest.approx(100 * np.sqrt(((P - 65) ** 2).sum() / 11) / 66)
    # wettest: Oct-Dec; driest: Jan-Mar; warmest: Jul-Sep; coldest: Dec-Feb, across the turn of the year
    assert (b["bio16"], b["bio17"], b["bio18"], b["bio19"]) == (330, 60, 240, 150)


@given(st.lists(st.tuples(st.floats(-40, 40), st.floats(0, 900)), min_size=12, max_size=12), st.integers(0, 11))
def test_laws_of_bioclim(months, shift):
    t, p = (np.array(column)[:, None] for column in zip(*months, strict=True))
    b = {k: v[0] for k, v in bioclim(t, p).items()}
    assert set(b) == set(LAYERS)
    assert b["bio6"] - 1e-9 <= b["bio11"] <= b["bio1"] + 1e-9 <= b["bio10"] + 2e-9 <= b["bio5"] + 3e-9
    assert b["bio17"] <= b["bio18"] <= b["bio16"]
    assert b["bio17"] <= b["bio19"] <= b["bio16"]
    for name, value in b.items():
        assert LAYERS[name].lowest_possible <= value <= LAYERS[name].highest_possible
    # the calendar may begin in any month; the first of several quarters that tie may then be another
    turned = bioclim(np.roll(t, shift, axis=0), np.roll(p, shift, axis=0))
    for name in set(LAYERS) - {"bio18", "bio19"}:
        assert turned[name][0] == pytest.approx(b[name], abs=1e-7)


def test_warming_moves_temperatures_only():
    cold, warm = bioclim(T[:, None], P[:, None]), bioclim(T[:, None] + 3, P[:, None])
    for name in LAYERS:
        rise = 3 if name in {"bio1", "bio5", "bio6", "bio10", "bio11"} else 0
        assert warm[name] == pytest.approx(cold[name] + rise)


def test_samples_the_nearest_cell_and_wraps(tmp_path):
    grid = Climatology(write(tmp_path / "c.nc"))
    lon, lat = [0, -10, 350, 340, -45, 180, -180, 22], [90, 60, -90, 0, 22.4, 22.6, 0, 0]
    assert grid.rows_columns(lon, lat)[0].tolist() == [0, 1, 4, 2, 2, 1, 2, 2]
    assert grid.rows_columns(lon, lat)[1].tolist() == [0, 0, 0, 0, 7, 4, 4, 0]
    sampled = grid.sample(lon, lat)
    assert sampled["bio6"] == pytest.approx(1 + np.array([0, 1, 4, 2, 2, 1, 2, 2]))
    assert sampled["bio14"] == pytest.approx(10 + np.array([0, 0, 0, 0, 7, 4, 4, 0]))
    assert len(set(grid.cell_of(lon, lat))) == 7
    assert grid.sample([], [])["bio1"].shape == (0,)


def test_kelvin_is_known_by_its_values(tmp_path):
    plain = Climatology(write(tmp_path / "c.nc")).sample([10], [10])
    kelvin = write(tmp_path / "k.nc", lambda name, v: v + 273.15 if name == "t2m" else v)
    assert Climatology(kelvin).sample([10], [10])["bio1"] == pytest.approx(plain["bio1"], abs=1e-3)


def test_a_cell_without_a_value_is_nan(tmp_path):
    def hole(name, v):
        v[:, 2, 0] = np.nan
        return v

    sampled = Climatology(write(tmp_path / "c.nc", hole)).sample([0, 45], [0, 0])
    assert np.isnan(sampled["bio1"][0])
    assert np.isfinite(sampled["bio1"][1])


@pytest.mark.parametrize(
    ("name", "factor", "message"),
    [("t2m", 20, "neither"), ("tp", 0.001, "not in mm"), ("tp", 1000, "not in mm"), ("tp", -1, "not in mm")],
)
def test_absurd_values_are_refused(tmp_path, name, factor, message):
    path = write(tmp_path / "c.nc", lambda which, v: v * factor if which == name else v)
    with pytest.raises(LayerError, match=message):
        Climatology(path).sample([0], [0])


def test_files_that_are_no_climatology(tmp_path):
    with pytest.raises(LayerError, match="missing"):
        Climatology(tmp_path / "none.nc")
    with pytest.raises(LayerError, match="regular"):
        Climatology(write(tmp_path / "r.nc", latitude=[90, 50, 0, -45, -90]))
    (tmp_path / "t.nc").write_text("no")
    with pytest.raises(LayerError):
        Climatology(tmp_path / "t.nc")
    with pytest.raises(ValueError, match="NaN"):
        Climatology(write(tmp_path / "c.nc")).sample([np.nan], [0])
    with pytest.raises(ValueError, match="beyond"):
        Climatology(tmp_path / "c.nc").sample([0], [120])


def test_the_registry_knows_its_files(tmp_path):
    (tmp_path / ERA5).write_bytes(b"something else")
    with pytest.raises(LayerError, match="not the file"):
        verify(tmp_path / ERA5)
    with pytest.raises(LayerError, match="there is no"):
        verify(tmp_path / "none.nc")


@needs(ERA5)
def test_the_real_climatology():
    assert verify(RAW / ERA5) == KNOWN_FILES[ERA5]
    # Singapore, Cairo, Vostok
    b = Climatology(RAW / ERA5).sample([103.8, 31.2, 106.8], [1.3, 30.0, -78.5])
    assert b["bio1"] == pytest.approx([27, 22, -55], abs=4)
    assert b["bio12"][0] > 1500 > 200 > b["bio12"][1]
