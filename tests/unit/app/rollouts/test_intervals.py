"""Intervals of shares, differences and ratios."""

from __future__ import annotations

import math

import pytest

from app.rollouts.intervals import Moments, difference, mean, ratio, share


def test_shares_and_their_difference_are_those_of_newcombes_table():
    """Newcombe (1998), table II, method 10: 56/70 and 48/80, and 9/10 and 3/10."""
    for counts, expected in (
        (((56, 70), (48, 80)), (0.2, 0.0524, 0.3339)),
        (((9, 10), (3, 10)), (0.6, 0.1705, 0.8090)),
        (((10, 10), (0, 10)), (1.0, 0.6075, 1.0)),
    ):
        found = difference(*(share(*one) for one in counts))
        assert found is not None
        assert (found.value, found.low, found.high) == pytest.approx(expected, abs=6e-5)


def test_the_ends_are_exact_where_nothing_or_everything_is_counted():
    none, all_ = share(0, 20), share(20, 20)
    assert none is not None
    assert all_ is not None
    assert (none.low, all_.high) == (0.0, 1.0)
    assert none.high == pytest.approx(0.16113, abs=1e-5)
    assert share(0, 0) is None
    assert difference(None, none) is None


def moments(values):
    return Moments(len(values), sum(values), sum(value**2 for value in values))


def test_a_ratio_of_times_is_that_of_geometric_means():
    fast, slow = [0.001, 0.002, 0.004], [0.002, 0.004, 0.008]
    found = ratio(moments([math.log(t) for t in slow]), moments([math.log(t) for t in fast]))
    assert found is not None
    assert found.value == pytest.approx(2)
    assert found.low < 1 < 2 < found.high
    assert ratio(moments([1.0]), moments([1.0, 2.0])) is None


def test_a_mean_of_equal_values_has_no_width():
    found = mean(moments([0.25] * 8))
    assert found is not None
    assert (found.low, found.high) == pytest.approx((0.25, 0.25))
    assert mean(moments([1.0])) is None
