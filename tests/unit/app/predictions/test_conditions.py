from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import ValidationFailed
from app.predictions.conditions import _read_value, cache_key
from app.predictions.form import _common_spelling
from app.predictions.tables import new_id
from ml.card import Predictor
from ml.predictors.encoding import number_text

ANY = Predictor(name="x", label="X")
COVER = Predictor(name="x", label="X", unit="%", lowest_possible=0, highest_possible=100)
SOIL = Predictor(name="soil", label="Soil", type="categorical", levels=["chalk", "2"])


@given(st.floats(-1e11, 1e11))
def test_a_number_and_its_text_are_one(value):
    text = number_text(value)
    assert float(text) == value
    assert _read_value(text, ANY) == _read_value(value, ANY) == value


@given(st.one_of(st.floats(), st.text(), st.booleans(), st.none(), st.integers(), st.lists(st.integers())))
def test_whatever_is_sent_is_a_finite_number_or_refused(value):
    try:
        read = _read_value(value, COVER)
    except ValueError as error:
        assert str(error)
    else:
        assert isinstance(read, float)
        assert math.isfinite(read)
        assert 0 <= read <= 100


def test_equal_inputs_have_equal_keys():
    spellings = [12, 12.0, "12", " 12.0 ", "1.2e1", "+12"]
    keys = {cache_key("m", {"b": _read_value(v, ANY), "a": 0.0}) for v in spellings}
    keys.add(cache_key("m", {"a": _read_value("-0", ANY), "b": 12.0}))
    assert len(keys) == 1
    assert cache_key("other", {"a": 0.0, "b": 12.0}) not in keys
    assert cache_key("m", {"a": 12.0, "b": 0.0}) not in keys


def test_limits_are_named_with_their_unit():
    with pytest.raises(ValueError, match="must be 0 % or more"):
        _read_value(-0.1, COVER)
    with pytest.raises(ValueError, match="must be 100 % or less"):
        _read_value("100.1", COVER)


def test_levels():
    assert _read_value("chalk ", SOIL) == "chalk"
    assert _read_value(2, SOIL) == _read_value(2.0, SOIL) == "2"
    with pytest.raises(ValueError, match="must be one of chalk, 2"):
        _read_value("peat", SOIL)


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("12,5", "12.5"),
        (" 3 ", "3"),
        ("1,000.5", "1,000.5"),
        ("1,2,3", "1,2,3"),
        ("−4", "-4"),
        ("sand, wet", "sand, wet"),
    ],
)
def test_spelling_in_the_form(typed, read):
    assert _common_spelling(typed) == read


def test_ids_sort_by_time_and_never_repeat():
    ids = [new_id() for _ in range(2000)]
    assert len(set(ids)) == 2000
    assert [name[:13] for name in ids] == sorted(name[:13] for name in ids)
    assert all(name[14] == "7" and name[19] in "89ab" for name in ids)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1, "1 value is not valid."),
        (2, "2 values are not valid."),
        (53, "53 values are not valid. The first 50 are listed, and 3 more are not."),
    ],
)
def test_failed_validation_counts_its_errors_and_lists_the_first(number, text):
    error = ValidationFailed([(f"/{i}", "b") for i in range(number)])
    assert str(error) == text
    assert [pointer for pointer, _ in error.listed] == [f"/{i}" for i in range(min(number, 50))]


@pytest.mark.parametrize("levels", [["1.0", "2.0", "3.0"], ["1", "2", "3"]])
@pytest.mark.parametrize("value", [1, 1.0, "1", "1.0", " 1 "])
def test_equal_numbers_are_one_level(levels, value):
    assert _read_value(value, SOIL.model_copy(update={"levels": levels})) == levels[0]


def test_codes_with_leading_zeros_are_text():
    codes = SOIL.model_copy(update={"levels": ["01", "1"]})
    assert [_read_value(value, codes) for value in ("01", "1", 1, 1.0)] == ["01", "1", "1", "1"]


@pytest.mark.parametrize("value", [True, None, [1], 4, "4", "chalk"])
def test_other_values_are_no_level(value):
    with pytest.raises(ValueError, match="must be one of 1, 2, 3"):
        _read_value(value, SOIL.model_copy(update={"levels": ["1", "2", "3"]}))
