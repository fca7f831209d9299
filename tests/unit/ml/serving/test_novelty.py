"""How unlike the training records conditions are: range by the paper, combination by brute force."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.serving.novelty import Area
from ml.training.area_of_applicability import fit_area
from tests.unit.ml.serving.novel import gauge_of, rows_of

seeds = st.integers(0, 10_000)


def _area(rows, weights, categorical=(), folds=3):
    fold = np.arange(len(rows)) % folds
    return fit_area(rows, fold % 2, fold, np.asarray(weights, float), categorical, 0)[0]


def _elsewhere(seed, rows, categorical=(), n=40):
    """Rows near to training rows, far from them and very far."""
    draw = np.random.default_rng(seed + 1)
    out = rows[draw.integers(0, len(rows), n)].astype(float)
    out += draw.normal(size=out.shape) * rows.std(axis=0) * draw.choice([0.01, 0.3, 2, 100], (n, 1))
    out[:, list(categorical)] = draw.integers(0, 4, (n, len(categorical)))
    return out.astype(np.float32)


def _index_by_hand(rows, weights, categorical, new):
    """Meyer & Pebesma 2021, every pair in double precision; different levels are √2 standard deviations apart."""
    rows, new = rows.astype(float), new.astype(float)

    def distances(one, other):
        total = np.zeros((len(one), len(other)))
        for j, weight in enumerate(weights):
            apart = np.subtract.outer(one[:, j], other[:, j])
            if j in categorical:
                total += weight**2 * 2 * (apart != 0)
            elif rows[:, j].std() > 0:
                total += weight**2 * (apart / rows[:, j].std()) ** 2
        return np.sqrt(total)

    pairs = distances(rows, rows)[np.triu_indices(len(rows), 1)]
    return distances(new, rows).min(axis=1) / pairs.mean()


@pytest.mark.parametrize("categorical", [(), (2,), (0, 1, 2, 3)])
@settings(max_examples=15, deadline=None)
@given(seed=seeds)
def test_the_index_is_that_of_brute_force(categorical, seed):
    rows = rows_of(seed, categorical=categorical)
    weights = np.random.default_rng(seed).dirichlet(np.ones(4)) * np.array([1, 1, 1, seed % 2])
    area = _area(rows, weights, categorical)
    new = _elsewhere(seed, rows, categorical)
    expected = _index_by_hand(rows, weights, categorical, new)
    found = [area.locate(row)[0] for row in new]
    assert found == pytest.approx(expected.tolist(), rel=1e-3, abs=1e-4)


@settings(max_examples=30, deadline=None)
@given(seed=seeds, categorical=st.sampled_from([(), (1,), (0, 3)]))
def test_a_training_row_has_index_0_and_is_inside(seed, categorical):
    rows = rows_of(seed, categorical=categorical)
    area = _area(rows, np.random.default_rng(seed).dirichlet(np.ones(4)), categorical)
    gauge = gauge_of(rows, area, categorical)
    for row in rows:
        found = gauge.measure(row, row)
        assert found.index == pytest.approx(0, abs=1e-3)
        assert (found.kind, found.inside, found.outside_range) == ("inside", True, [])
    assert gauge.near(rows).all()


@settings(max_examples=15, deadline=None)
@given(seeds)
def test_a_predictor_far_from_0_is_measured_as_well_as_it_is_known(seed):
    """Years, or metres of a map: the values are as exact as single precision makes them, and so is their distance."""
    draw = np.random.default_rng(seed)
    rows, new = (np.column_stack([2e4 + draw.normal(size=40), draw.normal(size=40)]).astype(np.float32) for _ in "ab")
    area = _area(rows, [0.6, 0.4])
    expected = _index_by_hand(rows, [0.6, 0.4], (), new)
    assert [area.locate(row)[0] for row in new] == pytest.approx(expected.tolist(), abs=1e-5)


def test_a_training_row_is_inside_where_every_record_was_made_twice():
    """Each row has its double in another fold, so the threshold is 0."""
    once = rows_of(3)
    rows = np.vstack([once, once])
    fold = np.repeat([0, 1], len(once))
    area, report = fit_area(rows, fold, fold, np.full(4, 0.25), (), 0)
    assert (area.threshold, report.training_inside) == (0, 1)
    assert gauge_of(rows, area).near(rows).all()


@settings(max_examples=30, deadline=None)
@given(st.floats(0.5, 1.6), st.sampled_from([-1, 1]), seeds)
def test_values_in_range_that_never_occur_together_are_a_combination(far, side, seed):
    """Two predictors rise together; one high beside the other low lies where no record is."""
    draw = np.random.default_rng(seed)
    a = draw.uniform(-2, 2, 120)
    rows = np.column_stack([a, a + draw.normal(scale=0.05, size=120)]).astype(np.float32)
    gauge = gauge_of(rows, _area(rows, [0.5, 0.5]))
    corner = np.array([far * side, -far * side], np.float32)
    found = gauge.measure(corner, corner)
    assert (found.kind, found.inside, found.outside_range) == ("combination", False, [])
    assert found.index > found.threshold
    assert found.mess > 0
    assert not gauge.near(corner[None])[0]
    along = np.array([far * side, far * side], np.float32)
    assert gauge.measure(along, along).index < found.index / 2


def test_a_combination_names_the_predictor_with_the_largest_part():
    """The nearest record differs in the second predictor only, though the first has the lower similarity."""
    rows = np.array([[x, y] for x in range(10) for y in (0, 1, 10)], np.float32)
    area = _area(rows, [0.5, 0.5], folds=4)
    row = np.array([0, 5], np.float32)
    found = gauge_of(rows, area).measure(row, row)
    assert (found.kind, found.most_dissimilar) == ("combination", "b")
    assert found.mess == pytest.approx(0)
    beyond = np.array([-1, 5], np.float32)
    assert gauge_of(rows, area).measure(beyond, beyond).most_dissimilar == "a"


def test_a_level_that_never_goes_with_such_values_counts_and_is_named():
    """Each soil has its own heights; the codes' distance has no meaning."""
    draw = np.random.default_rng(0)
    soil = np.repeat([0, 1, 2], 40)
    rows = np.column_stack([10 * soil + draw.uniform(-1, 1, 120), soil]).astype(np.float32)
    gauge = gauge_of(rows, _area(rows, [0.8, 0.2], (1,)), (1,))

    def index(height, level):
        row = np.array([height, level], np.float32)
        return gauge.measure(row, row)

    assert index(0, 0).kind == "inside"
    assert index(10, 0).kind == "combination"
    # one soil is as far from another as from any, known or not
    assert index(0, 1).index == pytest.approx(index(0, 2).index) == pytest.approx(index(0, 9).index)
    assert index(0, 1).most_dissimilar == "b"


