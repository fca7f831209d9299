"""Folds: every record once, both classes in each, and no block in two."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from ml.evaluation.splits import (
    SMALLEST_BLOCK_M,
    SpatialBlockFold,
    TooCloseError,
    block_ids,
    equal_area_metres,
    spatial_blocks,
    stratified_folds,
)
from ml.training.folds import choose_folds


def scattered(seed, n=300, share=0.3, lon=(-10, 20), lat=(30, 60)):
    rng = np.random.default_rng(seed)
    xy = np.column_stack([rng.uniform(*lon, n), rng.uniform(*lat, n)])
    y = (rng.random(n) < share).astype(int)
    y[:2] = 0, 1
    return xy, y


@given(st.lists(st.integers(0, 1), min_size=4, max_size=120), st.integers(2, 8), st.integers(0, 99))
def test_stratified_folds_share_out_both_classes(labels, n_folds, seed):
    y = np.array(labels)
    smaller = min(y.sum(), (1 - y).sum())
    if smaller < 2:
        with pytest.raises(ValueError, match="at least 2 folds"):
            stratified_folds(y, n_folds, seed)
        return
    fold = stratified_folds(y, n_folds, seed)
    made = min(n_folds, smaller)
    assert set(fold) == set(range(made))
    for value in (0, 1):
        counts = np.bincount(fold[y == value], minlength=made)
        assert counts.min() >= 1
        assert np.ptp(counts) <= 1
    assert (fold == stratified_folds(y, n_folds, seed)).all()


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 6), st.sampled_from([0.05, 0.3, 0.8]))
def test_no_block_spans_two_folds(seed, n_folds, share):
    xy, y = scattered(seed, share=share)
    fold, size_km = spatial_blocks(xy, y, n_folds, seed)
    block = block_ids(equal_area_metres(xy), size_km * 1000)
    for b in np.unique(block):
        assert np.unique(fold[block == b]).size == 1
    for k in range(fold.max() + 1):
        assert set(y[fold == k]) == {0, 1}
    assert fold.max() + 1 <= n_folds


def test_enough_blocks_and_even_folds():
    xy, y = scattered(0, n=2000)
    fold, size_km = spatial_blocks(xy, y, 5, 0)
    block = block_ids(equal_area_metres(xy), size_km * 1000)
    assert np.unique(block[y == 1]).size >= 20
    for value in (0, 1):
        counts = np.bincount(fold[y == value])
        assert counts.size == 5
        assert counts.max() < 1.5 * counts.min()


def test_a_full_turn_and_the_antimeridian_change_nothing():
    xy, y = scattered(1, lon=(150, 230), lat=(-30, 30))
    fold, size = spatial_blocks(xy, y)
    wrapped = np.column_stack([(xy[:, 0] + 180) % 360 - 180, xy[:, 1]])
    assert wrapped[:, 0].min() < 0 < wrapped[:, 0].max()
    again, size_again = spatial_blocks(wrapped, y)
    assert size == size_again
    assert (fold == again).all()


def test_projection_keeps_areas_and_neighbours():
    degree = 111_195.0
    square = equal_area_metres([[179.5, 0.5], [-179.5, 0.5], [179.5, -0.5], [-179.5, -0.5]])
    assert np.ptp(square, axis=0) == pytest.approx([degree, degree], rel=1e-3)
    # a box near 60° N keeps its true area although its sides are stretched
    box = equal_area_metres([[0, 59], [2, 59], [0, 61], [2, 61]])
    true = np.radians(2) * 6_371_007.2**2 * (np.sin(np.radians(61)) - np.sin(np.radians(59)))
    assert np.prod(np.ptp(box, axis=0)) == pytest.approx(true, rel=1e-6)


def test_projected_coordinates_and_a_given_block_size():
    rng = np.random.default_rng(0)
    xy = rng.uniform(0, 100_000, (400, 2))
    y = np.tile([0, 1], 200)
    fold, size_km = spatial_blocks(xy, y, 4, 0, block_size=10_000, geographic=False)
    assert size_km == 10
    assert set(fold) == {0, 1, 2, 3}


@pytest.mark.parametrize(
    ("xy", "y", "message"),
    [
        ([[0, 0], [1, 1]], [1, 1], "both presences"),
        ([[0, 0], [1, np.nan]], [0, 1], "NaN"),
        ([[0, 0, 0], [1, 1, 1]], [0, 1], "shape"),
        ([[0, 0], [0, 0], [5, 5]], [1, 1, 0], "lie within 0 m"),
        ([[0, 0], [500_000, 4_000_000]], [0, 1], "projected"),
    ],
)
def test_useless_places_are_refused(xy, y, message):
    with pytest.raises(ValueError, match=message):
        spatial_blocks(xy, y)


def test_splitter_speaks_scikit_learn():
    xy, y = scattered(2)
    splitter = SpatialBlockFold(n_splits=4, random_state=3)
    assert splitter.get_n_splits() == 4
    tests = []
    for train, test in splitter.split(xy, y, groups=xy):
        assert not set(train) & set(test)
        assert train.size + test.size == len(y)
        tests.append(test)
    assert sorted(np.concatenate(tests)) == list(range(len(y)))


@pytest.mark.parametrize("geographic", [True, False])
def test_presences_within_metres_get_random_folds(geographic):
    draw = np.random.default_rng(3)
    unit = 1e-5 if geographic else 1.0
    places = np.concatenate([draw.uniform(0, unit, (20, 2)), draw.uniform(-1e4 * unit, 1e4 * unit, (200, 2))])
    y = np.repeat([1, 0], [20, 200])
    fold, validation = choose_folds(places + 10, y, 5, 0, geographic)
    assert validation.method == "stratified"
    assert "too close together" in validation.note
    assert all(y[fold == f].sum() > 0 for f in range(5))


def test_blocks_are_not_smaller_than_positions_are_wrong():
    draw = np.random.default_rng(3)
    places = np.concatenate([draw.uniform(0, 1500, (40, 2)), draw.uniform(0, 5000, (200, 2))])
    _, validation = choose_folds(places, np.repeat([1, 0], [40, 200]), 5, 0, geographic=False)
    assert validation.method == "spatial blocks"
    assert validation.block_size_km >= SMALLEST_BLOCK_M / 1000


METRES_A_DEGREE = 6_371_007.2 * np.pi / 180


def among_the_world(presences):
    """Return presences with a background of the whole world."""
    rng = np.random.default_rng(0)
    background = np.column_stack([rng.uniform(-179, 179, 4000), rng.uniform(-60, 60, 4000)])
    return np.concatenate([presences, background]), np.repeat([1, 0], [len(presences), 4000])


@pytest.mark.parametrize("latitude", [0.0, -60.0, 60.0, 80.0])
def test_blocks_are_not_below_the_limit_on_the_ground(latitude):
    # 30 places on a parallel, 3 km from the first to the last
    degrees = 3_000 / (METRES_A_DEGREE * np.cos(np.radians(latitude)))
    presences = np.column_stack([np.linspace(10, 10 + degrees, 30), np.full(30, latitude)])
    xy, y = among_the_world(presences)
    _, size_km = spatial_blocks(xy, y)
    map_width = np.ptp(equal_area_metres(xy)[y == 1, 0])
    narrowing = map_width / 3_000
    ground = np.array([1 / narrowing, narrowing]) * size_km * 1000
    assert ground.min() >= SMALLEST_BLOCK_M * 0.999
    assert ground.prod() == pytest.approx((size_km * 1000) ** 2)
    with pytest.raises(ValueError, match="block_size must be at least"):
        spatial_blocks(xy, y, block_size=99.0 * max(narrowing, 1 / narrowing))


@pytest.mark.parametrize("direction", [0, 1])
def test_presences_close_together_on_the_ground_are_refused_where_the_map_is_stretched(direction):
    # 170 m at 60° N: a degree of longitude is half as wide there as at the equator
    presences = np.tile([10.0, 60.0], (20, 1))
    degrees = 170 / METRES_A_DEGREE * (2 if direction == 0 else 1)
    presences[:, direction] += np.linspace(0, degrees, 20)
    with pytest.raises(TooCloseError, match="lie within 170 m"):
        spatial_blocks(*among_the_world(presences))


def test_presences_round_a_pole_are_close_together():
    # 0.0003 degrees are 33 m
    presences = np.column_stack([np.linspace(-180, 162, 20), np.full(20, 89.9997)])
    with pytest.raises(TooCloseError):
        spatial_blocks(*among_the_world(presences))


def test_one_presence_at_a_pole_does_not_prevent_blocks():
    xy, y = scattered(4)
    xy[np.flatnonzero(y)[0]] = 0, 90
    fold, _ = spatial_blocks(xy, y)
    assert fold.max() == 4


@pytest.mark.parametrize("size", [0.0, -1.0, 0.01, 99.9, np.nan])
def test_a_block_size_below_the_limit_is_refused(size):
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="block_size must be at least 100 m"):
        spatial_blocks(rng.uniform(0, 100_000, (40, 2)), np.tile([0, 1], 20), block_size=size, geographic=False)


@pytest.mark.parametrize("n", [15, 20, 30, 50])
def test_neighbours_of_few_presences_are_mostly_in_one_fold(n):
    together = []
    for seed in range(10):
        draw = np.random.default_rng(seed)
        xy = np.vstack([draw.uniform(0, 5, (n, 2)), draw.uniform(0, 5, (500, 2))]) + np.array([8.0, 45.0])
        fold, _ = spatial_blocks(xy, np.repeat([1, 0], [n, 500]), 5, seed)
        nearest = cKDTree(xy[:n]).query(xy[:n], 2)[1][:, 1]
        together.append((fold[:n][nearest] == fold[:n]).mean())
    # random folds have a fifth of them together
    assert np.mean(together) > 0.55
