"""The walk of many rows and the search for their nearest points: equal to those of single rows to the bit."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.kernels.distances import nearest_points
from ml.kernels.logit import calibrate_scores
from ml.kernels.trees import walk_rows, walk_variance
from ml.serving import forest as forest_module
from ml.serving.blend import Blend
from ml.serving.forest import Forest
from tests.unit.ml.serving.test_forest import N_PREDICTORS, _nodes


def _one_row_at_a_time(forest, rows):
    share, variance = np.empty(len(rows)), np.empty(len(rows))
    arrays = (forest.splits, forest.shares, forest.leaves, forest.starts, forest.half_sample, forest.half_sample_sizes)
    walk_variance(*arrays, rows, share, variance)
    only_share = np.empty(len(rows))
    walk_rows(forest.splits, forest.shares, forest.leaves, forest.starts, rows, only_share)
    return share, variance, only_share


@pytest.mark.thorough
@settings(max_examples=40, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 60), min_size=1, max_size=30),
    n=st.sampled_from([0, 1, 2, 9, 255, 256, 1025, 2**14 - 1, 2**14, 2**14 + 1]),
    seed=st.integers(0, 10_000),
    large=st.booleans(),
)
def test_rows_reach_the_leaves_that_they_reach_one_by_one(sizes, n, seed, large):
    draw = np.random.default_rng(seed)
    half_sample = draw.integers(0, 3, len(sizes)).astype(np.int32)
    half_sample[: min(3, len(sizes))] = np.arange(min(3, len(sizes)))  # no half sample without a tree
    forest = Forest.of_nodes(*_nodes(sizes, seed), half_sample)
    rows = draw.normal(size=(n, N_PREDICTORS)).astype(np.float32)
    rows[::5] = 0.0  # equal rows
    at_thresholds = forest.splits["threshold"][: len(rows[1::5])]
    rows[1::5][: len(at_thresholds), 0] = at_thresholds
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(forest_module, "_FEW_ROWS", 0)
        patch.setattr(forest_module, "MOST_NODES", 1 if large else 2**16)
        share, variance = forest.shares_and_variances(rows)
        only_share = forest.shares_of(rows)
    expected = _one_row_at_a_time(forest, rows)
    np.testing.assert_array_equal(share, expected[0])
    np.testing.assert_array_equal(variance, expected[1])
    np.testing.assert_array_equal(only_share, expected[2])


def test_a_tree_with_more_nodes_than_two_bytes_count():
    n_splits = 2**15 + 50
    nodes = np.zeros(2 * n_splits + 1, forest_module.NODE)
    # a chain: each left child is a leaf, each right child the next split
    nodes["feature"][0:-1:2], nodes["feature"][1::2], nodes["feature"][-1] = 0, -1, -1
    nodes["threshold"][0:-1:2] = np.arange(n_splits)
    nodes["right"][0:-1:2] = np.arange(2, 2 * n_splits + 1, 2)
    nodes["value"] = np.linspace(0, 1, len(nodes))
    forest = Forest.of_nodes(nodes, np.array([0, len(nodes)], np.int32), np.zeros(1, np.int32))
    rows = np.array([[-1.0], [5.0], [n_splits - 1.0], [n_splits]] * 64, np.float32)
    expected = np.array([nodes["value"][1], nodes["value"][11], nodes["value"][-2], nodes["value"][-1]])
    np.testing.assert_array_equal(forest.shares_of(rows)[:4], expected)


@pytest.mark.parametrize("n_points", [1, 511, 512, 513, 1300])
def test_the_nearest_point_and_the_predictor_that_differs_most(n_points):
    draw = np.random.default_rng(n_points)
    points = draw.normal(size=(4, n_points)).astype(np.float32)
    points[2] = draw.integers(0, 3, n_points)
    points[:, n_points // 2] = points[:, 0]  # two equally near points
    penalty = np.array([0, 0, 1.5, 0], np.float32)
    rows = draw.normal(size=(200, 4)).astype(np.float32)
    rows[:, 2] = draw.integers(0, 4, 200)
    rows[0] = points[:, 0]
    squared, largest = np.empty(200, np.float32), np.empty(200, np.int16)
    nearest_points(points, penalty, rows, squared, largest)
    for r, row in enumerate(rows):
        parts = (points - row[:, None]).astype(np.float64) ** 2
        parts[2] = 1.5 * (points[2] != row[2])
        distance = parts.sum(axis=0)
        assert squared[r] == pytest.approx(distance.min(), rel=1e-5, abs=1e-12)
        nearest = parts[:, int(distance.argmin())]
        assert nearest[largest[r]] == pytest.approx(nearest.max(), rel=1e-5, abs=1e-12)
    assert (squared[0], largest[0]) == (0, 0)


def test_suitabilities_of_many_scores_are_those_of_single_scores():
    draw = np.random.default_rng(0)
    scores = np.concatenate([draw.normal(0, 6, 50_000), [0.0, -0.0, 1e6, -1e6, np.inf, -np.inf]])
    suitability = np.empty(len(scores))
    calibrate_scores(scores, 0.3, 1.1, suitability)
    expected = [1 / (1 + math.exp(-min(max(0.3 + 1.1 * x, -700.0), 700.0))) for x in scores.tolist()]
    np.testing.assert_array_equal(suitability, expected)
    blend = Blend(Forest.of_nodes(*_nodes([3], 0), np.zeros(1, np.int32)), intercept=0.3, slope=1.1)
    assert [blend.suitability_at(x) for x in scores[:100].tolist()] == expected[:100]
