"""Levels in any form of their number, and values of other types."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest

from ml.card import Predictor
from ml.predictors.encoding import EnvironmentValueError, encode_column, find_level, level_text

SOIL = Predictor.model_construct(name="soil", label="Soil", type="categorical", levels=["1", "2"])
ROCK = Predictor(name="rock", label="Rock", unit="%", lowest_possible=0, highest_possible=100)


@pytest.mark.parametrize(
    ("level", "values"),
    [
        ("0.5", [".5", 0.5, "+0.5", "5e-1", "0.50"]),
        ("1000", ["1e3", "1E+3", 1000, "1000.", np.int64(1000)]),
        ("1", ["+1", "1.", "1.0", 1, 1.0]),
        ("1000000000000000", [10**15, 1e15, "1e15", "1000000000000000.0", np.int64(10**15)]),
        ("9007199254740993", [2**53 + 1, np.int64(2**53 + 1), "9007199254740993.0"]),
        ("gr\u00e8s", [unicodedata.normalize("NFD", "gr\u00e8s"), "gr\u00e8s "]),
        (unicodedata.normalize("NFD", "gr\u00e8s"), ["gr\u00e8s"]),
    ],
)
def test_a_level_is_found_in_any_form(level, values):
    levels = ["other", level, "007"]
    assert [find_level(levels, value) for value in values] == [1] * len(values)


@pytest.mark.parametrize(
    "value",
    ["7", 7, "0x7", "7_0", "\u0667", 2**53 + 1, 10**400, pytest.param(-(10**5000), id="huge"), "1e999999", np.nan],
)
def test_codes_and_other_numbers_are_different_levels(value):
    assert find_level(["007", "9007199254740992"], value) is None


def test_two_levels_of_one_number_are_told_apart_by_their_texts():
    assert [find_level(["1e3", "1000"], text) for text in ("1e3", "1000", "+1e3")] == [0, 1, None]
    assert level_text("e\u0301") == "\u00e9"


@pytest.mark.parametrize("value", [10**400, {"a": 1}, [1], True, None, pytest.param(10**5000, id="huge"), object()])
def test_values_of_other_types_are_refused_by_one_error(value):
    values = np.empty(1, dtype=object)
    values[0] = value
    for predictor in (SOIL, ROCK):
        with pytest.raises(EnvironmentValueError, match=rf"^{predictor.name}: "):
            encode_column(predictor, values)


def test_messages_have_the_exact_number_and_the_first_levels():
    with pytest.raises(EnvironmentValueError, match=r"^rock: 100\.0000001 must be 100 % or less"):
        encode_column(ROCK, [100.0000001])
    many = SOIL.model_copy(update={"levels": [f"{i:03}{'x' * 500}" for i in range(1000)]})
    with pytest.raises(EnvironmentValueError, match=r"and 990 more$") as refusal:
        encode_column(many, ["peat"])
    assert len(str(refusal.value)) < 500
