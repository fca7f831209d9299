"""Coordinates in every usual spelling; what can be read in two ways is refused with the reason."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.records.coordinate_text import parse_coordinate
from ml.records.coordinates import parse_coordinates


@pytest.mark.parametrize(
    ("text", "axis", "degrees"),
    [
        ("-10.5", "latitude", -10.5),
        (" +7 ", "latitude", 7.0),
        ("1e1", "latitude", 10.0),
        ("\u221233.86", "latitude", -33.86),
        ("10,5", "latitude", 10.5),
        ("-0,25", "longitude", -0.25),
        ("200", "longitude", 200.0),
        ("10°12'30\"S", "latitude", -(10 + 12 / 60 + 30 / 3600)),
        ("10 12 30 S", "latitude", -(10 + 12 / 60 + 30 / 3600)),
        ("10:12:30", "latitude", 10 + 12 / 60 + 30 / 3600),
        ("-10 12 30", "latitude", -(10 + 12 / 60 + 30 / 3600)),
        ("10\u00ba12\u203230\u2033 N", "latitude", 10 + 12 / 60 + 30 / 3600),
        ("10°12\u201930.5\u2019\u2019 N", "latitude", 10 + 12 / 60 + 30.5 / 3600),
        ("10d12m30sS", "latitude", -(10 + 12 / 60 + 30 / 3600)),
        ("10 deg. 12 min. 30 sec. S", "latitude", -(10 + 12 / 60 + 30 / 3600)),
        ("S 10° 12.5'", "latitude", -(10 + 12.5 / 60)),
        ("10° 12,5' S", "latitude", -(10 + 12.5 / 60)),
        ("10'12\"", "latitude", 10 + 12 / 60),
        ("S10.5", "latitude", -10.5),
        ("10.5° s.", "latitude", -10.5),
        ("Süd 10°", "latitude", -10.0),
        ("12°30' Ouest", "longitude", -12.5),
        ("12°30' Oeste", "longitude", -12.5),
        ("12°30' Ost", "longitude", 12.5),
        ("W012 30 00", "longitude", -12.5),
    ],
)
def test_a_coordinate_is_read(text, axis, degrees):
    assert parse_coordinate(text, axis) == pytest.approx(degrees, abs=1e-12)


@pytest.mark.parametrize("text", ["", "NA", "null", " - ", "#N/A", "NaN"])
def test_a_missing_value_is_no_number(text):
    assert math.isnan(parse_coordinate(text, "latitude"))


@pytest.mark.parametrize(
    ("text", "axis", "reason"),
    [
        ("10,500", "latitude", "marks of thousands"),
        ("1.234.567", "latitude", "marks of thousands"),
        ("1 234.5", "latitude", "marks of thousands"),
        ("12°30' O", "longitude", "O is west in French, .* east in German"),
        ("12°30' E", "latitude", "it is a longitude: E"),
        ("12°30' N", "longitude", "it is a latitude: N"),
        ("N 10 S", "latitude", "two hemispheres"),
        ("-10° S", "latitude", "a sign and a hemisphere"),
        ("10°75'", "latitude", "75 minutes, and 60 are one degree"),
        ("10°15'60\"", "latitude", "60 seconds, and 60 are one minute"),
        ("10.5°15'", "latitude", "not a whole number"),
        ("10 30", "latitude", "degrees and minutes, or a decimal number"),
        ("10.5 X", "latitude", "'x' is not a hemisphere"),
        ("near 10", "latitude", "'near' is not a hemisphere"),
        ("47.5, 8.2", "latitude", "neither a decimal number nor"),
        ("1e999", "latitude", "not a finite number"),
        ("10..5", "latitude", "neither a decimal number nor"),
        ("1" * 100, "latitude", "longer than 60"),
        ("١٠", "latitude", "neither a decimal number nor"),
    ],
)
def test_what_is_not_one_coordinate_is_refused_with_the_reason(text, axis, reason):
    with pytest.raises(ValueError, match=reason):
        parse_coordinate(text, axis)


def test_a_comma_is_decimal_throughout_a_column():
    degrees, unreadable = parse_coordinates(pd.Series(["10,5", "10,500", "3", "x"]), "latitude")
    assert degrees[:3].tolist() == [10.5, 10.5, 3.0] and list(unreadable) == ["x"]
    degrees, unreadable = parse_coordinates(pd.Series(["10,500", "11,250"]), "latitude")
    assert np.isnan(degrees).all() and len(unreadable) == 2


def test_categorical_text_and_numbers_are_read():
    texts = pd.Series(["1.5", "", "10°30'S", "1.5", "x"])
    for column in (texts, texts.astype("category")):
        degrees, unreadable = parse_coordinates(column, "latitude")
        np.testing.assert_array_equal(degrees, [1.5, np.nan, -10.5, 1.5, np.nan])
        assert list(unreadable) == ["x"]
    numbers = pd.Series([1.5, np.nan])
    np.testing.assert_array_equal(parse_coordinates(numbers, "latitude")[0], [1.5, np.nan])
    assert len(parse_coordinates(pd.Series([], dtype=object), "latitude")[0]) == 0


@given(st.integers(0, 179), st.integers(0, 59), st.integers(0, 59), st.sampled_from("EW"))
def test_degrees_minutes_and_seconds_are_read_back(degrees, minutes, seconds, hemisphere):
    value = (degrees + minutes / 60 + seconds / 3600) * (1 if hemisphere == "E" else -1)
    for text in (f"{degrees}°{minutes}'{seconds}\"{hemisphere}", f"{hemisphere} {degrees} {minutes} {seconds}"):
        assert parse_coordinate(text, "longitude") == pytest.approx(value, abs=1e-9)


@given(st.text(max_size=70), st.sampled_from(["longitude", "latitude"]))
def test_any_text_is_a_number_or_a_refusal(text, axis):
    try:
        assert not math.isinf(parse_coordinate(text, axis))
    except ValueError as error:
        assert str(error)
