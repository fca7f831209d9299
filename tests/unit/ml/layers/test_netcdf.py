"""Variables decoded by CF conventions and NUG, and axes checked: values by hand, refusals with file and variable."""

import h5py
import numpy as np
import pytest

from ml.layers.climatology import Climatology, LayerError
from tests.unit.ml.layers.test_climatology import P, T, packed, write

# Row 2 of the grid of `write`, at latitude 0: T + 2.
PLACE = ([0], [0])


def replace(path, name, values=None, **attributes):
    """Store a variable of the file anew, with attributes."""
    with h5py.File(path, "r+") as file:
        values = file[name][:] if values is None else values
        del file[name]
        file[name] = values
        file[name].attrs.update(attributes)
    return path


def temperatures():
    return T[:, None, None] + np.arange(5.0)[None, :, None] + 0 * np.arange(8.0)


def hole(value, others=None):
    """Return temperatures, or one value, with another value in all months of row 2."""
    others = temperatures() if others is None else np.full((12, 5, 8), others)
    return np.where(np.arange(5)[None, :, None] == 2, value, others)


def bio1(path):
    return Climatology(path).sample(*PLACE)["bio1"][0]


@pytest.mark.parametrize(
    ("value", "attributes"),
    [
        (1e20, {"missing_value": 1e20}),
        (-3.4e38, {"_FillValue": -3.4e38}),
        (-9999.9, {"missing_value": -9999.9}),
        (-1.7e308, {"_FillValue": -1.7e308}),
        (-999.0, {"missing_value": np.array([-999.0, -9999.9])}),
        (-9999.9, {"missing_value": np.array([-999.0, -9999.9]), "_FillValue": 1e20}),
        (9.969209968386869e36, {}),
        (9.969209968386869e36, {"missing_value": -999.0}),
    ],
)
def test_fill_values_are_of_the_type_of_the_data(tmp_path, value, attributes):
    with np.errstate(over="ignore"):
        values = hole(value).astype("f4")
    assert np.isnan(bio1(replace(write(tmp_path / "c.nc"), "t2m", values, **attributes)))


@pytest.mark.parametrize("kind", ["i2", "i4", "i8", ">i2"])
def test_the_default_fill_of_integers_is_missing(tmp_path, kind):
    # NC_FILL_SHORT, NC_FILL_INT and NC_FILL_INT64 of netcdf.h
    fill = {"i2": -32767, ">i2": -32767, "i4": -2147483647, "i8": -9223372036854775806}[kind]
    values = hole(fill, 20).astype(kind)
    assert np.isnan(bio1(replace(write(tmp_path / "c.nc"), "t2m", values)))


def test_bytes_have_no_default_fill(tmp_path):
    values = hole(-127, 20).astype("i1")
    path = replace(write(tmp_path / "c.nc"), "t2m", values, scale_factor=0.5)
    assert bio1(path) == -63.5


def test_a_fill_value_that_the_type_cannot_hold_is_no_value(tmp_path):
    # 65536 + 20 has the low bits of 20
    values = np.full((12, 5, 8), 20, "i2")
    assert bio1(replace(write(tmp_path / "c.nc"), "t2m", values, _FillValue=65556, missing_value=20.5)) == 20


@pytest.mark.parametrize(
    ("limits", "inside"),
    [
        ([-60.0, 60.0], True),
        ([-60.0, 14.0], True),
        ([-60.0, 13.95], False),
        (np.array([-10_000, 0], "i2"), True),
        (np.array([-10_000, -1], "i2"), False),
        (np.array([-100_000, 40_000], "i4"), True),
    ],
)
def test_a_valid_range_of_the_type_of_the_scale_is_of_unpacked_values(tmp_path, limits, inside):
    # the warmest month of row 2 is packed 0, that is 14 °C
    path = packed(tmp_path / "p.nc", valid_range=limits)
    assert np.isfinite(Climatology(path).sample([45], [0])["bio5"][0]) == inside


