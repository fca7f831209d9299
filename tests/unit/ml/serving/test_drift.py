"""The drift drift_distance and the quarters: laws that hold for any values, and what the words mean."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ml.serving.drift import ENOUGH, PARTS, TrainingQuarters, drift_distance, quartiles

VALUES = arrays(
    np.float32,
    st.integers(1, 60),
    # whole numbers, so that ties are frequent and rescaling is exact
    elements=st.integers(-50, 50).map(float),
)


@given(VALUES, VALUES)
def test_the_distance_lies_between_0_and_1(trained, asked):
    drift = drift_distance(np.sort(trained), asked)
    assert 0 <= drift.distance <= 1
    assert np.isfinite(drift.chance)


@given(VALUES)
def test_nothing_drifts_from_itself(trained):
    assert drift_distance(np.sort(trained), trained).distance == 0
    assert drift_distance(np.sort(trained), np.repeat(trained, 3)).distance == pytest.approx(0, abs=1e-12)


@given(VALUES, VALUES)
def test_units_and_transforms_that_keep_the_order_change_nothing(trained, asked):
    before = drift_distance(np.sort(trained), asked).distance
    for change in (lambda v: v * 4 + 128, lambda v: v**3, lambda v: np.exp(v / 16), lambda v: -v):
        assert drift_distance(np.sort(change(trained)), change(asked)).distance == pytest.approx(before, abs=1e-12)


@given(VALUES, st.integers(1, 30), st.integers(1, 30))
def test_the_further_the_requests_move_the_larger_the_distance(trained, near, further):
    one = drift_distance(np.sort(trained), trained + near).distance
    two = drift_distance(np.sort(trained), trained + near + further).distance
    assert 0 < one <= two


@given(VALUES, VALUES)
def test_it_is_the_largest_difference_of_the_two_shares(trained, asked):
    slow = max(abs((trained <= v).mean() - (asked <= v).mean()) for v in (*trained, *asked))
    assert drift_distance(np.sort(trained), asked).distance == pytest.approx(slow, abs=1e-12)


def test_a_decimal_is_the_same_decimal_in_training():
    assert drift_distance(np.full(40, 0.1, np.float32), [0.1] * 40).distance == 0


@pytest.mark.parametrize(
    ("shift", "n", "word"),
    [
        (0.0, 400, "about the same"),
        (0.3, 400, "about the same"),
        (0.75, 400, "somewhat different"),
        (1.5, 400, "very different"),
        (9.0, ENOUGH - 1, "too few requests"),
        (1.5, ENOUGH, "very different"),
    ],
)
def test_the_words(shift, n, word):
    trained = np.sort(np.random.default_rng(0).normal(size=400).astype(np.float32))
    asked = np.quantile(trained, (np.arange(n) + 0.5) / n) + shift
    assert drift_distance(trained, asked).word == word


def test_what_chance_can_explain_is_not_called_drift():
    trained = np.arange(100, dtype=np.float32)
    asked = np.linspace(0, 99, ENOUGH) * 0.77
    drift = drift_distance(trained, asked)
    assert 0.2 < drift.distance < drift.chance
    assert drift.word == "too few requests"


def test_requests_without_drift_are_seldom_called_different():
    draw = np.random.default_rng(1)
    trained = np.sort(draw.gamma(1.0, size=180).astype(np.float32))
    words = [drift_distance(trained, draw.choice(trained, 40)).word for _ in range(200)]
    assert sum("different" in word for word in words) <= 10


def _counted(reference, values):
    counted = TrainingQuarters(np.sort(reference)).count(np.asarray(values, np.float32))
    return dict(zip(PARTS, counted.tolist(), strict=True))


@given(VALUES)
def test_requests_like_the_training_places_give_each_quarter_a_quarter(trained):
    counts = _counted(trained, trained)
    assert counts["below"] == counts["above"] == 0
    assert [counts[f"q{k}"] / len(trained) for k in (1, 2, 3, 4)] == pytest.approx([0.25] * 4)


@given(VALUES, st.floats(-100, 100, width=32))
def test_every_request_counts_once_and_where_it_lies(trained, value):
    counts = _counted(trained, [value])
    assert sum(counts.values()) == pytest.approx(1)
    assert (counts["below"] == 1) == (value < trained.min())
    assert (counts["above"] == 1) == (value > trained.max())
    # between training values everything lies in one quarter, which its rank tells
    if trained.min() < value < trained.max() and value not in trained:
        assert counts[f"q{1 + int(4 * (trained < value).mean())}"] == pytest.approx(1)


@given(st.lists(st.integers(-10, 60), min_size=1, max_size=40))
def test_the_quarters_bound_the_distance_and_miss_at_most_a_quarter_of_it(requested):
    """Why both measures exist: docs/decisions/031-two-measures-of-drift.md."""
    trained = np.arange(40, dtype=np.float32)
    counts = TrainingQuarters(trained).count(np.array(requested, np.float32)) / len(requested)
    by_quarters = np.abs(np.cumsum(counts[:5]) - [0, 0.25, 0.5, 0.75, 1]).max()
    exact = drift_distance(trained, requested).distance
    assert by_quarters - 1e-9 <= exact <= by_quarters + 0.25 + 1e-9


def test_the_quarters_cannot_see_what_happens_within_them():
    trained = np.arange(400, dtype=np.float32)
    requested = [0, 100, 200, 300] * 100
    assert TrainingQuarters(trained).count(np.array(requested, np.float32)).tolist() == [0, 100, 100, 100, 100, 0]
    assert drift_distance(trained, requested).word == "somewhat different"


def test_a_value_that_fills_two_quarters_counts_half_for_each():
    trees = np.array([0] * 50 + list(range(1, 51)), np.float32)
    assert _counted(trees, [0]) == pytest.approx({**dict.fromkeys(PARTS, 0), "q1": 0.5, "q2": 0.5})
    assert _counted(trees, [10])["q3"] == 1
    assert _counted(np.full(8, 3, np.float32), [3]) == pytest.approx(
        {"below": 0, "q1": 0.25, "q2": 0.25, "q3": 0.25, "q4": 0.25, "above": 0}
    )


def test_quartiles():
    assert quartiles([1, 2, 3, 4, 5]) == (2, 3, 4)
