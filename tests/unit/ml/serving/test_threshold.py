"""Thresholds judged by held-out records: the same rates as the metrics, and thinning that moves them little."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.predictions.schemas import ThresholdUsed
from ml.card import Threshold
from ml.evaluation.metrics import sensitivity_specificity
from ml.evaluation.threshold_rules import RULES
from ml.serving.threshold import OWN, Cutoff, HeldOutSuitability, keep_held_out, thinned

seeds = st.integers(0, 10_000)
# as single precision keeps them, many of them the same
suitabilities = st.floats(0, 1, width=32) | st.integers(0, 8).map(lambda k: k / 8)
records = st.lists(st.tuples(st.integers(0, 1), suitabilities), max_size=80).map(
    lambda some: [(1, 0.5), (0, 0.25), *some]
)


def _columns(some):
    return np.array([y for y, _ in some]), np.array([s for _, s in some], float)


@settings(max_examples=150, deadline=None)
@given(records, suitabilities)
def test_the_rates_are_those_of_the_metrics(some, threshold):
    y, s = _columns(some)
    kept = keep_held_out(y, s)
    for value in (threshold, s[-1], 0.0, 1.0):
        assert kept.rates(value) == pytest.approx(sensitivity_specificity(y, s, value))


@settings(max_examples=60, deadline=None)
@given(seeds, st.integers(0, 7))
def test_a_threshold_that_is_one_of_the_suitabilities_keeps_its_record(seed, which):
    """In double precision, as a card tells its rules' thresholds: rounding must not move a record across."""
    draw = np.random.default_rng(seed)
    y, s = np.arange(8) % 2, draw.random(8)
    kept = keep_held_out(y, s)
    assert kept.rates(float(s[which])) == pytest.approx(sensitivity_specificity(y, s, s[which]))


@pytest.mark.parametrize("rule", sorted(RULES))
@settings(max_examples=30, deadline=None)
@given(seed=seeds)
def test_the_rules_own_thresholds_have_the_rates_that_the_card_tells(rule, seed):
    draw = np.random.default_rng(seed)
    y = np.r_[1, 0, draw.integers(0, 2, 98)]
    s = draw.random(100)
    value = RULES[rule](y, s)
    assert keep_held_out(y, s).rates(value) == pytest.approx(sensitivity_specificity(y, s, value))


def test_rates_by_hand():
    kept = HeldOutSuitability(np.array([0.2, 0.5, 0.9], np.float32), np.array([0.1, 0.5], np.float32))
    assert kept.rates(0.0) == (1, 0)
    assert kept.rates(0.2) == (1, 0.5)
    assert kept.rates(0.5) == (pytest.approx(2 / 3), 0.5)
    assert kept.rates(0.51) == (pytest.approx(1 / 3), 1)
    assert kept.rates(1.0) == (0, 1)


@settings(max_examples=80, deadline=None)
@given(records, suitabilities, suitabilities)
def test_a_higher_threshold_finds_fewer_presences_and_rejects_more(some, one, two):
    kept = keep_held_out(*_columns(some))
    low, high = kept.rates(min(one, two)), kept.rates(max(one, two))
    assert low[0] >= high[0]
    assert low[1] <= high[1]
    assert all(0 <= rate <= 1 for rate in (*low, *high))


