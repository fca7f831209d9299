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
    with pytest.raises(ValueError, match="beyond"):
        # within half a cell of the northernmost row
        Climatology(tmp_path / "c.nc").sample([0], [91])


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


def test_units_are_inferred_once_for_the_file(tmp_path):
    def dry(name, values):
        if name == "tp":
            values[:, :, 0] = 0.05
        return values

    grid = Climatology(write(tmp_path / "c.nc", dry))
    alone, beside = grid.sample([0], [0]), grid.sample([0, 45], [0, 0])
    assert alone["bio12"][0] == beside["bio12"][0] == pytest.approx(0.6, rel=1e-6)


def test_a_warm_place_alone_in_a_file_of_kelvin(tmp_path):
    kelvin = Climatology(write(tmp_path / "k.nc", lambda name, v: v + 273.15 if name == "t2m" else v))
    assert kelvin.sample([0], [90])["bio6"][0] == pytest.approx(1, abs=1e-3)


def packed(path, **attributes):
    """The grid of `write`, with temperatures as integers of a twentieth of a degree above 14 °C."""
    write(path)
    with h5py.File(path, "r+") as file:
        values = np.round((file["t2m"][:] - 14.0) / 0.05).astype("i2")
        values[:, 2, 0] = -32768
        del file["t2m"]
        file["t2m"] = values
        given = {"scale_factor": 0.05, "add_offset": 14.0, "_FillValue": np.int16(-32768), "units": "degC"}
        file["t2m"].attrs.update(given | attributes)
    return path


def test_packed_values_are_decoded_by_cf_attributes(tmp_path):
    sampled = Climatology(packed(tmp_path / "p.nc")).sample([0, 45], [0, 0])
    assert np.isnan(sampled["bio1"][0])
    assert sampled["bio1"][1] == pytest.approx((T + 2).mean(), abs=0.03)


def test_values_outside_the_valid_range_are_missing(tmp_path):
    # 20 packed units above 14 °C are 15 °C, which no month of the first rows exceeds
    grid = Climatology(packed(tmp_path / "p.nc", valid_range=np.array([-10_000, 20], "i2")))
    assert np.isnan(grid.sample([45], [-90])["bio5"][0])
    assert np.isfinite(grid.sample([45], [90])["bio5"][0])


@pytest.mark.parametrize("attributes", [{"scale_factor": "much"}, {"valid_range": "wide"}, {"add_offset": [1.0, 2.0]}])
def test_attributes_that_are_not_numbers_are_refused(tmp_path, attributes):
    with pytest.raises(LayerError, match="t2m has attributes"):
        Climatology(packed(tmp_path / "p.nc", **attributes)).sample([0], [0])


def test_a_variable_without_values_is_refused(tmp_path):
    path = write(tmp_path / "c.nc", lambda name, v: v * np.nan if name == "tp" else v)
    with pytest.raises(LayerError, match="tp has no values"):
        Climatology(path).sample([0], [0])


def test_a_missing_month_makes_what_depends_on_it_missing():
    t, p = T[:, None].copy(), P[:, None].copy()
    t[3] = np.nan
    computed = bioclim(t, p)
    temperature = ("bio1", "bio4", "bio5", "bio6", "bio7", "bio10", "bio11", "bio18", "bio19")
    assert {name for name in LAYERS if np.isnan(computed[name][0])} == set(temperature)


def test_quarters_that_tie_in_decimals_tie():
    # in tenths the quarters are 6, 8, 8, 6 and below 0: the second is the first of the warmest
    t = np.array([0.1, 0.2, 0.3, 0.3, 0.2, 0.1] + [-9.0] * 6)
    assert bioclim(t[:, None], P[:, None])["bio18"][0] == 90
    # 0.1 + 0.2 + 0.3 exceeds 0.3 + 0.2 + 0.1 in binary, and the coldest quarter is the first of -9, -9, -9
    tied = np.array([0.3, 0.2, 0.1, -5, 0.1, 0.2, 0.3] + [-9.0] * 5)
    assert bioclim(tied[:, None], P[:, None])["bio18"][0] == 60
    assert bioclim(tied[:, None], P[:, None])["bio19"][0] == P[7:10].sum()
    tied = np.array([0.1, 0.2, 0.3, -5, 0.3, 0.2, 0.1] + [-9.0] * 5)
    assert bioclim(tied[:, None], P[:, None])["bio18"][0] == 60


@pytest.mark.parametrize("offset", [0.0, 273.15])
def test_ties_of_quarters_by_exact_arithmetic(offset):
    draw = np.random.default_rng(0)
    tenths, p = draw.integers(-30, 30, (12, 3000)), draw.integers(0, 100, (12, 3000)).astype(float)
    quarter = tenths + np.roll(tenths, -1, axis=0) + np.roll(tenths, -2, axis=0)
    sums = p + np.roll(p, -1, axis=0) + np.roll(p, -2, axis=0)
    computed = bioclim((tenths / 10 + offset) - offset, p)
    # argmax and argmin of integers return the first of those that tie
    assert (computed["bio18"] == sums[quarter.argmax(axis=0), np.arange(3000)]).all()
    assert (computed["bio19"] == sums[quarter.argmin(axis=0), np.arange(3000)]).all()


def test_a_difference_that_is_no_rounding_decides():
    t = np.array([5.0, 5, 5, 0, 5, 5, 5.00001, 0, 0, 0, 0, 0])
    assert bioclim(t[:, None], P[:, None])["bio18"][0] == 180


@pytest.mark.parametrize("missing", [np.ma.masked, np.nan, np.inf, -np.inf])
def test_masked_and_infinite_values_are_missing(missing):
    t, p = np.ma.array(T[:, None].copy()), np.ma.array(P[:, None].copy())
    t.data[0] = p.data[0] = -999
    t[0] = p[0] = missing
    computed = bioclim(t, p)
    assert {name for name in LAYERS if not np.isnan(computed[name][0])} == set()
    assert bioclim(T[:, None], p)["bio18"][0] == 240


def test_the_packed_file_of_a_bug_report(cases):
    assert Climatology(cases / "d01b_packed_small.nc").sample([30], [60])["bio1"] == pytest.approx(15)


@needs(ERA5)
def test_a_dry_cell_of_era5_alone():
    grid = Climatology(RAW / ERA5)
    assert grid.sample([25.25], [26.75])["bio12"][0] == pytest.approx(3.785353, abs=1e-6)