def test_a_valid_range_at_a_decimal_value_includes_it(tmp_path):
    # 3 * 0.1 exceeds 0.3 in binary, and 16.1 in single precision exceeds 16.1
    values = np.full((12, 5, 8), 3, "i2")
    path = replace(write(tmp_path / "c.nc"), "t2m", values, scale_factor=0.1, valid_max=0.3)
    assert bio1(path) == pytest.approx(0.3)
    values = np.full((12, 5, 8), 16.1, "f4")
    assert bio1(replace(write(tmp_path / "d.nc"), "t2m", values, valid_max=16.1)) == pytest.approx(16.1)


@pytest.mark.parametrize(
    ("limits", "inside"),
    [(np.array([0, -1], "i2"), True), ([0, 65535], True), ([0, 39_999], False), (np.array([0, -25_537], "i2"), False)],
)
def test_the_valid_range_of_unsigned_data(tmp_path, limits, inside):
    # 40000 is stored as -25536
    values = (np.round((temperatures() - 14) / 0.05) + 40_000).astype("u2").view("i2")
    attributes = {"scale_factor": 0.05, "add_offset": 14 - 2000.0, "_Unsigned": "true", "valid_range": limits}
    path = replace(write(tmp_path / "c.nc"), "t2m", values, **attributes)
    sampled = Climatology(path).sample(*PLACE)
    assert sampled["bio6"][0] == pytest.approx(3) or not inside
    assert np.isfinite(sampled["bio5"][0]) == inside


@pytest.mark.parametrize("key", ["_FillValue", "missing_value"])
@pytest.mark.parametrize("fill", [np.int16(-1), np.int32(65535), np.float64(-1)])
def test_the_fill_of_unsigned_data(tmp_path, key, fill):
    values = hole(65535, 2000).astype("u2").view("i2")
    path = replace(write(tmp_path / "c.nc"), "t2m", values, scale_factor=0.01, _Unsigned="true", **{key: fill})
    assert np.isnan(bio1(path))
    assert Climatology(path).sample([0], [90])["bio1"][0] == pytest.approx(20)


def test_unsigned_integers_stored_for_signed_ones(tmp_path):
    values = hole(255, 20).astype("u1")
    path = replace(write(tmp_path / "c.nc"), "t2m", values, _Unsigned="false", valid_min=np.uint8(250))
    assert bio1(path) == -1


def test_equal_sums_of_packed_integers_stay_equal(tmp_path):
    # first and second quarter tie in integers: 1 + 2 + 6 = 2 + 6 + 1; single precision would part them
    t = np.array([1, 2, 6, 1, -90, -90, -90, -90, -90, -90, -90, -90], "i2")[:, None, None] + np.zeros((12, 5, 8), "i2")
    path = replace(write(tmp_path / "c.nc"), "t2m", t, scale_factor=np.float32(0.1), add_offset=np.float32(0.7))
    assert Climatology(path).sample([0], [0])["bio18"][0] == P[:3].sum()


@pytest.mark.parametrize(
    "attributes",
    [
        {"scale_factor": 0.0},
        {"scale_factor": np.nan},
        {"add_offset": np.inf},
        {"scale_factor": h5py.Empty("f4")},
        {"scale_factor": 1j},
        {"missing_value": b"-9999"},
        {"valid_range": np.array([-32_000, 0, 32_000], "i2")},
        {"valid_range": np.array([32_000, -32_000], "i2")},
        {"valid_range": [np.nan, 60.0]},
        {"valid_range": np.array([-60, 60], "f4")},
    ],
)
def test_attributes_without_a_meaning_are_refused(tmp_path, attributes):
    with pytest.raises(LayerError, match=r"p\.nc: t2m has attributes or values that are not numbers: "):
        bio1(packed(tmp_path / "p.nc", **attributes))


