"""Intervals fitted and checked on held-out groups: known spreads come back, and the check can fail."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, norm

from ml.evaluation.intervals import HeldOutGroups, by_fold, checked, fit_interval, held_out_groups, holds, join
from ml.kernels.logit import logistic
from ml.serving.interval import LEVEL, IntervalModel, Z
from ml.training.stacking import balanced_weight

seeds = st.integers(0, 10_000)


def _groups(seed, n_groups=1000, size=40, scale=1.0, place=0.0, folds=5, spreads=(0.05, 0.3, 0.9)):
    """Groups whose counts come from the model itself."""
    draw = np.random.default_rng(seed)
    logit, offset = draw.uniform(-2, 2, n_groups), draw.uniform(-0.5, 0.5, n_groups)
    spread = draw.choice(spreads, n_groups)
    deviation = np.sqrt((scale * spread) ** 2 + place**2)
    share = logistic(logit + offset + deviation * draw.normal(size=n_groups))
    present = draw.binomial(size, share)
    return HeldOutGroups(np.arange(n_groups) % folds, present, size - present, logit, offset, spread)


@pytest.mark.parametrize(("scale", "place"), [(1.0, 0.0), (1.0, 0.4), (1.0, 1.5), (2.0, 0.0), (2.0, 0.5), (1.2, 0.2)])
def test_known_figures_come_back(scale, place):
    found = fit_interval(_groups(0, scale=scale, place=place))
    assert found.scale == pytest.approx(scale, abs=0.2)
    assert found.place == pytest.approx(place, abs=0.1)


@pytest.mark.parametrize(("size", "place"), [(10, 0.4), (10, 1.0), (100, 0.4), (100, 1.0)])
def test_a_known_spread_between_places_comes_back_from_small_groups_and_large(size, place):
    found = fit_interval(_groups(1, 400, size, place=place, spreads=(0.05,)))
    assert found.deviation(np.array(0.05)) == pytest.approx(place, rel=0.12)


@pytest.mark.parametrize(("size", "place"), [(100, 2.0), (1000, 1.0), (3000, 0.6)])
def test_a_known_spread_between_places_comes_back_where_counts_tell_it_sharply(size, place):
    found = fit_interval(_groups(1, 400, size, place=place, spreads=(0.05,)))
    assert found.deviation(np.array(0.05)) == pytest.approx(place, rel=0.12)


def test_a_large_scale_comes_back():
    assert fit_interval(_groups(0, 800, 200, scale=3.0, place=1.0)).scale == pytest.approx(3, abs=0.3)


def test_a_scale_below_one_is_never_fitted():
    """Errors that differ from row to row cancel in a group: counts never show an interval to be too wide."""
    found = fit_interval(_groups(0, scale=0.2))
    assert found.scale == 1
    assert found.place == pytest.approx(0, abs=0.05)


@pytest.mark.parametrize(("scale", "place"), [(1.0, 0.0), (1.0, 0.7), (2.0, 0.3), (4.0, 2.0)])
@pytest.mark.parametrize("size", [1, 10, 40, 200])
def test_intervals_that_are_right_hold_as_often_as_they_say(size, scale, place):
    groups = _groups(2, 3000, size, scale, place)
    agreed = holds(groups, IntervalModel(scale, place))
    assert ((agreed >= 0) & (agreed <= 1)).all()
    assert agreed.mean() == pytest.approx(LEVEL, abs=4 * agreed.std() / np.sqrt(3000) + 0.01)


def test_counts_as_expected_always_agree():
    groups = _groups(3, 300, 1000)
    present = np.round(1000 * logistic(groups.logit + groups.offset)).astype(int)
    perfect = replace(groups, present=present, other=1000 - present)
    assert holds(perfect, IntervalModel(1.0, 0.0)).min() == pytest.approx(1)
    assert holds(perfect, fit_interval(perfect)).mean() >= LEVEL


@pytest.mark.parametrize("place", [0.6, 1.5])
def test_intervals_that_are_too_narrow_are_found_out(place):
    groups = _groups(4, 1000, 60, place=place)
    agreed = holds(groups, IntervalModel(1.0, 0.0)).mean()
    assert agreed < LEVEL - 0.08
    assert agreed < holds(groups, IntervalModel(1.0, place)).mean() - 0.08
    # three times too wide agrees nearly always
    assert holds(groups, IntervalModel(3.0, 3 * place)).mean() > 0.97


def test_logits_that_are_off_are_found_out():
    groups = _groups(5, 1000, 60)
    moved = replace(groups, logit=groups.logit + 0.9)
    assert holds(moved, IntervalModel(1.0, 0.0)).mean() < LEVEL - 0.1
    assert fit_interval(moved).place > 0.6


def _holds_by_simulation(group, model, n=40_000):
    """Chance that the count falls between the 5th and 95th percentiles of counts, by drawing them."""
    draw = np.random.default_rng(0)
    total = int(group.present[0] + group.other[0])
    deviation = model.deviation(group.spread)[0]
    counts = draw.binomial(total, logistic(group.logit[0] + group.offset[0] + deviation * draw.normal(size=n)))
    below, at = np.mean(counts < group.present[0]), np.mean(counts == group.present[0])
    inside = max(0.0, min(below + at, 0.95) - max(below, 0.05))
    return inside / at if at > 0 else float(0.05 <= below <= 0.95)


def test_holding_is_what_a_simulation_says():
    groups, model = _groups(6, 60, 12, 1.5, 0.4), IntervalModel(1.5, 0.4)
    found = holds(groups, model)
    for i in range(60):
        one = groups.pick(np.arange(60) == i)
        assert found[i] == pytest.approx(_holds_by_simulation(one, model), abs=0.06)


def test_without_any_spread_the_count_is_binomial():
    groups = HeldOutGroups(*np.array([[0, 0, 0], [5, 9, 10], [5, 1, 0]]), np.zeros(3), np.zeros(3), np.zeros(3))
    # P(X < 5) = 0.377 and P(X ≤ 5) = 0.623: all of it inside; nine is split by the edge, ten is beyond
    below, upto = binom.cdf(8, 10, 0.5), binom.cdf(9, 10, 0.5)
    share = max(0.0, (0.95 - below) / (upto - below))
    np.testing.assert_allclose(holds(groups, IntervalModel(1.0, 0.0)), [1, share, 0], atol=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.floats(0, 5), st.floats(0, 6), st.floats(1, 6))
def test_the_deviation_is_that_of_independent_parts(spread, place, scale):
    found = IntervalModel(scale, place).deviation(np.array([spread]))
    assert found[0] == pytest.approx(np.hypot(scale * spread, place), abs=1e-12)
    assert found[0] >= spread - 1e-12


def test_the_level_and_its_number_of_deviations_belong_together():
    assert norm.cdf(Z) - norm.cdf(-Z) == pytest.approx(LEVEL)


@settings(max_examples=60, deadline=None)
@given(seeds, st.integers(10, 400), st.integers(2, 5), st.sampled_from([0.0, 0.5, 1.5]))
def test_every_used_record_is_counted_once(seed, n, folds, steps):
    draw = np.random.default_rng(seed)
    y = np.r_[1, 0, draw.integers(0, 2, n - 2)]
    logit = draw.normal(size=n)
    # ties, as a forest gives many
    logit = np.round(logit / steps) * steps if steps else logit
    fold, spread = draw.integers(0, folds, n), draw.uniform(0.1, 1, n)
    weight = np.where((y == 0) & (draw.random(n) < 0.3), 0.0, 1.0)
    weight[1] = 1
    groups = held_out_groups(y, logit, spread, weight, fold)
    used = weight > 0
    for f in range(folds):
        assert groups.present[groups.fold == f].sum() == y[fold == f].sum()
        assert groups.other[groups.fold == f].sum() == ((y == 0) & used & (fold == f)).sum()
    assert len(groups) <= folds * 10
    size = groups.present + groups.other
    assert (size > 0).all()
    # with weights of one the expected share is the mean suitability, and nothing is to be corrected
    np.testing.assert_allclose(groups.offset, 0, atol=1e-12)
    assert (size * logistic(groups.logit)).sum() == pytest.approx(logistic(logit[used]).sum())
    assert (size * groups.spread**2).sum() == pytest.approx((spread[used] ** 2).sum())


def test_groups_hold_records_of_similar_suitability():
    draw = np.random.default_rng(0)
    logit = draw.normal(size=1000)
    y = (draw.random(1000) < logistic(logit)).astype(int)
    groups = held_out_groups(y, logit, np.zeros(1000), np.ones(1000), np.arange(1000) % 4)
    # one bin for 25 presences, ten at most
    assert len(groups) == 40
    assert (np.diff(groups.logit[groups.fold == 2]) > 0).all()
    assert (groups.present + groups.other).min() > 10
    few = held_out_groups(y[:100], logit[:100], np.zeros(100), np.ones(100), np.arange(100) % 4)
    assert len(few) == 4 * max(2, y[:100].sum() // 25)


def test_groups_by_hand():
    """Two folds and two halves of the same weight: background counts 0.8 each in the lower one, 0.5 in the upper."""
    y = np.array([1, 1, 0, 0, 0, 1, 0, 0, 0, 0])
    logit = np.array([1.0, 2, 1.5, 3, 1.2, 2.5, -1, -2, -3, -1.5])
    fold = np.array([0, 0, 0, 0, 0, 1, 0, 0, 0, 1])
    spread = np.linspace(0.1, 1, 10)
    weight = np.where(y == 1, 1.0, np.where(logit > 0, 0.5, 0.8))
    groups = held_out_groups(y, logit, spread, weight, fold)
    np.testing.assert_array_equal(groups.fold, [0, 0, 1, 1])
    np.testing.assert_array_equal(groups.present, [0, 2, 0, 1])
    np.testing.assert_array_equal(groups.other, [3, 3, 1, 0])
    # the last group has no background to weigh
    np.testing.assert_allclose(groups.offset[:3], np.log([0.8, 0.5, 0.8]))
    assert np.log(0.5) <= groups.offset[3] <= np.log(0.8)
    for i, (f, high) in enumerate([(0, False), (0, True), (1, False), (1, True)]):
        here = (fold == f) & ((logit > 0) == high)
        expected = np.average(logistic(logit[here]), weights=weight[here])
        assert logistic(groups.logit[i]) == pytest.approx(expected)
        assert groups.spread[i] ** 2 == pytest.approx(np.average(spread[here] ** 2, weights=weight[here]))


def test_a_group_of_one_kind_alone_is_no_trouble():
    """Scores that separate everything leave groups of presences only and of background only."""
    y = np.repeat([0, 1], 60)
    logit = np.where(y == 1, 3.0, -3.0) + np.linspace(-0.1, 0.1, 120)
    for weight in (np.ones(120), balanced_weight(y, np.linspace(0.1, 3, 120))):
        groups = held_out_groups(y, logit, np.full(120, 0.2), weight, np.arange(120) % 3)
        assert (groups.present[groups.other == 0] > 0).any()
        assert (groups.other[groups.present == 0] > 0).any()
        assert np.isfinite([groups.logit, groups.offset, groups.spread]).all()
        found = fit_interval(groups)
        assert 1 <= found.scale < 6 and 0 <= found.place < 6
        agreed = holds(groups, found)
        assert np.isfinite(agreed).all()
        assert agreed.mean() > 0.8


def test_suitabilities_of_nothing_and_everything_are_no_trouble():
    y = np.r_[np.ones(30, int), np.zeros(30, int)]
    for logit in (np.full(60, 40.0), np.full(60, -40.0), np.zeros(60)):
        groups = held_out_groups(y, logit, np.zeros(60), np.ones(60), np.arange(60) % 3)
        assert len(groups) == 3
        found = fit_interval(groups)
        assert np.isfinite([found.scale, found.place]).all()
        assert np.isfinite(holds(groups, found)).all()


def test_a_folds_own_counts_do_not_change_the_model_it_is_checked_by():
    groups = _groups(7, 200, 20, place=0.5, folds=4)
    other = groups.fold == 2
    turned = replace(groups, present=np.where(other, groups.other, groups.present))
    turned = replace(turned, other=np.where(other, groups.present, groups.other))
    before, after = by_fold(groups), by_fold(turned)
    assert set(before) == {0, 1, 2, 3}
    assert before[2] == after[2] == fit_interval(groups.pick(~other))
    for f in (0, 1, 3):
        assert before[f] != after[f]


def test_every_group_is_checked_by_the_model_of_its_own_fold():
    groups = _groups(8, 90, 30, place=1.0, folds=3)
    models = {0: IntervalModel(1.0, 0.0), 1: IntervalModel(1.0, 1.0), 2: IntervalModel(6.0, 6.0)}
    agreed = checked(groups, models)
    for f, model in models.items():
        here = groups.fold == f
        np.testing.assert_array_equal(agreed[here], holds(groups, model)[here])
    assert agreed[groups.fold == 0].mean() < agreed[groups.fold == 1].mean() < agreed[groups.fold == 2].mean()


def test_joined_groups_are_those_of_all_species():
    one, two = _groups(0, 10), _groups(1, 7)
    both = join([one, two])
    assert len(both) == 17
    for name in HeldOutGroups.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(both, name), np.r_[getattr(one, name), getattr(two, name)])
