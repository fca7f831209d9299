"""What the area of applicability is fitted to: distances across folds, the upper whisker, and what matters."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist, squareform

from ml.kernels.trees import NODE
from ml.serving.blend import Blend
from ml.serving.forest import Forest
from ml.training.area_of_applicability import fit_area, mean_effects, upper_whisker
from tests.unit.ml.serving.blends import fitted, group, without

seeds = st.integers(0, 10_000)
WEIGHTS = np.array([0.4, 0.3, 0.2, 0.1])


def _world(seed, n=90, categorical=(), folds=4):
    """Rows in folds that lie apart in the first predictor, as blocks of a map do."""
    draw = np.random.default_rng(seed)
    rows = draw.normal(size=(n, 4)) * np.array([1, 0.2, 30, 5])
    rows[:, list(categorical)] = draw.integers(0, 3, (n, len(categorical)))
    fold = draw.integers(0, folds, n)
    rows[:, 0] += 0.0 if 0 in categorical else fold
    return rows.astype(np.float32), draw.integers(0, 2, n), fold


def _training_index(rows, fold, weights, categorical=()):
    """Each row's distance from the nearest row of another fold, in mean distances."""
    rows = rows.astype(float)
    squared = np.zeros(len(rows) * (len(rows) - 1) // 2)
    for j, weight in enumerate(weights):
        column, spread = rows[:, [j]], rows[:, j].std()
        if j in categorical:
            squared += 2 * weight**2 * (pdist(column) > 0)
        elif spread > 0:
            squared += pdist(column * weight / spread) ** 2
    distance = np.sqrt(squared)
    table = squareform(distance)
    unit = distance.mean() or 1
    return np.array([table[i, fold != fold[i]].min() for i in range(len(rows))]) / unit


def _whisker_by_hand(values):
    """Tukey's box plot, the quartiles interpolated between ordered values."""
    ordered = sorted(values)

    def quartile(share):
        at = share * (len(ordered) - 1)
        low = int(at)
        high = min(low + 1, len(ordered) - 1)
        return ordered[low] + (at - low) * (ordered[high] - ordered[low])

    fence = quartile(0.75) + 1.5 * (quartile(0.75) - quartile(0.25))
    return max(value for value in ordered if value <= fence)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(0, 1e6) | st.integers(0, 3).map(float), min_size=1, max_size=60))
def test_the_upper_whisker_is_that_of_a_box_plot(values):
    found = upper_whisker(np.array(values))
    assert found in values
    expected = _whisker_by_hand(values)
    if found != expected:
        # a value may lie on the fence itself, where rounding decides
        assert abs(found - expected) <= 1e-9 * max(values) or pytest.approx(expected, rel=1e-9) == found


def test_the_upper_whisker_leaves_outliers_out():
    assert upper_whisker(np.arange(101.0)) == 100
    # the quartiles are 25.5 and 76.5, the fence is 153
    assert upper_whisker(np.r_[np.arange(101.0), 152, 154]) == 152
    assert upper_whisker(np.full(5, 0.3)) == 0.3
    # half of all values alike and one far away
    assert upper_whisker(np.r_[np.zeros(9), 5.0]) == 0


@pytest.mark.parametrize("categorical", [(), (3,), (0, 2)])
@settings(max_examples=12, deadline=None)
@given(seed=seeds)
def test_the_threshold_and_the_share_inside_are_those_of_distances_across_folds(categorical, seed):
    rows, y, fold = _world(seed, categorical=categorical)
    area, report = fit_area(rows, y, fold, WEIGHTS, categorical, 0)
    index = _training_index(rows, fold, WEIGHTS, categorical)
    assert area.threshold == report.threshold == pytest.approx(_whisker_by_hand(index), rel=1e-6)
    inside = (index <= area.threshold * (1 + 1e-9)).mean()
    assert report.training_inside == pytest.approx(inside)
    assert 0.5 < report.training_inside <= 1
    assert (report.n_points, report.folds) == (90, 4)
    assert area.points.shape == (4, 90)


@settings(max_examples=12, deadline=None)
@given(seeds)
def test_the_served_index_of_a_row_held_out_is_the_one_it_was_fitted_by(seed):
    """An area without a row's own fold, put to the row."""
    rows, y, fold = _world(seed, categorical=(3,))
    area, _ = fit_area(rows, y, fold, WEIGHTS, (3,), 0)
    index = _training_index(rows, fold, WEIGHTS, (3,))
    for i in range(0, 90, 9):
        others = replace(area, points=np.ascontiguousarray(area.points[:, fold != fold[i]]))
        assert others.locate(rows[i])[0] == pytest.approx(index[i], rel=1e-3, abs=1e-4)


def test_folds_that_lie_apart_reach_further_than_folds_at_random():
    rows, y, fold = _world(0, n=200)
    rows[:, 0] += 10 * fold
    apart, _ = fit_area(rows, y, fold, WEIGHTS, (), 0)
    mixed, _ = fit_area(rows, y, np.random.default_rng(0).permutation(fold), WEIGHTS, (), 0)
    assert apart.threshold > 1.3 * mixed.threshold


