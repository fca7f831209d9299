"""Weights of the members: what helps weighs, what does not weighs nothing, and few records decide nothing."""

import numpy as np
import pytest

from ml.kernels.logit import logistic
from ml.training.cross_validation import HeldOutScores
from ml.training.default_model import equal_weights
from ml.training.stacking import FEWEST_PRESENCES, fit_stacking


def _species(seed, n=4000, good=1.0, noise=1.0, sure=1.0):
    """One species whose log density ratio is known: a member that knows it, one that guesses."""
    draw = np.random.default_rng(seed)
    truth = draw.normal(size=n)
    y = (draw.random(n) < logistic(truth - 1)).astype(int)
    scores = {"forest": good * truth, "network": sure * noise * draw.normal(size=n)}
    return HeldOutScores(scores, y, np.ones(n))


def test_a_member_that_guesses_weighs_almost_nothing():
    found = fit_stacking([_species(seed) for seed in range(3)])
    assert found.weights["forest"] > 0.9
    assert sum(found.weights.values()) == pytest.approx(1)
    assert found.slope > 0


def test_weights_are_never_below_zero():
    one = _species(0)
    one.scores["network"] -= one.scores["forest"]
    assert 0 <= fit_stacking([one]).weights["network"] < 0.03


def test_a_member_that_is_too_sure_is_scaled_back():
    """Two members know the same; the one that says it three times as loudly weighs a third of its score."""
    one = _species(1, n=20_000)
    draw = np.random.default_rng(5)
    truth = one.scores["forest"]
    one.scores["forest"] = truth + draw.normal(scale=0.5, size=len(truth))
    one.scores["network"] = 3 * (truth + draw.normal(scale=0.5, size=len(truth)))
    found = fit_stacking([one]).weights
    assert found["forest"] / found["network"] == pytest.approx(3, rel=0.25)


def test_the_weights_do_not_depend_on_the_number_of_background_points():
    one = _species(2)
    twice = np.concatenate((np.arange(4000), np.flatnonzero(one.y == 0)))
    again = HeldOutScores({name: s[twice] for name, s in one.scores.items()}, one.y[twice], one.weight[twice])
    first, second = fit_stacking([one]), fit_stacking([again])
    assert first.weights == pytest.approx(second.weights, abs=1e-3)
    assert (first.intercept, first.slope) == pytest.approx((second.intercept, second.slope), abs=1e-3)


def test_records_that_were_not_scored_or_do_not_count_are_left_out():
    one = _species(3)
    unscored = HeldOutScores({name: s.copy() for name, s in one.scores.items()}, one.y.copy(), one.weight.copy())
    unscored.scores["forest"][:50] = np.nan
    unscored.weight[50:90] = 0
    kept = np.arange(len(one.y)) >= 50
    kept[50:90] = one.y[50:90] == 1
    plain = HeldOutScores({name: s[kept] for name, s in one.scores.items()}, one.y[kept], one.weight[kept])
    assert fit_stacking([unscored]).weights == pytest.approx(fit_stacking([plain]).weights, abs=1e-9)


@pytest.mark.parametrize("case", ["few", "useless", "nothing"])
def test_members_weigh_the_same_where_nothing_can_be_told(case):
    if case == "few":
        one = _species(0)
        keep = np.cumsum(one.y) < FEWEST_PRESENCES - 1
        one = HeldOutScores({name: s[keep] for name, s in one.scores.items()}, one.y[keep], one.weight[keep])
    elif case == "useless":
        one = _species(0, good=-1)
        one.scores["network"] = one.scores["forest"].copy()
    else:
        one = _species(0)
        one = HeldOutScores(one.scores, np.zeros_like(one.y), one.weight)
    assert fit_stacking([one]) == equal_weights(["forest", "network"])


def test_the_mean_takes_the_scores_by_name():
    stacked = equal_weights(["forest", "maxent"])
    np.testing.assert_allclose(stacked.mean({"maxent": np.array([4.0]), "forest": np.array([2.0])}), [3.0])
