"""Scores turned into suitabilities: parameters recovered, limits kept, held-out records not used twice."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.evaluation.calibration import (
    LARGEST_SLOPE,
    LEAST_SLOPE,
    Calibration,
    cross_fitted,
    fit_calibration,
    reliability,
)
from ml.kernels.logit import logistic


def _sample(seed, n, intercept=0.0, slope=1.0, spread=1.5):
    draw = np.random.default_rng(seed)
    score = draw.normal(scale=spread, size=n)
    return (draw.random(n) < logistic(intercept + slope * score)).astype(int), score


@pytest.mark.parametrize(("intercept", "slope"), [(0.0, 1.0), (-2.0, 0.5), (1.5, 2.0), (-1.0, 0.2)])
def test_known_parameters_come_back(intercept, slope):
    y, score = _sample(0, 40_000, intercept, slope)
    found = fit_calibration(y, score, np.ones(len(y)))
    assert found.intercept == pytest.approx(intercept, abs=0.08)
    assert found.slope == pytest.approx(slope, abs=0.06)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(8, 200), st.floats(-1, 1), st.floats(0.3, 2))
def test_the_mean_suitability_is_the_mean_target(seed, n, intercept, slope):
    y, score = _sample(seed, n, intercept, slope)
    n1 = y.sum()
    weight = np.random.default_rng(seed).uniform(0.5, 2, n)
    found = fit_calibration(y, score, weight)
    assert LEAST_SLOPE <= found.slope <= LARGEST_SLOPE
    # Lin's targets: almost 1 and almost 0
    target = np.where(y == 1, (n1 + 1) / (n1 + 2), 1 / (n - n1 + 2))
    away = weight * (found.apply(score) - target)
    assert abs(away.sum()) < 1e-6 * weight.sum()
    if LEAST_SLOPE < found.slope < LARGEST_SLOPE:
        assert abs(away @ score) < 1e-4 * weight.sum()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.floats(-5, 5), st.floats(0.5, 2))
def test_another_unit_of_the_score_is_taken_back(seed, shift, factor):
    y, score = _sample(seed, 200)
    one = fit_calibration(y, score, np.ones(200))
    two = fit_calibration(y, shift + factor * score, np.ones(200))
    np.testing.assert_allclose(two.apply(shift + factor * score), one.apply(score), atol=1e-4)


@pytest.mark.parametrize("shift", [0.0, 30.0, -30.0])
def test_scores_that_separate_everything_or_point_the_wrong_way_stop_at_the_limits(shift):
    y = np.repeat([0, 1], 50)
    score = np.linspace(-1, 1, 100)
    steep = fit_calibration(y, score + shift, np.ones(100))
    assert steep.slope == LARGEST_SLOPE
    wrong = fit_calibration(y, shift - score, np.ones(100))
    assert wrong.slope == LEAST_SLOPE
    for found, scores in ((steep, score + shift), (wrong, shift - score)):
        assert np.isfinite(found.intercept)
        assert found.apply(scores).mean() == pytest.approx(0.5, abs=1e-6)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.floats(-50, 50))
def test_constant_scores_give_the_share_of_presences(seed, value):
    y = np.r_[1, 0, np.random.default_rng(seed).integers(0, 2, 98)]
    found = fit_calibration(y, np.full(100, value), np.ones(100))
    assert found.slope > 0
    target = np.where(y == 1, (y.sum() + 1) / (y.sum() + 2), 1 / (100 - y.sum() + 2))
    assert found.apply(np.array([value]))[0] == pytest.approx(target.mean(), abs=1e-4)


def test_balanced_weights_do_not_count_background_points():
    draw = np.random.default_rng(0)
    presences, background = draw.normal(1, 1, 200), draw.normal(0, 1, 1000)

    def balanced(times):
        score = np.r_[presences, np.tile(background, times)]
        y = np.r_[np.ones(200, int), np.zeros(1000 * times, int)]
        return fit_calibration(y, score, np.where(y == 1, 1.0, 200 / (1000 * times)))

    one, ten = balanced(1), balanced(10)
    assert ten.slope == pytest.approx(one.slope, abs=0.02)
    assert ten.intercept == pytest.approx(one.intercept, abs=0.02)
    # one half is where both are equally dense, midway between two equal bells
    assert one.apply(np.array([0.5]))[0] == pytest.approx(0.5, abs=0.03)


def test_only_proportions_of_weights_count():
    y, score = _sample(3, 300)
    one, two = (fit_calibration(y, score, np.full(300, w)) for w in (1e-6, 1e3))
    assert (one.intercept, one.slope) == pytest.approx((two.intercept, two.slope), abs=1e-6)


def test_a_few_records_are_never_certain():
    found = fit_calibration(np.array([1, 1, 0, 0]), np.array([5.0, 6.0, -5.0, -6.0]), np.ones(4))
    assert 0.7 < found.apply(np.array([6.0]))[0] < 0.9


@given(st.lists(st.floats(-1e300, 1e300), min_size=1), st.floats(-50, 50), st.floats(LEAST_SLOPE, LARGEST_SLOPE))
def test_suitabilities_lie_in_0_to_1_and_keep_the_order(scores, intercept, slope):
    score = np.sort(np.array(scores))
    out = Calibration(intercept, slope).apply(score)
    assert ((out >= 0) & (out <= 1)).all()
    assert (np.diff(out) >= 0).all()


def test_cross_fitting_does_not_use_a_records_own_fold():
    y, score = _sample(1, 200)
    folds = np.arange(200) % 4
    before = cross_fitted(y, score, np.ones(200), folds)[0]
    turned = np.where(folds == 2, 1 - y, y)
    after = cross_fitted(turned, score, np.ones(200), folds)[0]
    np.testing.assert_array_equal(before[folds == 2], after[folds == 2])
    for other in (0, 1, 3):
        assert not np.array_equal(before[folds == other], after[folds == other])
    alone = fit_calibration(y[folds != 2], score[folds != 2], np.ones(150))
    np.testing.assert_array_equal(logistic(before)[folds == 2], alone.apply(score[folds == 2]))


def test_cross_fitting_tells_each_folds_slope():
    y, score = _sample(3, 200)
    folds = np.arange(200) % 4
    logit, slope = cross_fitted(y, score, np.ones(200), folds)
    for f in range(4):
        alone = fit_calibration(y[folds != f], score[folds != f], np.ones(150))
        assert set(slope[folds == f]) == {alone.slope}
        np.testing.assert_array_equal(logit[folds == f], alone.intercept + alone.slope * score[folds == f])


@given(st.integers(1, 400), st.integers(0, 1000))
def test_reliability_bins_partition_the_records(n, seed):
    draw = np.random.default_rng(seed)
    y, suitability = draw.integers(0, 2, n), draw.random(n).round(1)
    bins = reliability(y, suitability)
    sizes = [one.n for one in bins]
    assert sum(sizes) == n
    assert max(sizes) - min(sizes) <= 1
    assert len(bins) == 1 or (min(sizes) >= 15 and len(bins) <= 10)
    assert sum(one.n * one.observed for one in bins) == pytest.approx(y.sum())
    assert sum(one.n * one.suitability for one in bins) == pytest.approx(suitability.sum())
    means = [one.suitability for one in bins]
    assert means == sorted(means)


def test_reliability_by_hand():
    suitability = np.r_[np.full(20, 0.75), np.full(15, 0.25)]
    y = np.r_[np.ones(15), np.zeros(5), np.ones(3), np.zeros(12)].astype(int)
    low, high = reliability(y, suitability)
    assert (low.n, high.n) == (18, 17)
    # the lower bin takes the first three of the higher ones, in their order
    assert low.suitability == pytest.approx((15 * 0.25 + 3 * 0.75) / 18)
    assert low.observed == pytest.approx(6 / 18)
    assert high.observed == pytest.approx(12 / 17)


def test_calibrated_suitability_means_what_it_says():
    y, score = _sample(2, 4000, -1.0, 0.6)
    folds = np.arange(4000) % 5
    logit, _ = cross_fitted(y, score, np.ones(4000), folds)
    for one in reliability(y, logistic(logit)):
        assert one.observed == pytest.approx(one.suitability, abs=0.08)
