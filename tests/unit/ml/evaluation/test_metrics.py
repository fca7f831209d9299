"""Scores and thresholds against hand-computed values, brute-force definitions and laws."""

import itertools
import time
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from ml.evaluation.metrics import auc_prg, auc_roc, bootstrap_interval, brier, cor, sensitivity_specificity, tss
from ml.evaluation.threshold_rules import RULES, max_sss, mtp, p10

Y = np.array([1, 1, 0, 1, 0, 0])
S = np.array([0.9, 0.8, 0.8, 0.4, 0.3, 0.1])

# few distinct scores, so that ties are common
cases = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 8)), min_size=2, max_size=40).filter(
    lambda rows: 0 < sum(y for y, _ in rows) < len(rows)
)


def arrays(rows):
    return np.array([y for y, _ in rows]), np.array([s for _, s in rows]) / 8.0


def brute_auc(y, s):
    pairs = [(a > b) + (a == b) / 2 for a in s[y == 1] for b in s[y == 0]]
    return sum(pairs) / len(pairs)


def brute_prg(y, s):
    """Area by the published definition, in exact fractions, from one contingency table a threshold."""
    n1, n0 = int(y.sum()), int((1 - y).sum())
    tables = [(Fraction(0), Fraction(0))]
    for level in sorted(set(s.tolist()), reverse=True):
        tables.append((Fraction(int(y[s >= level].sum())), Fraction(int((1 - y)[s >= level].sum()))))
    curve = []
    start = Fraction(n1 * n1, n1 + n0)
    for (tp0, fp0), (tp, fp) in itertools.pairwise(tables):
        if tp < start:
            continue
        if tp0 < start < tp:
            crossing = (start, fp0 + (start - tp0) / (tp - tp0) * (fp - fp0))
            curve.append(crossing)
        curve.append((tp, fp))
    points = [(1 - n1 * (n1 - tp) / (n0 * tp), 1 - n1 * fp / (n0 * tp)) for tp, fp in curve]
    return float(sum((b[0] - a[0]) * (a[1] + b[1]) / 2 for a, b in itertools.pairwise(points)))


def test_auc_by_hand():
    # of 9 pairs: .9 beats 3, .8 beats 2 and ties 1, .4 beats 2
    assert auc_roc(Y, S) == pytest.approx(7.5 / 9)


@given(cases)
def test_auc_is_the_share_of_ordered_pairs(rows):
    y, s = arrays(rows)
    assert auc_roc(y, s) == pytest.approx(brute_auc(y, s))
    assert auc_roc(y, s) == pytest.approx(roc_auc_score(y, s))


@given(cases)
def test_prg_follows_the_definition(rows):
    y, s = arrays(rows)
    assert auc_prg(y, s) == pytest.approx(brute_prg(y, s), abs=1e-9)


def test_prg_by_hand():
    assert auc_prg([1, 1, 0, 0], [4, 3, 2, 1]) == pytest.approx(1.0)
    assert auc_prg([1, 1, 0, 0], [1, 1, 1, 1]) == pytest.approx(0.0)
    # TP, FP = (1,0) recall gain 0, (1,1), (2,1): the area is that from (0, 0) to (1, 1/2)
    assert auc_prg([1, 0, 1, 0], [4, 3, 2, 1]) == pytest.approx(0.25)
    assert auc_prg([0, 0, 1, 1], [4, 3, 2, 1]) < 0


@given(cases)
def test_ranking_scores_ignore_monotone_transforms_and_order(rows):
    y, s = arrays(rows)
    shuffled = np.random.default_rng(1).permutation(len(y))
    for metric in (auc_roc, auc_prg):
        assert metric(y, np.exp(3 * s) - 7) == pytest.approx(metric(y, s))
        assert metric(y[shuffled], s[shuffled]) == pytest.approx(metric(y, s))
    assert cor(y, 5 * s - 2) == pytest.approx(cor(y, s))


@given(cases)
def test_turning_the_score_round_turns_the_verdict_round(rows):
    y, s = arrays(rows)
    assert auc_roc(y, -s) == pytest.approx(1 - auc_roc(y, s))
    assert auc_roc(1 - y, s) == pytest.approx(1 - auc_roc(y, s))
    assert cor(y, -s) == pytest.approx(-cor(y, s))


