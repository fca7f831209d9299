"""Groups of weighted background: records count as much as they are worth, and heads alone would show."""

from dataclasses import replace

import numpy as np
import pytest

from ml.evaluation.interval_calibration import bin_coverage, bin_held_out, fit_interval, join
from ml.kernels.logit import logistic
from ml.serving.interval import INTERVAL_LEVEL, IntervalModel
from ml.training.stacking import balanced_weight


def _recorded(seed, weights, n_presences=600, n_background=3000):
    """Presences and weighted background whose density ratio is known."""
    draw = np.random.default_rng(seed)

    def weigh(x):
        if weights == "even":
            return np.ones_like(x)
        if weights == "by place":
            # target-group background stands closer where people look
            return np.where(x > 0, 0.25, 1.0)
        # a fifth of the points stand for most of the background
        return draw.choice([0.1 if weights == "at random" else 0.02, 1.0], len(x), p=[0.8, 0.2])

    pool = draw.normal(size=200_000)
    weight = weigh(pool)
    chance = weight * np.exp(1.2 * pool)
    presences = draw.choice(pool, n_presences, p=chance / chance.sum())
    background = draw.normal(size=n_background)
    x = np.r_[presences, background]
    y = np.r_[np.ones(n_presences, int), np.zeros(n_background, int)]
    logit = 1.2 * x - np.log(chance.sum() / weight.sum())
    return y, logit, balanced_weight(y, weigh(x)), draw.integers(0, 5, len(y))


def _surprise(bins):
    """How far counts are from what is expected, in standard deviations."""
    total = bins.present + bins.other
    share = logistic(bins.logit + bins.offset)
    return (bins.present - total * share) / np.sqrt(total * share * (1 - share))


KINDS = ["even", "by place", "at random", "a few that weigh much"]


@pytest.mark.parametrize("weights", KINDS)
def test_weighted_background_is_counted_as_much_as_it_is_worth(weights):
    """The density ratio is known exactly: counts differ from it by luck alone."""
    bins = join([bin_held_out(*_parts(seed, weights)) for seed in range(8)])
    away = _surprise(bins)
    assert away.mean() == pytest.approx(0, abs=4 / np.sqrt(len(away)))
    assert away.std() == pytest.approx(1, abs=0.15)
    assert fit_interval(bins).between_place_sd < 0.2
    agreed = bin_coverage(bins, IntervalModel(1.0, 0.0))
    assert agreed.mean() == pytest.approx(INTERVAL_LEVEL, abs=4 * agreed.std() / np.sqrt(len(bins)) + 0.01)


@pytest.mark.parametrize("weights", KINDS[:3])
def test_background_counted_by_the_head_would_show(weights):
    bins = join([bin_held_out(*_parts(seed, weights)) for seed in range(8)])
    wrong = replace(bins, offset=np.zeros(len(bins)))
    assert fit_interval(wrong).between_place_sd > 0.5
    assert bin_coverage(wrong, IntervalModel(1.0, 0.0)).mean() < 0.7


def _parts(seed, weights):
    y, logit, weight, fold = _recorded(seed, weights)
    return y, logit, np.zeros(len(y)), weight, fold


@pytest.mark.parametrize("weights", KINDS)
def test_the_offset_turns_shares_of_weight_into_shares_of_counts(weights):
    y, logit, weight, fold = _recorded(0, weights)
    bins = bin_held_out(y, logit, np.ones(len(y)), weight, fold)
    assert bins.present.sum() == y.sum()
    # Kish's number is never above the number of records, but for rounding
    for f in range(5):
        assert bins.other[bins.fold == f].sum() <= ((y == 0) & (fold == f)).sum() + len(bins) / 5
    np.testing.assert_allclose(bins.spread, 1)
    # what the counts are worth in weight gives back half and half
    each = np.exp(bins.offset) / y.sum()
    assert (each * bins.other).sum() == pytest.approx(1, rel=0.05)
