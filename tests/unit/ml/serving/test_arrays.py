"""Blends as flat arrays: the same answers, and nothing unsound let through to compiled code."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.kernels.logit import logistic
from ml.kernels.trees import walk_rows
from ml.predictors.levels import level_order, recode
from ml.serving.arrays import unpack
from ml.serving.blend import Blend
from tests.unit.ml.serving.blends import INTERCEPT, SLOPE, elsewhere, fitted, group, typical, without
from tests.unit.ml.serving.packed import AREA, HELD_OUT, RECORDS, REFERENCE, arrays_of, stored


@pytest.mark.parametrize("parts", [(), ("maxent",), ("network",), ("maxent", "network")])
def test_a_blend_comes_back_as_it_was(parts):
    blend = without(fitted()[1], *parts)
    found = unpack(stored(arrays_of(blend)), 4, 4)
    again, reference = found.blend, found.reference
    np.testing.assert_array_equal(again.suitability(elsewhere()), blend.suitability(elsewhere()))
    assert (again.maxent is None) == (blend.maxent is None)
    assert (again.network is None) == (blend.network is None)
    for one, two in zip(reference, REFERENCE, strict=True):
        np.testing.assert_array_equal(one, two)


def test_the_area_and_the_held_out_records_come_back_as_they_were():
    found = unpack(stored(arrays_of()), 4, 4)
    assert found.area.threshold == AREA.threshold
    for name in ("points", "scale", "centre", "penalty"):
        np.testing.assert_array_equal(getattr(found.area, name), getattr(AREA, name))
    for row in elsewhere(20):
        assert found.area.locate(row) == AREA.locate(row)
    np.testing.assert_array_equal(found.held_out.present, HELD_OUT.present)
    np.testing.assert_array_equal(found.held_out.other, HELD_OUT.other)
    np.testing.assert_array_equal(found.records.present, RECORDS.present)
    np.testing.assert_array_equal(found.records.places, RECORDS.places)
    third = unpack(stored(arrays_of(records=None)), 4, 3)
    assert third.records is None
    np.testing.assert_array_equal(third.area.points, AREA.points)
    older = unpack(stored(arrays_of(area=None, held_out=None, records=None)), 4, 2)
    assert (older.area, older.held_out, older.records) == (None, None, None)


def test_without_a_calibration_the_answer_is_the_forests_share():
    """As models of the first format are stored."""
    blend = Blend(fitted()[1].forest)
    arrays = arrays_of(blend)
    del arrays["calibration"]
    share = np.empty(200)
    forest = blend.forest
    walk_rows(forest.splits, forest.shares, forest.leaves, forest.starts, elsewhere(), share)
    np.testing.assert_allclose(unpack(arrays, 4, 1).blend.suitability(elsewhere()), share, atol=1e-9)


@pytest.mark.parametrize("species", [0, 1])
@pytest.mark.parametrize("categorical", [True, False])
def test_the_flat_blend_answers_like_the_fitted_members(species, categorical):
    model, blend = fitted(species, categorical)
    for rows in (group().rows, elsewhere()):
        expected = logistic(INTERCEPT + SLOPE * model.score(rows))
        assert np.ptp(expected) > 0.3
        np.testing.assert_allclose(blend.suitability(recode(rows, model.order)), expected, atol=1e-5)


def test_codes_are_in_the_order_of_the_species_taste():
    model, blend = fitted()
    order = model.order[2]
    assert sorted(order) == [0, 1, 2, 3]
    assert order.tolist() != [0, 1, 2, 3]
    assert order[1] == 0 and order[2] == 3
    # in the other order the same codes mean other levels
    wrong = np.abs(blend.suitability(elsewhere()) - logistic(INTERCEPT + SLOPE * model.score(elsewhere())))
    assert wrong.max() > 0.05


def test_codes_nobody_knows_stay_and_are_answered_alike_by_both():
    model, blend = fitted()
    rows = elsewhere(40)
    rows[:, 2] = np.tile([4, 77], 20)
    np.testing.assert_array_equal(recode(rows, model.order), rows)
    expected = logistic(INTERCEPT + SLOPE * model.score(rows))
    np.testing.assert_allclose(blend.suitability(rows), expected, atol=1e-5)


def test_terms_that_are_zero_are_left_out():
    model, blend = fitted()
    assert 0 < len(blend.maxent.terms) == np.count_nonzero(model.maxent.coef_) < len(model.maxent.terms_)
    np.testing.assert_array_equal(blend.network.reference, recode(typical()[None], model.order)[0])


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 5)), min_size=1, max_size=60), st.integers(0, 99))
def test_levels_are_ordered_by_how_much_presences_prefer_them(records, seed):
    y, codes = np.array(records).T
    weight = np.where(y == 1, 0, np.random.default_rng(seed).random(len(y))) + 1e-9
    rows = np.column_stack([np.zeros(len(y)), codes]).astype(np.float32)
    [new] = level_order(rows, y, weight, (1,)).values()
    assert sorted(new) == list(range(codes.max() + 1))
    ratio = [((y == 1) & (codes == k)).sum() + 1 for k in range(len(new))] / (
        1 + y.sum() * np.bincount(codes, weight, len(new)) / weight.sum()
    )
    assert (np.diff(ratio[np.argsort(new)]) >= -1e-12).all()
    np.testing.assert_array_equal(recode(rows, {1: new})[:, 1], new[codes])
    assert rows[:, 1].tolist() == codes.tolist()


def test_without_categories_nothing_is_recoded():
    rows = elsewhere(3)
    assert level_order(rows, np.array([1, 0, 0]), np.ones(3), ()) == {}
    assert recode(rows, {}) is rows


def test_a_part_the_blend_lacks_is_not_asked_for():
    arrays = arrays_of(Blend(fitted()[1].forest), None, None, None)
    assert sorted(arrays) == [
        "calibration",
        "group",
        "nodes",
        *(f"reference_{j}" for j in range(4)),
        "roots",
        "weights",
    ]