@settings(max_examples=30, deadline=None)
@given(seeds, st.floats(-40, 40, width=32))
def test_a_predictor_without_weight_does_not_count_but_its_range_does(seed, value):
    rows = rows_of(seed)
    gauge = gauge_of(rows, _area(rows, [0.5, 0.3, 0.2, 0]))
    row = rows[seed % len(rows)].copy()
    own = gauge.measure(row, row)
    row[3] = rows[:, 3].mean() + value * rows[:, 3].std()
    moved = gauge.measure(row, row)
    assert moved.index == own.index
    within = rows[:, 3].min() <= row[3] <= rows[:, 3].max()
    assert moved.kind == ("inside" if within else "range")
    assert moved.inside == within


def test_without_an_area_nothing_is_said_beyond_the_range():
    rows = rows_of(1)
    gauge = gauge_of(rows)
    middle = np.median(rows, axis=0).astype(np.float32)
    found = gauge.measure(middle, middle)
    assert (found.kind, found.inside, found.index, found.threshold) == ("unknown", True, None, None)
    far = rows.max(axis=0) + 1
    assert (gauge.measure(far, far).kind, gauge.measure(far, far).inside) == ("range", False)
    # the dissimilarity of a row that is out of range is not known either
    assert gauge.near(np.stack([middle, far])).tolist() == [True, True]


@pytest.mark.parametrize("categorical", [(), (1,)])
@settings(max_examples=25, deadline=None)
@given(seed=seeds)
def test_many_rows_and_one_row_agree(categorical, seed):
    rows = rows_of(seed, categorical=categorical)
    gauge = gauge_of(rows, _area(rows, [0.4, 0.3, 0.2, 0.1], categorical), categorical)
    new = _elsewhere(seed, rows, categorical)
    near = gauge.near(new)
    assert gauge.measure_rows(new, new).inside.tolist() == [gauge.measure(row, row).inside for row in new]
    assert near.tolist() == [gauge.measure(row, row).index <= gauge.area.threshold for row in new]
    assert near[:0].shape == gauge.near(new[:0]).shape


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_the_order_of_rows_and_of_predictors_does_not_matter(seed):
    categorical, weights = (1,), np.array([0.4, 0.3, 0.2, 0.1])
    rows = rows_of(seed, categorical=categorical)
    new = _elsewhere(seed, rows, categorical)
    fold = np.arange(len(rows)) % 3
    draw = np.random.default_rng(seed)
    mixed, turned = draw.permutation(len(rows)), draw.permutation(4)
    place = (int(np.flatnonzero(turned == 1)[0]),)
    area, report = fit_area(rows, fold, fold, weights, categorical, 0)
    by_row, row_report = fit_area(rows[mixed], fold[mixed], fold[mixed], weights, categorical, 0)
    by_column, column_report = fit_area(rows[:, turned], fold, fold, weights[turned], place, 0)
    for other in (row_report, column_report):
        assert other.threshold == pytest.approx(report.threshold, rel=1e-9)
        assert other.training_inside == report.training_inside
    for row in new:
        index, largest = area.locate(row)
        assert by_row.locate(row)[0] == pytest.approx(index, rel=1e-4, abs=1e-5)
        again, also = by_column.locate(row[turned])
        assert again == pytest.approx(index, rel=1e-4, abs=1e-5)
        assert turned[also] == largest or index < 1e-3


def test_the_largest_part_by_hand():
    area = Area(
        points=np.array([[0, 3], [0, 3], [1, 2]], np.float32),
        scale=np.array([1, 2, 1], np.float32),
        centre=np.array([10, 0, 0], np.float32),
        penalty=np.array([0, 0, 5], np.float32),
        threshold=1.0,
    )
    # the first point lies 1, 4 and a level away; the second 2, 1 and a level
    assert area.locate(np.array([11, 2, 7], np.float32)) == (pytest.approx(np.sqrt(4 + 1 + 5)), 2)
    assert area.locate(np.array([11, 2, 2], np.float32)) == (pytest.approx(np.sqrt(4 + 1)), 0)
    assert area.locate(np.array([10, 0, 2], np.float32)) == (pytest.approx(np.sqrt(5)), 2)
