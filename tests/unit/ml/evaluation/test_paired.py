"""The difference of the AUCs of two models on the same records."""

from __future__ import annotations

import numpy as np
import pytest

from ml.evaluation.live import auc_interval
from ml.evaluation.metrics import auc_roc
from ml.evaluation.paired import auc_difference, placements


def difference(y, first, second):
    sizes = [(int(y.sum()), int(len(y) - y.sum()))]
    both = tuple(auc_interval(auc_roc(y, values), sizes) for values in (first, second))
    return auc_difference(y, first, second, both)


def made(rng, n, shift, shared):
    """Scores of two models whose AUCs differ by what the second adds to presences."""
    y = np.repeat([1, 0], n)
    common = rng.normal(size=2 * n)
    first = shared * common + rng.normal(size=2 * n) + y
    return y, first, shared * common + rng.normal(size=2 * n) + (1 + shift) * y


def test_placements_are_shares_of_comparisons_and_ties_count_half():
    found = placements(np.array([0.2, 0.5]), np.array([0.2, 0.1, 0.5, 0.9]))
    assert found.of_presences.tolist() == [0.375, 0.625]
    assert found.of_absences.tolist() == [0.75, 1.0, 0.25, 0.0]


def test_equal_models_differ_by_nothing_and_more_alike_models_are_compared_more_sharply():
    rng = np.random.default_rng(1)
    y, first, _ = made(rng, 40, 0, 0)
    same = difference(y, first, first)
    # only as much as the interval of an AUC is skewed
    assert same.value == 0
    assert -0.05 < same.low < 0 < same.high < 0.05
    widths = []
    for shared in (0.0, 3.0):
        found = difference(*made(np.random.default_rng(2), 200, 0.5, shared))
        assert found.low < found.value < found.high
        widths.append(found.high - found.low)
    assert widths[1] < widths[0]


def test_two_models_without_a_mistake_leave_a_doubt():
    y = np.repeat([1, 0], 10)
    found = difference(y, y + np.arange(20) / 100, y - np.arange(20) / 100)
    assert found.value == 0
    assert found.low < -0.1
    assert found.high > 0.1


@pytest.mark.parametrize(("n", "shared"), [(12, 1.0), (40, 1.0), (40, 3.0)])
def test_the_interval_holds_the_difference_as_often_as_it_says(n, shared):
    rng = np.random.default_rng(3)
    y, first, second = made(rng, 20_000, 0.5, shared)
    truth = auc_roc(y, first) - auc_roc(y, second)
    held = 0
    for _ in range(400):
        found = difference(*made(rng, n, 0.5, shared))
        held += found.low <= truth <= found.high
    # 95 % of 400, with room for chance and for an interval that is too wide
    assert 0.92 <= held / 400 <= 1.0
