"""The smallest change that crosses the threshold: by trying thousands of values, and on models worked out by hand."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ml.card import Predictor, Threshold
from ml.kernels.trees import LEAF, NODE, walk_rows
from ml.serving.blend import Blend
from ml.serving.changes import smallest_change
from ml.serving.forest import Forest
from ml.serving.novelty import Area
from ml.serving.predictor import FastPredictor
from ml.serving.threshold import Cutoff

N = 2001
# How far the value that is told may lie beyond the crossing.
ROUNDING = 0.01


def cut(value):
    return Cutoff(value, "own", None, None)


def measure(model, table):
    """The measures of a table of natural values."""
    return model.measure_rows(model.encoder.natural_rows(table), model.encoder.encode_rows(table))


def by_brute_force(model, row, threshold):
    """The smallest share of the range, over continuous predictors, that crosses and is inside; None without one."""
    side = model.answer(row).suitability >= threshold
    best = None
    for j, predictor in enumerate(model.card.predictors):
        if predictor.type == "categorical":
            continue
        low, high = float(model.reference[j][0]), float(model.reference[j][-1])
        values = np.linspace(low, high, N)
        table = np.array([row] * N, object)
        table[:, j] = values
        result = measure(model, table)
        crossed = ((result.suitability >= threshold) != side) & result.inside
        if crossed.any():
            size = np.abs(values[crossed] - row[j]).min() / (high - low)
            best = size if best is None else min(best, size)
    return best


def check(model, row, threshold, change):
    """What is told is true: one value within its range, the other side, inside."""
    names = [p.name for p in model.card.predictors]
    j = names.index(change.predictor)
    assert row[j] == change.now != change.needed
    changed = [change.needed if i == j else value for i, value in enumerate(row)]
    answer = model.answer(changed)
    assert answer.suitability == change.suitability
    assert (answer.suitability >= threshold) != (model.answer(row).suitability >= threshold)
    assert answer.novelty.inside
    if model.card.predictors[j].type == "continuous":
        low, high = float(model.reference[j][0]), float(model.reference[j][-1])
        assert low <= np.float32(change.needed) <= high
        assert change.size == pytest.approx(abs(change.needed - change.now) / (high - low))
    else:
        assert change.size == 1
    return answer


def site(draw):
    return [
        round(float(draw.uniform(0, 90)), 1),
        round(float(draw.uniform(0, 100)), 1),
        round(float(draw.normal(14, 4)), 2),
        str(draw.choice(["chalk", "clay", "sand"])),
    ]


@pytest.mark.parametrize("kind", ["survey", "records"])
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**6))
def test_the_change_crosses_is_inside_and_is_as_small_as_brute_force_finds(request, kind, seed):
    artifact = request.getfixturevalue(kind)
    model, draw = artifact.predictor, np.random.default_rng(seed)
    row, threshold = site(draw), float(draw.uniform(0.05, 0.95))
    change = smallest_change(model, row, cut(threshold))
    if not model.answer(row).novelty.inside:
        assert change is None
        return
    expected = by_brute_force(model, row, threshold)
    if change is None:
        assert expected is None
        return
    check(model, row, threshold, change)
    if change.predictor == "soil":
        assert expected is None
    elif expected is not None:
        # it may be smaller: windows between two values of brute force are found too
        assert change.size <= expected + ROUNDING


class _Card:
    threshold_rule = "maxSSS"
    interval = None

    def __init__(self, predictors):
        self.predictors = predictors
        self.thresholds = {"maxSSS": Threshold(value=0.5, sensitivity=1, specificity=1)}


def steps(feature, *parts):
    """A tree of one predictor: pairs of the largest value of a step and its share of presences."""
    nodes = []
    for k, (end, share) in enumerate(parts[:-1]):
        nodes += [(feature, end, 2 * k + 2, 0.5), (LEAF, 0, 0, share)]
    return [*nodes, (LEAF, 0, 0, parts[-1][1])]


def model_of(trees, ranges, levels=None, area=None):
    """A forest of these trees; a range of None is a categorical predictor."""
    nodes, roots = [], [0]
    for tree in trees:
        nodes += [(f, end, right + roots[-1] if f != LEAF else 0, share) for f, end, right, share in tree]
        roots.append(len(nodes))
    forest = Forest.of_nodes(
        np.array(nodes, NODE), np.array(roots, np.int32), np.arange(len(trees), dtype=np.int32), len(ranges)
    )
    predictors = [
        Predictor(name=f"x{j}", label=f"X{j}", minimum=ends[0], maximum=ends[1])
        if ends
        else Predictor(name=f"x{j}", label=f"X{j}", type="categorical", levels=levels)
        for j, ends in enumerate(ranges)
    ]
    reference = [np.linspace(*ends, 50, dtype=np.float32) if ends else np.empty(0, np.float32) for ends in ranges]
    return FastPredictor(_Card(predictors), Blend(forest, share_limit=1e-12), reference, area)


#: Suitable between 3 and 5 alone.
WINDOW = steps(0, (3, 0.2), (5, 0.9), (10, 0.1))


@pytest.mark.parametrize(
    ("now", "needed"),
    # from 3 on it is not suitable yet, and 5 still is
    [(0.0, 3.1), (9.0, 5.0), (2.96, 3.1), (5.02, 5.0), (3.0, 3.1), (10.0, 5.0), (4.0, 3.0), (4.5, 5.1)],
)
def test_a_window_is_reached_and_left_on_its_nearer_side(now, needed):
    model = model_of([WINDOW], [(0, 10)])
    change = smallest_change(model, [now], cut(0.5))
    assert (change.predictor, change.now, change.needed) == ("x0", now, needed)
    assert change.size == pytest.approx(abs(needed - now) / 10)
    check(model, [now], 0.5, change)


def test_size_is_a_share_of_the_training_range():
    """200 of 1,000 is less than 3 of 10; half of the trees reach the threshold by either predictor."""
    model = model_of([WINDOW, steps(1, (200, 0.2), (1000, 0.9))], [(0, 10), (0, 1000)])
    change = smallest_change(model, [0.0, 0.0], cut(0.5))
    assert (change.predictor, change.needed, change.size) == ("x1", 210, pytest.approx(0.21))
    assert change.suitability == pytest.approx(0.55)
    change = smallest_change(model, [1.5, 0.0], cut(0.5))
    assert (change.predictor, change.needed, change.size) == ("x0", 3.1, pytest.approx(0.16))


def test_a_change_that_leaves_the_area_of_applicability_is_not_told():
    """Records lie along both axes, so x1 may change while x0 is 0, but only up to 500."""
    points = np.array([[0, 2, 4, 6, 0, 0], [0, 0, 0, 0, 250, 500]], np.float32)
    scale, centre = np.array([1, 0.01], np.float32), np.zeros(2, np.float32)
    area = Area(points * scale[:, None], scale, centre, np.zeros(2, np.float32), 1.3)
    trees = [WINDOW, steps(1, (700, 0.2), (1000, 0.9))]
    model = model_of(trees, [(0, 10), (0, 1000)], area=area)
    change = smallest_change(model, [0.0, 600.0], cut(0.5))
    # from 600 the nearest crossing is at 700, beyond 500 by more than the threshold
    assert change is None
    change = smallest_change(model, [0.0, 0.0], cut(0.5))
    assert (change.predictor, change.needed) == ("x0", 3.1)
    # without the area both would do
    free = model_of(trees, [(0, 10), (0, 1000)])
    assert smallest_change(free, [0.0, 600.0], cut(0.5)).needed == 710
    # conditions that are outside are not explained
    assert smallest_change(model, [0.0, 900.0], cut(0.5)) is None
    assert smallest_change(free, [11.0, 0.0], cut(0.5)) is None


def test_another_level_is_the_last_resort_and_the_one_farthest_from_the_threshold():
    levels = ["chalk", "clay", "sand"]
    soil = steps(1, (0, 0.1), (1, 0.6), (2, 0.9))
    model = model_of([soil], [(0, 10), None], levels)
    change = smallest_change(model, [5.0, "chalk"], cut(0.5))
    assert (change.predictor, change.now, change.needed, change.size) == ("x1", "chalk", "sand", 1)
    assert change.suitability == pytest.approx(0.9)
    change = smallest_change(model, [5.0, "sand"], cut(0.7))
    assert (change.needed, change.suitability) == ("chalk", pytest.approx(0.1))
    # however far a number has to move, it comes before another level
    both = model_of([soil, steps(0, (9.8, 0.1), (10, 1))], [(0, 10), None], levels)
    change = smallest_change(both, [0.0, "chalk"], cut(0.5))
    assert (change.predictor, change.needed) == ("x0", 9.9)


def test_a_crossing_at_the_end_of_the_range_is_told_as_that_end():
    highest = np.float32(0.1)
    below = np.nextafter(highest, np.float32(0))
    model = model_of([steps(0, (below, 0.1), (1, 0.9))], [(0, highest)])
    change = smallest_change(model, [0.05], cut(0.5))
    assert change.needed == 0.1
    check(model, [0.05], 0.5, change)


@pytest.mark.parametrize("threshold", [0.0, 0.05, 0.95, 1.0])
def test_nothing_is_told_where_no_single_condition_crosses(threshold):
    model = model_of([WINDOW], [(0, 10)])
    assert smallest_change(model, [0.0], cut(threshold)) is None


def test_a_constant_predictor_cannot_change():
    model = model_of([WINDOW, steps(1, (5, 0.2), (10, 1))], [(0, 10), (5, 5)])
    assert smallest_change(model, [6.0, 5.0], cut(0.5)).predictor == "x0"


def test_the_order_of_predictors_does_not_matter():
    trees = [WINDOW, steps(1, (200, 0.2), (1000, 0.9))]
    turned = [steps(1, (3, 0.2), (5, 0.9), (10, 0.1)), steps(0, (200, 0.2), (1000, 0.9))]
    one, two = model_of(trees, [(0, 10), (0, 1000)]), model_of(turned, [(0, 1000), (0, 10)])
    for x, z in ((0.0, 0.0), (1.5, 0.0), (4.0, 500.0), (9.0, 10.0)):
        first, second = smallest_change(one, [x, z], cut(0.5)), smallest_change(two, [z, x], cut(0.5))
        assert (first.needed, first.size, first.suitability) == (second.needed, second.size, second.suitability)


@pytest.mark.parametrize("kind", ["survey", "records"])
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**6))
def test_the_steps_of_a_forest_are_its_shares_at_every_value(request, kind, seed):
    model, draw = request.getfixturevalue(kind).predictor, np.random.default_rng(seed)
    forest, row = model.blend.forest, model.encoder.encode_row(site(draw))
    for j in range(3):
        low, high = model.encoder.encode_column(j, [float(model.reference[j][0]), float(model.reference[j][-1])])
        at, share = forest.steps(row, j, low, high)
        assert len(share) == len(at) + 1
        assert (np.diff(at) >= 0).all()
        # on both sides of every step, at the ends and between
        values = np.concatenate([at, np.nextafter(at, np.float32(np.inf)), np.linspace(low, high, 99), [low, high]])
        rows = np.repeat(row[None], len(values), axis=0)
        rows[:, j] = values
        expected = np.empty(len(rows))
        walk_rows(forest.splits, forest.shares, forest.leaves, forest.starts, rows, expected)
        np.testing.assert_allclose(share[np.searchsorted(at, rows[:, j], side="left")], expected, atol=1e-12)


@pytest.mark.parametrize("kind", ["survey", "records"])
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**6))
def test_the_reach_of_the_area_is_where_rows_are_near(request, kind, seed):
    model, draw = request.getfixturevalue(kind).predictor, np.random.default_rng(seed)
    area, row = model.gauge.area, model.encoder.encode_row(site(draw))
    for j in range(3):
        low, high = model.encoder.encode_column(j, [float(model.reference[j][0]), float(model.reference[j][-1])])
        values = np.linspace(low, high, 801, dtype=np.float32)
        rows = np.repeat(row[None], len(values), axis=0)
        rows[:, j] = values
        intervals = area.reach(row, j)
        assert (np.diff(intervals.ravel()) >= 0).all()
        inside = ((values[:, None] >= intervals[:, 0]) & (values[:, None] <= intervals[:, 1])).any(axis=1)
        # at an end, rounding decides
        clear = (np.abs(values[:, None, None] - intervals) > 1e-4).all(axis=(1, 2))
        np.testing.assert_array_equal(inside[clear], model.gauge.near(rows)[clear])


def test_a_predictor_without_weight_reaches_everywhere():
    points = np.array([[0, 1], [0, 0]], np.float32)
    scale = np.array([1, 0], np.float32)
    area = Area(points, scale, np.zeros(2, np.float32), np.zeros(2, np.float32), 0.5)
    assert area.reach(np.array([0.2, 3], np.float32), 1).tolist() == [[-np.inf, np.inf]]
    assert area.reach(np.array([7, 3], np.float32), 1).tolist() == []
    # the points allow 0 to 0.5 and 0.5 to 1.5, which meet
    assert area.reach(np.array([7, 3], np.float32), 0).tolist() == [[-0.5, 1.5]]