@pytest.mark.parametrize("values", [np.ones((12, 5, 8), complex), np.full((12, 5, 8), b"x"), np.ones((12, 5, 8), bool)])
def test_variables_that_are_not_real_numbers_are_refused(tmp_path, values):
    with pytest.raises(LayerError, match=r"c\.nc: tp has .*not numbers"):
        Climatology(replace(write(tmp_path / "c.nc"), "tp", values))


@pytest.mark.parametrize(
    ("name", "values"),
    [("latitude", [b"a"] * 5), ("latitude", np.ones((5, 1))), ("longitude", 3.0), ("latitude", np.full(5, np.nan))],
)
def test_axes_that_are_not_lists_of_numbers_are_refused(tmp_path, name, values):
    with pytest.raises(LayerError, match=rf"c\.nc: {name} "):
        Climatology(replace(write(tmp_path / "c.nc"), name, values))


@pytest.mark.parametrize("name", ["latitude", "longitude", "t2m", "tp"])
def test_names_that_lead_to_no_variable_are_refused(tmp_path, name):
    for number, make in enumerate(
        (
            lambda file: file.create_group(name),
            lambda file: file.__setitem__(name, h5py.SoftLink(f"/{name}")),
            lambda file: file.__setitem__(name, h5py.ExternalLink("none.nc", "/x")),
        )
    ):
        path = write(tmp_path / f"{number}.nc")
        with h5py.File(path, "r+") as file:
            del file[name]
            make(file)
        with pytest.raises(LayerError, match=rf"{number}\.nc.* {name}"):
            Climatology(path)


@pytest.mark.parametrize("grid", [8, 2**33])
def test_an_axis_of_billions_is_refused_unread(tmp_path, grid):
    path = write(tmp_path / "c.nc")
    with h5py.File(path, "r+") as file:
        del file["longitude"], file["t2m"], file["tp"]
        file.create_dataset("longitude", shape=(2**33,), dtype="f8", chunks=(1024,))
        for name in ("t2m", "tp"):
            file.create_dataset(name, shape=(12, 5, grid), dtype="f4", chunks=(1, 1, 8))
    with pytest.raises(LayerError, match=r"c\.nc: longitude has 8589934592 values"):
        Climatology(path)


def square(path, order, labels=(), months=None):
    """Write a grid of 8 by 8 cells with dimension scales in an order of axes; the temperature is the column."""
    with h5py.File(path, "w") as file:
        file["month"] = np.arange(1, 13) if months is None else months
        file["latitude"], file["longitude"] = 78.75 - 22.5 * np.arange(8), 45.0 * np.arange(8)
        sizes = {"month": 12, "latitude": 8, "longitude": 8}
        for name in order:
            file[name].make_scale(name)
        along = np.arange(8.0)
        t = np.zeros([sizes[name] for name in order]) + (along if order[-1] == "longitude" else along[:, None])
        file["t2m"], file["tp"] = t, np.full(t.shape, 50.0)
        for name in ("t2m", "tp"):
            for axis, scale in enumerate(order):
                if not labels:
                    file[name].dims[axis].attach_scale(file[scale])
            for axis, label in enumerate(labels):
                file[name].dims[axis].label = label
    return path


def test_dimension_scales_in_order_are_accepted(tmp_path):
    path = square(tmp_path / "c.nc", ("month", "latitude", "longitude"))
    assert Climatology(path).sample([315], [78.75])["bio1"] == 7


@pytest.mark.parametrize("labels", [(), ("month", "longitude", "latitude"), ("", "lon", "lat")])
def test_dimension_scales_in_another_order_are_refused(tmp_path, labels):
    path = square(tmp_path / "c.nc", ("month", "longitude", "latitude"), labels)
    with pytest.raises(LayerError, match=r"c\.nc: t2m must have the axes month, latitude and longitude"):
        Climatology(path)


def test_months_in_another_order_are_refused(tmp_path):
    path = square(tmp_path / "c.nc", ("month", "latitude", "longitude"), months=[12, *range(1, 12)])
    with pytest.raises(LayerError, match=r"c\.nc: t2m has months that are not in order"):
        Climatology(path)
