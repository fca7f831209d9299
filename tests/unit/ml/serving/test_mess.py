"""MESS: negative exactly outside the training range, and as the paper has it."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.unit.ml.serving.novel import gauge_of, mess_by_the_paper, rows_of

numbers = st.floats(-100, 100, width=32) | st.integers(-5, 5).map(float)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(numbers, numbers), min_size=2, max_size=30), st.tuples(numbers, numbers))
def test_mess_is_negative_exactly_when_a_value_lies_outside_its_range(records, row):
    rows, row = np.array(records, np.float32), np.array(row, np.float32)
    outside = (row < rows.min(axis=0)) | (row > rows.max(axis=0))
    found = gauge_of(rows).measure(row, row)
    assert (found.mess < 0) == outside.any()
    assert found.outside_range == [name for name, out in zip("ab", outside, strict=True) if out]
    assert found.kind == ("range" if outside.any() else "unknown")
    assert found.inside == (not outside.any())


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(numbers, numbers), min_size=2, max_size=30), st.tuples(numbers, numbers), st.integers(0, 29))
def test_mess_is_that_of_the_paper_and_names_the_lowest(records, row, taken):
    rows, row = np.array(records, np.float32), np.array(row, np.float32)
    # one of the values is a training value, where strict and loose comparisons differ
    row[0] = rows[taken % len(rows), 0]
    assume((np.ptp(rows, axis=0) > 0).all())
    expected = {name: mess_by_the_paper(rows[:, j], row[j]) for j, name in enumerate("ab")}
    for j, name in enumerate("ab"):
        alone = gauge_of(rows[:, [j]]).measure(row[[j]], row[[j]]).mess
        assert alone == pytest.approx(expected[name], rel=1e-5, abs=1e-4)
    found = gauge_of(rows).measure(row, row)
    assert found.mess == pytest.approx(min(expected.values()), rel=1e-5, abs=1e-4)
    assert expected[found.most_dissimilar] == pytest.approx(min(expected.values()), rel=1e-5, abs=1e-4)


def test_mess_by_hand():
    rows = np.array([[0.0], [1], [2], [3], [10]], np.float32)
    gauge = gauge_of(rows)
    for value, mess in ((0, 0), (0.5, 40), (2, 80), (2.5, 80), (10, 40), (-5, -50), (11, -10), (30, -200)):
        assert gauge.measure(*[np.array([value], np.float32)] * 2).mess == pytest.approx(mess)


def test_a_constant_predictor_knows_one_value():
    rows = np.full((5, 1), 3, np.float32)
    same, other = (np.array([value], np.float32) for value in (3, 3.5))
    gauge = gauge_of(rows)
    assert gauge.measure(same, same).mess >= 0
    assert gauge.measure(other, other).mess == -100
    assert gauge.measure(other, other).outside_range == ["a"]


def test_a_constant_predictor_at_its_value_does_not_count():
    rows = np.column_stack([np.full(5, 3), np.arange(5)]).astype(np.float32)
    alone = gauge_of(rows[:, [1]])
    for value in (0, 0.5, 2, 3.5, 7):
        row = np.array([3, value], np.float32)
        measured, expected = gauge_of(rows).measure(row, row), alone.measure(row[[1]], row[[1]])
        assert measured.mess == expected.mess
        assert measured.most_dissimilar == "b"


def test_a_categorical_predictor_is_never_outside_its_range():
    rows = rows_of(0, categorical=(1,))
    row = rows[0].copy()
    row[1] = 77
    assert gauge_of(rows, categorical=(1,)).measure(row, row).outside_range == []


def test_categorical_predictors_alone_have_a_mess_and_no_name_beyond_range():
    rows = rows_of(0, p=2, categorical=(0, 1))
    found = gauge_of(rows, categorical=(0, 1)).measure(rows[0], rows[0])
    assert (found.mess, found.outside_range, found.kind) == (100, [], "unknown")