@given(cases)
def test_cor_is_pearsons(rows):
    y, s = arrays(rows)
    expected = 0.0 if s.min() == s.max() else np.corrcoef(y, s)[0, 1]
    assert cor(y, s) == pytest.approx(expected)


def test_threshold_scores_by_hand():
    assert sensitivity_specificity(Y, S, 0.8) == (pytest.approx(2 / 3), pytest.approx(2 / 3))
    assert tss(Y, S, 0.8) == pytest.approx(1 / 3)
    assert tss(Y, S, 0.4) == pytest.approx(2 / 3)
    assert brier([1, 0], [0.75, 0.5]) == pytest.approx((0.0625 + 0.25) / 2)


@given(cases)
def test_threshold_rules_keep_their_word(rows):
    y, s = arrays(rows)
    best = max(tss(y, s, level) for level in np.unique(s))
    assert tss(y, s, max_sss(y, s)) == pytest.approx(best)
    assert max_sss(y, s) == max(v for v in np.unique(s) if tss(y, s, v) == pytest.approx(best))
    assert sensitivity_specificity(y, s, mtp(y, s))[0] == 1.0
    assert sensitivity_specificity(y, s, p10(y, s))[0] >= 0.9 - 1e-12
    assert mtp(y, s) <= p10(y, s)
    assert all(rule(y, s) in s for rule in RULES.values())


def test_p10_lets_a_tenth_go():
    y, s = np.r_[np.ones(20), 0], np.r_[np.arange(20), 5]
    assert p10(y, s) == 2
    assert mtp(y, s) == 0


@pytest.mark.parametrize("metric", [auc_roc, auc_prg, cor, brier, max_sss, p10, mtp])
@pytest.mark.parametrize(
    ("y", "s", "message"),
    [
        ([], [], "no records"),
        ([1, 1], [0.1, 0.2], "one class"),
        ([0, 0], [0.1, 0.2], "one class"),
        ([0, 1], [0.1, np.nan], "NaN"),
        ([0, 2], [0.1, 0.2], "only hold 0 and 1"),
        ([0, 1], [0.1], "one shape"),
    ],
)
def test_useless_input_is_refused(metric, y, s, message):
    with pytest.raises(ValueError, match=message):
        metric(y, s)


def test_constant_scores():
    assert auc_roc(Y, np.ones(6)) == 0.5
    assert cor(Y, np.ones(6)) == 0.0
    assert max_sss(Y, np.full(6, 0.3)) == 0.3
    with pytest.raises(ValueError, match="between 0 and 1"):
        brier(Y, S * 2)
    with pytest.raises(ValueError, match="NaN"):
        tss(Y, S, float("nan"))


@settings(max_examples=25)
@given(cases, st.integers(0, 5))
def test_interval_is_ordered_and_repeats(rows, seed):
    y, s = arrays(rows)
    low, high = bootstrap_interval(auc_roc, y, s, n=50, seed=seed)
    assert 0 <= low <= high <= 1
    assert (low, high) == bootstrap_interval(auc_roc, y, s, n=50, seed=seed)


def test_fast_and_plain_bootstrap_draw_the_same_samples():
    rng = np.random.default_rng(3)
    y = np.r_[np.ones(30), np.zeros(90)]
    s = np.round(rng.random(120) + 0.3 * y, 1)
    plain = bootstrap_interval(lambda a, b: auc_roc(a, b), y, s, n=80, seed=2)
    assert bootstrap_interval(auc_roc, y, s, n=80, seed=2) == pytest.approx(plain)
    low, high = plain
    assert low < auc_roc(y, s) < high


@pytest.mark.thorough
@pytest.mark.alone
def test_interval_is_quick_on_the_largest_demo():
    rng = np.random.default_rng(0)
    y = np.r_[np.ones(1595), np.zeros(4990)]
    s = rng.random(y.size) + 0.3 * y
    started = time.thread_time()
    bootstrap_interval(auc_roc, y, s, n=500)
    assert time.thread_time() - started < 1.0


def test_interval_of_an_undefined_metric():
    def undefined(y, s):
        raise ValueError("never")

    with pytest.raises(ValueError, match="undefined for most"):
        bootstrap_interval(undefined, Y, S, n=10)