@settings(max_examples=60, deadline=None)
@given(st.integers(1001, 30_000), st.integers(1, 3000), seeds, st.sampled_from([1, 2, 10, 2**20]))
def test_thinning_moves_no_rate_by_more_than_a_thousandth(n_others, n_presences, seed, levels):
    draw = np.random.default_rng(seed)
    n = n_others + n_presences
    y = (np.arange(n) < n_presences).astype(int)
    s = (draw.integers(0, levels + 1, n) / levels).astype(np.float32).astype(float)
    kept = keep_held_out(y, s)
    assert len(kept.other) == 1000
    assert len(kept.present) == min(1000, n_presences)
    assert (np.diff(kept.other) >= 0).all() and (np.diff(kept.present) >= 0).all()
    for threshold in (*s[draw.integers(0, n, 20)], s.min(), s.max(), 0.5):
        expected = sensitivity_specificity(y, s, threshold)
        assert kept.rates(threshold) == pytest.approx(expected, abs=0.001 + 1e-9)


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 3000), st.integers(1, 1200))
def test_thinning_keeps_both_ends_the_order_and_no_more_than_asked(n, most):
    values = np.arange(n, dtype=np.float32)
    kept = thinned(values, most)
    assert len(kept) == min(n, most)
    assert kept[0] == 0
    assert (np.diff(kept) > 0).all()
    if most > 1 or n == 1:
        assert kept[-1] == n - 1
    if n <= most:
        np.testing.assert_array_equal(kept, values)
    if len(kept) > 1:
        # evenly: no gap is wider than another by more than rounding
        assert np.ptp(np.diff(kept)) <= 1


def test_a_models_own_rule_is_taken_unless_another_is_named(survey):
    model, card = survey.predictor, survey.card
    for rule in (*card.thresholds, None):
        found = model.cutoff(rule)
        told: Threshold = card.thresholds[rule or card.threshold_rule]
        assert found == Cutoff(told.value, rule or card.threshold_rule, told.sensitivity, told.specificity)
    assert model.answer([20.0, 30.0, 14.0, "clay"]).threshold == model.cutoff()


def test_a_rule_that_nobody_knows_is_an_error(survey):
    for rule in ("maxsss", "own", "P50"):
        with pytest.raises(KeyError, match=rule):
            survey.predictor.cutoff(rule)


@pytest.mark.parametrize("kind", ["survey", "records"])
def test_a_threshold_of_ones_own_is_judged_like_the_rules(request, kind):
    artifact = request.getfixturevalue(kind)
    for rule, told in artifact.card.thresholds.items():
        found = artifact.predictor.cutoff(told.value)
        assert (found.value, found.rule) == (told.value, OWN)
        assert (found.sensitivity, found.specificity) == (
            pytest.approx(told.sensitivity),
            pytest.approx(told.specificity),
        ), rule


def test_nothing_and_everything_are_thresholds_of_ones_own(survey):
    nothing, everything = survey.predictor.cutoff(0), survey.predictor.cutoff(1.0)
    assert nothing == Cutoff(0.0, OWN, 1.0, 0.0)
    assert everything == Cutoff(1.0, OWN, 0.0, 1.0)
    assert isinstance(nothing.value, float)


@settings(max_examples=40, deadline=None)
@given(one=st.floats(0, 1), two=st.floats(0, 1))
def test_ones_own_threshold_is_monotone(records, one, two):
    low, high = (records.predictor.cutoff(value) for value in sorted((one, two)))
    assert low.sensitivity >= high.sensitivity
    assert low.specificity <= high.specificity


def test_a_suitability_at_the_threshold_reaches_it():
    cutoff = Cutoff(0.3, OWN, None, None)
    below, above = np.nextafter(0.3, 0.0), np.nextafter(0.3, 1.0)
    assert cutoff.reached_by(0.3) is True
    assert [cutoff.reached_by(float(value)) for value in (below, above, 0.0, 1.0)] == [False, True, False, True]


def test_nan_does_not_reach_a_threshold():
    assert Cutoff(0.0, OWN, None, None).reached_by(float("nan")) is False


def test_an_array_is_compared_element_by_element():
    suitability = np.array([[0.1, 0.3], [0.5, np.nan]])
    reached = Cutoff(0.3, OWN, None, None).reached_by(suitability)
    assert reached.dtype == bool
    assert reached.tolist() == [[False, True], [True, False]]


def test_a_threshold_of_an_answer_follows_the_same_rule():
    assert ThresholdUsed.reached_by is Cutoff.reached_by
    assert list(ThresholdUsed.model_fields) == ["value", "rule", "sensitivity", "specificity"]
