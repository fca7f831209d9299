"""Levels and limits: equal numbers are one level, and a number is possible exactly within the limits."""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ml.card import Predictor
from ml.predictors.encoding import (
    EnvironmentValueError,
    encode_column,
    find_level,
    level_text,
    limits_of,
    number_text,
    why_impossible,
)

finite = st.floats(allow_nan=False, allow_infinity=False)
values = st.one_of(
    st.text(max_size=20), finite, st.integers(-(2**63), 2**63), st.sampled_from(["007", "1.0", "-0", "1e3"])
)
levels = st.lists(values.map(level_text).filter(bool), min_size=1, max_size=6, unique_by=level_text)
limits = st.one_of(st.none(), st.floats(-1e6, 1e6))


@given(values)
@example(-0.0)
@example("-0")
def test_the_text_of_a_level_is_its_own_text(value):
    text = level_text(value)
    assert level_text(text) == text
    assert text == text.strip()


@given(st.integers(-(10**14), 10**14))
def test_equal_numbers_are_one_level(number):
    assert level_text(number) == level_text(float(number)) == level_text(np.int64(number)) == level_text(str(number))
    assert level_text(f"{number}.0") == level_text(number)


@given(levels, st.data())
def test_every_level_is_found_at_its_place_and_no_other_text_is(names, data):
    i = data.draw(st.integers(0, len(names) - 1))
    assert find_level(names, names[i]) == i
    assert find_level(names, f"  {names[i]}\t") == i
    other = data.draw(values)
    code = find_level(names, other)
    if level_text(other) in names:
        assert code is not None and names[code] == level_text(other)
    elif code is not None:
        assert Decimal(names[code]) == Decimal(level_text(other))


@given(levels, values)
def test_a_categorical_column_has_the_position_of_its_level_or_names_the_predictor(names, value):
    predictor = Predictor.model_construct(name="soil", label="Soil", type="categorical", levels=names)
    code = find_level(names, value)
    if code is None:
        with pytest.raises(EnvironmentValueError, match=r"^soil: "):
            encode_column(predictor, [value])
    else:
        assert encode_column(predictor, [value]) == [code]


@given(limits, limits, st.floats())
def test_a_number_is_possible_exactly_within_the_limits(low, high, number):
    predictor = Predictor(name="x", label="X", unit="m", lowest_possible=low, highest_possible=high)
    least, most = limits_of(predictor)
    possible = math.isfinite(number) and least <= number <= most
    assert (why_impossible(predictor, number) is None) == possible
    if possible:
        assert encode_column(predictor, [number]) == np.float32(number)
    else:
        with pytest.raises(EnvironmentValueError, match=r"^x: "):
            encode_column(predictor, [number])


@given(finite)
def test_the_text_of_a_number_reads_back_as_the_number(number):
    assert float(number_text(number)) == number