@settings(max_examples=20, deadline=None)
@given(seeds, st.floats(0.01, 1000), st.floats(-20, 20), st.floats(0.01, 100))
def test_another_unit_of_a_predictor_or_of_the_weights_changes_nothing(seed, factor, shift, together):
    rows, y, fold = _world(seed)
    area, report = fit_area(rows, y, fold, WEIGHTS, (), 0)
    moved = rows.astype(float)
    moved[:, 1] = factor * (moved[:, 1] / rows[:, 1].std() + shift)
    moved = moved.astype(np.float32)
    again, report_again = fit_area(moved, y, fold, together * WEIGHTS, (), 0)
    assert report_again.threshold == pytest.approx(report.threshold, rel=1e-4)
    assert report_again.training_inside == pytest.approx(report.training_inside, abs=0.02)
    draw = np.random.default_rng(seed)
    for i in draw.integers(0, 90, 5):
        # between two rows, where the index is not 0
        one, two = (rows[i] + rows[i - 1]) / 2, (moved[i] + moved[i - 1]) / 2
        assert again.locate(two)[0] == pytest.approx(area.locate(one)[0], rel=1e-2, abs=1e-3)


def test_of_too_many_rows_the_presences_are_kept_and_the_choice_is_repeated():
    rows, _, fold = _world(0, n=500)
    y = (np.arange(500) % 25 == 0).astype(int)
    area, report = fit_area(rows, y, fold, WEIGHTS, (), 7, most=100)
    assert (report.n_points, area.points.shape) == (100, (4, 100))
    again, _ = fit_area(rows, y, fold, WEIGHTS, (), 7, most=100)
    np.testing.assert_array_equal(area.points, again.points)
    assert area.threshold == again.threshold
    other, _ = fit_area(rows, y, fold, WEIGHTS, (), 8, most=100)
    assert not np.array_equal(area.points, other.points)
    for row in rows[y == 1]:
        assert area.locate(row)[0] == pytest.approx(0, abs=1e-3)
    assert np.mean([area.locate(row)[0] < 1e-3 for row in rows[y == 0]]) < 0.25


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 60), st.integers(1, 60), st.integers(2, 80), seeds)
def test_a_sample_holds_as_many_presences_as_fit_into_half_of_it(n_presences, n_others, most, seed):
    draw = np.random.default_rng(seed)
    n = n_presences + n_others
    y = draw.permutation(np.r_[np.ones(n_presences, int), np.zeros(n_others, int)])
    # the rows tell presences from others, and each from the next
    rows = np.column_stack([np.where(y == 1, 1000, 0) + np.arange(n)]).astype(np.float32)
    area, report = fit_area(rows, y, np.arange(n), np.ones(1), (), seed, most)
    assert report.n_points == min(n, most)
    kept = np.unique(np.round(area.points[0].astype(float) / area.scale[0] + area.centre[0]))
    assert len(kept) == report.n_points
    if n > most:
        assert (kept > 500).sum() == max(min(n_presences, most // 2), most - n_others)
    else:
        assert (kept > 500).sum() == n_presences


def test_fewer_rows_than_fit_are_all_kept():
    rows, y, fold = _world(1)
    one, two = (fit_area(rows, y, fold, WEIGHTS, (), seed, most=90)[0] for seed in (0, 1))
    np.testing.assert_array_equal(one.points, two.points)


def test_a_constant_predictor_counts_nothing():
    rows, y, fold = _world(0)
    rows[:, 2] = 7
    area, report = fit_area(rows, y, fold, WEIGHTS, (), 0)
    without_it, report_without = fit_area(rows[:, [0, 1, 3]], y, fold, WEIGHTS[[0, 1, 3]], (), 0)
    assert report.threshold == pytest.approx(report_without.threshold)
    row = rows[4] + np.array([0.3, 0.1, 900, 1], np.float32)
    assert area.locate(row)[0] == pytest.approx(without_it.locate(row[[0, 1, 3]])[0], rel=1e-4)


def test_folds_of_one_row_leave_out_one_row():
    rows, y, _ = _world(0, n=40)
    each = np.arange(40)
    area, report = fit_area(rows, y, each, WEIGHTS, (), 0)
    assert report.folds == 40
    assert area.threshold == pytest.approx(_whisker_by_hand(_training_index(rows, each, WEIGHTS)), rel=1e-6)


def test_two_rows_are_enough():
    rows = np.array([[0, 1], [2, 1]], np.float32)
    area, report = fit_area(rows, np.array([1, 0]), np.array([0, 1]), np.array([0.5, 0.5]), (), 0)
    # the only distance there is, is the mean one
    assert (area.threshold, report.training_inside) == (pytest.approx(1), 1)
    assert area.locate(np.array([1, 1], np.float32))[0] == pytest.approx(0.5)


def test_levels_alone_have_an_area():
    draw = np.random.default_rng(0)
    # two of four pairs of levels occur
    soil = draw.integers(0, 2, 80)
    rows = np.column_stack([soil, soil]).astype(np.float32)
    area, report = fit_area(rows, soil, np.arange(80) % 4, np.array([0.7, 0.3]), (0, 1), 0)
    assert (report.threshold, report.training_inside) == (0, 1)
    assert area.locate(np.array([1, 1], np.float32))[0] == 0
    [first, both] = (area.locate(np.array(row, np.float32))[0] for row in ([0, 1], [9, 9]))
    assert 0 < first < both
    assert (both / first) ** 2 == pytest.approx((0.7**2 + 0.3**2) / 0.3**2)


def test_rows_that_are_all_alike_have_an_area_of_one_point():
    rows = np.full((20, 3), [4, 5, 1], np.float32)
    area, report = fit_area(rows, np.arange(20) % 2, np.arange(20) % 2, np.full(3, 1 / 3), (2,), 0)
    assert (report.threshold, report.training_inside) == (0, 1)
    assert area.locate(rows[0])[0] == 0
    assert area.locate(np.array([4, 5, 0], np.float32))[0] > 0


def test_rows_that_are_there_twice_in_a_fold_change_no_threshold_but_by_the_mean():
    rows, y, fold = _world(2)
    twice = [np.concatenate([part, part]) for part in (rows, y, fold)]
    area, _ = fit_area(rows, y, fold, WEIGHTS, (), 0)
    doubled, _ = fit_area(*twice, WEIGHTS, (), 0)
    # a row and its double are 0 apart, which 2n - 1 partners in 2n - 2 do not see
    n = len(rows)
    assert doubled.threshold * (2 * n - 2) / (2 * n - 1) == pytest.approx(area.threshold, rel=1e-6)


def test_weights_of_nothing_leave_everything_inside():
    rows, y, fold = _world(0)
    area, report = fit_area(rows, y, fold, np.zeros(4), (), 0)
    assert (report.threshold, report.training_inside) == (0, 1)
    assert area.locate(np.full(4, 1e6, np.float32))[0] == 0


@pytest.mark.parametrize("parts", [(), ("maxent",), ("network",), ("maxent", "network")])
def test_mean_effects_are_shares_and_the_constant_predictor_has_none(parts):
    blend = without(fitted(0, categorical=False)[1], *parts)
    rows = group().rows
    shares = mean_effects(blend, rows, 0)
    assert shares.sum() == pytest.approx(1)
    assert (shares >= 0).all()
    assert shares[3] == pytest.approx(0, abs=1e-9)
    # the species follows the first predictor, its square the second
    assert shares[0] > 0.3


def test_mean_effects_follow_what_moves_the_score():
    """A forest of one split on the third predictor."""
    nodes, group_of_one = np.zeros(3, NODE), np.zeros(1, np.int32)
    nodes["feature"], nodes["threshold"], nodes["right"], nodes["value"] = (2, -1, -1), 0, (2, 0, 0), (0.5, 0.1, 0.9)
    stump = Blend(Forest.of_nodes(nodes, np.array([0, 3], np.int32), group_of_one))
    rows = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    np.testing.assert_allclose(mean_effects(stump, rows, 0), [0, 0, 1, 0])
    # a single leaf moves nothing
    leaf = Forest.of_nodes(nodes[1:2], np.array([0, 1], np.int32), group_of_one)
    np.testing.assert_allclose(mean_effects(Blend(leaf), rows, 0), np.full(4, 0.25))


def test_a_sample_of_many_rows_tells_the_mean_effects_and_is_repeated():
    blend = fitted()[1]
    draw = np.random.default_rng(0)
    rows = group().rows[draw.integers(0, 300, 3000)]
    first, again, other = (mean_effects(blend, rows, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    np.testing.assert_allclose(first, other, atol=0.05)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("kind", ["survey", "records"])
def test_a_trained_model_says_what_its_area_holds(request, kind):
    artifact = request.getfixturevalue(kind)
    card, area = artifact.card, artifact.predictor.gauge.area
    assert card.area.threshold == area.threshold
    assert 0.75 <= card.area.training_inside <= 1
    assert area.points.shape == (4, card.area.n_points)
    assert card.area.folds == card.validation.folds
    assert sum(card.importance.values()) == pytest.approx(1)
    # soil has no part in where the species lives
    assert min(card.importance, key=card.importance.get) == "soil"
    # the more a predictor matters, the further apart two places are by it: scale times spread is its weight
    weights = np.array([card.importance[p.name] for p in card.predictors[:3]])
    spread = np.array([area.points[j].std() for j in range(3)])
    np.testing.assert_allclose(spread / spread.sum(), weights / weights.sum(), rtol=1e-3)
    points = np.round((area.points[:3] / area.scale[:3, None] + area.centre[:3, None]), 3)
    assert points[2].min() >= card.predictors[2].minimum - 0.01
    assert points[2].max() <= card.predictors[2].maximum + 0.01
