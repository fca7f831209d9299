"""Intervals fitted to held-out bins: known spreads are recovered, and the coverage finds intervals that are wrong."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, norm

from ml.evaluation.interval_calibration import (
    HeldOutBins,
    bin_coverage,
    bin_held_out,
    cross_fitted_coverage,
    fit_interval,
    fit_without_each_fold,
    join,
)
from ml.kernels.logit import logistic
from ml.serving.interval import INTERVAL_LEVEL, IntervalModel, Z
from ml.training.stacking import balanced_weight
from tests.variants import thorough

seeds = st.integers(0, 10_000)


def _bins(seed, n_bins=1000, size=40, scale=1.0, place=0.0, folds=5, spreads=(0.05, 0.3, 0.9)):
    """Return bins whose counts are drawn from the model itself."""
    draw = np.random.default_rng(seed)
    logit, offset = draw.uniform(-2, 2, n_bins), draw.uniform(-0.5, 0.5, n_bins)
    spread = draw.choice(spreads, n_bins)
    deviation = np.sqrt((scale * spread) ** 2 + place**2)
    share = logistic(logit + offset + deviation * draw.normal(size=n_bins))
    present = draw.binomial(size, share)
    return HeldOutBins(np.arange(n_bins) % folds, present, size - present, logit, offset, spread)


@pytest.mark.parametrize(
    ("scale", "place"),
    [thorough(1.0, 0.0), (1.0, 0.4), thorough(1.0, 1.5), thorough(2.0, 0.0), (2.0, 0.5), thorough(1.2, 0.2)],
)
def test_known_scale_and_spread_are_recovered(scale, place):
    found = fit_interval(_bins(0, scale=scale, place=place))
    assert found.scale == pytest.approx(scale, abs=0.2)
    assert found.between_place_sd == pytest.approx(place, abs=0.1)


@pytest.mark.parametrize(("size", "place"), [(10, 0.4), (10, 1.0), (100, 0.4), (100, 1.0)])
def test_a_known_spread_between_places_is_recovered_from_small_and_large_bins(size, place):
    found = fit_interval(_bins(1, 400, size, place=place, spreads=(0.05,)))
    assert found.deviation(np.array(0.05)) == pytest.approx(place, rel=0.12)


@pytest.mark.parametrize(("size", "place"), [(100, 2.0), (1000, 1.0), (3000, 0.6)])
def test_a_known_spread_between_places_is_recovered_from_very_large_bins(size, place):
    found = fit_interval(_bins(1, 400, size, place=place, spreads=(0.05,)))
    assert found.deviation(np.array(0.05)) == pytest.approx(place, rel=0.12)


@pytest.mark.thorough
def test_a_large_scale_is_recovered():
    assert fit_interval(_bins(0, 800, 200, scale=3.0, place=1.0)).scale == pytest.approx(3, abs=0.3)


def test_a_scale_below_one_is_never_fitted():
    """Errors that differ from row to row cancel in a bin: counts never show an interval to be too wide."""
    found = fit_interval(_bins(0, scale=0.2))
    assert found.scale == 1
    assert found.between_place_sd == pytest.approx(0, abs=0.05)


@pytest.mark.parametrize(("scale", "place"), [(1.0, 0.0), (1.0, 0.7), (2.0, 0.3), (4.0, 2.0)])
@pytest.mark.parametrize("size", [1, 10, 40, 200])
def test_correct_intervals_cover_as_many_counts_as_their_level(size, scale, place):
    bins = _bins(2, 3000, size, scale, place)
    agreed = bin_coverage(bins, IntervalModel(scale, place))
    assert ((agreed >= 0) & (agreed <= 1)).all()
    assert agreed.mean() == pytest.approx(INTERVAL_LEVEL, abs=4 * agreed.std() / np.sqrt(3000) + 0.01)


def test_expected_counts_are_always_covered():
    bins = _bins(3, 300, 1000)
    present = np.round(1000 * logistic(bins.logit + bins.offset)).astype(int)
    perfect = replace(bins, present=present, other=1000 - present)
    assert bin_coverage(perfect, IntervalModel(1.0, 0.0)).min() == pytest.approx(1)
    assert bin_coverage(perfect, fit_interval(perfect)).mean() >= INTERVAL_LEVEL


@pytest.mark.parametrize("place", [0.6, 1.5])
def test_intervals_that_are_too_narrow_cover_too_few_counts(place):
    bins = _bins(4, 1000, 60, place=place)
    agreed = bin_coverage(bins, IntervalModel(1.0, 0.0)).mean()
    assert agreed < INTERVAL_LEVEL - 0.08
    assert agreed < bin_coverage(bins, IntervalModel(1.0, place)).mean() - 0.08
    # three times too wide agrees nearly always
    assert bin_coverage(bins, IntervalModel(3.0, 3 * place)).mean() > 0.97


def test_shifted_logits_are_covered_too_rarely():
    bins = _bins(5, 1000, 60)
    moved = replace(bins, logit=bins.logit + 0.9)
    assert bin_coverage(moved, IntervalModel(1.0, 0.0)).mean() < INTERVAL_LEVEL - 0.1
    assert fit_interval(moved).between_place_sd > 0.6


def _coverage_by_simulation(one, model, n=40_000):
    """Chance that the count falls between the 5th and 95th percentiles of counts, by drawing them."""
    draw = np.random.default_rng(0)
    total = int(one.present[0] + one.other[0])
    deviation = model.deviation(one.spread)[0]
    counts = draw.binomial(total, logistic(one.logit[0] + one.offset[0] + deviation * draw.normal(size=n)))
    below, at = np.mean(counts < one.present[0]), np.mean(counts == one.present[0])
    inside = max(0.0, min(below + at, 0.95) - max(below, 0.05))
    return inside / at if at > 0 else float(0.05 <= below <= 0.95)


def test_coverage_equals_that_of_a_simulation():
    bins, model = _bins(6, 60, 12, 1.5, 0.4), IntervalModel(1.5, 0.4)
    found = bin_coverage(bins, model)
    for i in range(60):
        one = bins.pick(np.arange(60) == i)
        assert found[i] == pytest.approx(_coverage_by_simulation(one, model), abs=0.06)


def test_without_any_spread_the_count_is_binomial():
    bins = HeldOutBins(*np.array([[0, 0, 0], [5, 9, 10], [5, 1, 0]]), np.zeros(3), np.zeros(3), np.zeros(3))
    # P(X < 5) = 0.377 and P(X ≤ 5) = 0.623: all of it inside; nine is split by the edge, ten is beyond
    below, upto = binom.cdf(8, 10, 0.5), binom.cdf(9, 10, 0.5)
    share = max(0.0, (0.95 - below) / (upto - below))
    np.testing.assert_allclose(bin_coverage(bins, IntervalModel(1.0, 0.0)), [1, share, 0], atol=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.floats(0, 5), st.floats(0, 6), st.floats(1, 6), st.floats(0, 6))
def test_the_deviation_is_that_of_independent_parts(spread, place, scale, few_records):
    found = IntervalModel(scale, place, few_records).deviation(np.array([spread]))
    assert found[0] == pytest.approx(np.linalg.norm([scale * spread, place, few_records]), abs=1e-12)
    assert found[0] >= spread - 1e-12


def test_the_level_and_its_number_of_deviations_belong_together():
    assert norm.cdf(Z) - norm.cdf(-Z) == pytest.approx(INTERVAL_LEVEL)


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
    bins = bin_held_out(y, logit, spread, weight, fold)
    used = weight > 0
    for f in range(folds):
        assert bins.present[bins.fold == f].sum() == y[fold == f].sum()
        assert bins.other[bins.fold == f].sum() == ((y == 0) & used & (fold == f)).sum()
    assert len(bins) <= folds * 10
    size = bins.present + bins.other
    assert (size > 0).all()
    # with weights of one the expected share is the mean suitability, and nothing is to be corrected
    np.testing.assert_allclose(bins.offset, 0, atol=1e-12)
    assert (size * logistic(bins.logit)).sum() == pytest.approx(logistic(logit[used]).sum())
    assert (size * bins.spread**2).sum() == pytest.approx((spread[used] ** 2).sum())


def test_bins_hold_records_of_similar_suitability():
    draw = np.random.default_rng(0)
    logit = draw.normal(size=1000)
    y = (draw.random(1000) < logistic(logit)).astype(int)
    bins = bin_held_out(y, logit, np.zeros(1000), np.ones(1000), np.arange(1000) % 4)
    # one bin for 25 presences, ten at most
    assert len(bins) == 40
    assert (np.diff(bins.logit[bins.fold == 2]) > 0).all()
    assert (bins.present + bins.other).min() > 10
    few = bin_held_out(y[:100], logit[:100], np.zeros(100), np.ones(100), np.arange(100) % 4)
    assert len(few) == 4 * max(2, y[:100].sum() // 25)


def test_bins_by_hand():
    """Two folds and two halves of the same weight: background counts 0.8 each in the lower one, 0.5 in the upper."""
    y = np.array([1, 1, 0, 0, 0, 1, 0, 0, 0, 0])
    logit = np.array([1.0, 2, 1.5, 3, 1.2, 2.5, -1, -2, -3, -1.5])
    fold = np.array([0, 0, 0, 0, 0, 1, 0, 0, 0, 1])
    spread = np.linspace(0.1, 1, 10)
    weight = np.where(y == 1, 1.0, np.where(logit > 0, 0.5, 0.8))
    bins = bin_held_out(y, logit, spread, weight, fold)
    np.testing.assert_array_equal(bins.fold, [0, 0, 1, 1])
    np.testing.assert_array_equal(bins.present, [0, 2, 0, 1])
    np.testing.assert_array_equal(bins.other, [3, 3, 1, 0])
    # the last group has no background to weigh
    np.testing.assert_allclose(bins.offset[:3], np.log([0.8, 0.5, 0.8]))
    assert np.log(0.5) <= bins.offset[3] <= np.log(0.8)
    for i, (f, high) in enumerate([(0, False), (0, True), (1, False), (1, True)]):
        here = (fold == f) & ((logit > 0) == high)
        expected = np.average(logistic(logit[here]), weights=weight[here])
        assert logistic(bins.logit[i]) == pytest.approx(expected)
        assert bins.spread[i] ** 2 == pytest.approx(np.average(spread[here] ** 2, weights=weight[here]))


def test_a_bin_of_presences_or_background_alone_is_valid():
    """Scores that separate everything leave bins of presences only and of background only."""
    y = np.repeat([0, 1], 60)
    logit = np.where(y == 1, 3.0, -3.0) + np.linspace(-0.1, 0.1, 120)
    for weight in (np.ones(120), balanced_weight(y, np.linspace(0.1, 3, 120))):
        bins = bin_held_out(y, logit, np.full(120, 0.2), weight, np.arange(120) % 3)
        assert (bins.present[bins.other == 0] > 0).any()
        assert (bins.other[bins.present == 0] > 0).any()
        assert np.isfinite([bins.logit, bins.offset, bins.spread]).all()
        found = fit_interval(bins)
        assert 1 <= found.scale < 6 and 0 <= found.between_place_sd < 6
        agreed = bin_coverage(bins, found)
        assert np.isfinite(agreed).all()
        assert agreed.mean() > 0.8


def test_suitabilities_of_0_and_1_are_valid():
    y = np.r_[np.ones(30, int), np.zeros(30, int)]
    for logit in (np.full(60, 40.0), np.full(60, -40.0), np.zeros(60)):
        bins = bin_held_out(y, logit, np.zeros(60), np.ones(60), np.arange(60) % 3)
        assert len(bins) == 3
        found = fit_interval(bins)
        assert np.isfinite([found.scale, found.between_place_sd]).all()
        assert np.isfinite(bin_coverage(bins, found)).all()


@pytest.mark.thorough
def test_a_folds_own_counts_do_not_change_the_model_it_is_checked_by():
    bins = _bins(7, 200, 20, place=0.5, folds=4)
    other = bins.fold == 2
    turned = replace(bins, present=np.where(other, bins.other, bins.present))
    turned = replace(turned, other=np.where(other, bins.present, bins.other))
    before, after = fit_without_each_fold(bins), fit_without_each_fold(turned)
    assert set(before) == {0, 1, 2, 3}
    assert before[2] == after[2] == fit_interval(bins.pick(~other))
    for f in (0, 1, 3):
        assert before[f] != after[f]


def test_every_bin_is_compared_with_the_model_of_its_own_fold():
    bins = _bins(8, 90, 30, place=1.0, folds=3)
    models = {0: IntervalModel(1.0, 0.0), 1: IntervalModel(1.0, 1.0), 2: IntervalModel(6.0, 6.0)}
    agreed = cross_fitted_coverage(bins, models)
    for f, model in models.items():
        here = bins.fold == f
        np.testing.assert_array_equal(agreed[here], bin_coverage(bins, model)[here])
    assert agreed[bins.fold == 0].mean() < agreed[bins.fold == 1].mean() < agreed[bins.fold == 2].mean()


def test_joined_bins_are_those_of_all_species():
    one, two = _bins(0, 10), _bins(1, 7)
    both = join([one, two])
    assert len(both) == 17
    for name in HeldOutBins.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(both, name), np.r_[getattr(one, name), getattr(two, name)])
