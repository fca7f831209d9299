"""Units of layers: conversions by hand, and contradictions between attribute and values refused."""

import h5py
import pytest

from ml.layers.climatology import Climatology, LayerError
from ml.layers.units import precipitation_to_mm, temperature_to_celsius
from tests.unit.ml.layers.test_climatology import write


def in_units(path, name, unit, change):
    """Write the grid with a variable in another unit."""
    write(path, lambda which, values: change(values) if which == name else values)
    with h5py.File(path, "r+") as file:
        file[name].attrs["units"] = unit
    return path


@pytest.mark.parametrize("unit", ["degF", "degree_Fahrenheit", b"degrees_F"])
def test_fahrenheit_is_converted(tmp_path, unit):
    path = in_units(tmp_path / "c.nc", "t2m", unit, lambda t: t * 9 / 5 + 32)
    # the mean of T and 2, the number of the row
    assert Climatology(path).sample([0], [0])["bio1"][0] == pytest.approx(7.25, abs=1e-5)


@pytest.mark.parametrize(
    ("unit", "low", "high", "factor", "offset"),
    [
        ("degF", -40, 50, 5 / 9, -160 / 9),
        ("degC", -40, 50, 1, 0),
        ("degC", 233.15, 323.15, 1, -273.15),
        ("K", -40, 50, 1, 0),
        ("kelvin", 233.15, 323.15, 1, -273.15),
        ("", 233.15, 323.15, 1, -273.15),
        ("degrees Celsius", -40, 50, 1, 0),
    ],
)
def test_conversions_of_temperature(unit, low, high, factor, offset):
    assert temperature_to_celsius(unit, low, high) == pytest.approx((factor, offset))


@pytest.mark.parametrize(
    ("unit", "low", "high"),
    [("degF", 240, 300), ("0.1 degC", -40, 50), ("days since 2000-01-01", -40, 50), ("mm", -40, 50), ("", 0, 300)],
)
def test_temperatures_that_contradict_their_unit(unit, low, high):
    with pytest.raises(ValueError, match=r"unit|neither|not °F"):
        temperature_to_celsius(unit, low, high)


@pytest.mark.parametrize(
    ("unit", "divisor"),
    [("mm", 1), ("mm month-1", 1), ("mm/month", 1), ("kg m-2", 1), ("m", 1), ("cm", 10), ("inches", 25.4)],
)
def test_amounts_of_precipitation_are_converted(tmp_path, unit, divisor):
    path = in_units(tmp_path / "c.nc", "tp", unit, lambda p: p / divisor)
    # the months sum to 780 in the first column
    assert Climatology(path).sample([0], [0])["bio12"][0] == pytest.approx(780, rel=1e-6)


@pytest.mark.parametrize("unit", ["mm day-1", "mm/day", "kg m-2 s-1", "m s-1", "0.1 mm", "mm year-1", "degC", "%"])
def test_rates_and_other_units_of_precipitation_are_refused(tmp_path, unit):
    path = in_units(tmp_path / "c.nc", "tp", unit, lambda p: p / 30.4)
    with pytest.raises(LayerError, match=rf"c\.nc: tp has the unit '{unit}'"):
        Climatology(path).sample([0], [0])


def test_a_unit_without_text_is_like_none():
    assert precipitation_to_mm(" ", 0, 100) == 1
    with pytest.raises(ValueError, match="'month-1'"):
        precipitation_to_mm("month-1", 0, 100)
