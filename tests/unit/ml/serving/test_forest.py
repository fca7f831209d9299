"""A forest as it is walked: the nodes that are stored, in half the memory, and nothing that is not a tree."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.kernels.trees import LEAF, NODE, SPLIT, walk_one, walk_rows, walk_variance
from ml.serving.forest import MOST_SPLITS, Forest

N_PREDICTORS = 3


def _tree(draw, n_splits):
    """Nodes of a random tree, depth first."""
    if n_splits == 0:
        return [(LEAF, 0, 0, draw.random())]
    left = _tree(draw, int(draw.integers(n_splits)))
    right = _tree(draw, n_splits - 1 - len(left) // 2)
    shifted = [
        [(f, t, r + at if f >= 0 else 0, v) for f, t, r, v in side] for at, side in ((1, left), (1 + len(left), right))
    ]
    split = (int(draw.integers(N_PREDICTORS)), draw.normal(), 1 + len(left), draw.random())
    return [split, *shifted[0], *shifted[1]]


def _nodes(sizes, seed):
    """Nodes and roots of trees with so many splits."""
    draw = np.random.default_rng(seed)
    roots, pieces = [0], []
    for size in sizes:
        tree = np.array(_tree(draw, size), NODE)
        tree["right"][tree["feature"] >= 0] += roots[-1]
        pieces.append(tree)
        roots.append(roots[-1] + len(tree))
    return np.concatenate(pieces), np.array(roots, np.int32)


def _path(nodes, i, row):
    """The nodes that a row passes, from the root to its leaf."""
    passed = [i]
    while nodes[i]["feature"] >= 0:
        i = i + 1 if row[nodes[i]["feature"]] <= nodes[i]["threshold"] else nodes[i]["right"]
        passed.append(i)
    return passed


SIZES = st.lists(st.integers(0, 40), min_size=1, max_size=12)


@settings(max_examples=60, deadline=None)
@given(SIZES, st.integers(0, 10_000))
def test_nodes_come_back_as_they_were_and_every_walk_ends_where_theirs_does(sizes, seed):
    nodes, roots = _nodes(sizes, seed)
    group = np.arange(len(sizes), dtype=np.int32)
    forest = Forest.of_nodes(nodes, roots, group)
    again, roots_again = forest.as_nodes()
    np.testing.assert_array_equal(again, nodes)
    np.testing.assert_array_equal(roots_again, roots)

    rows = np.random.default_rng(seed).normal(size=(8, N_PREDICTORS)).astype(np.float32)
    paths = [[_path(nodes, root, row) for root in roots[:-1]] for row in rows]
    leaves = np.array([[nodes[path[-1]]["value"] for path in row] for row in paths], np.float64)
    share, share_too, variance = (np.empty(len(rows)) for _ in range(3))
    walk_rows(forest.splits, forest.shares, forest.leaves, forest.starts, rows, share)
    arrays = (forest.splits, forest.shares, forest.leaves, forest.starts, group, forest.half_sample_sizes)
    walk_variance(*arrays, rows, share_too, variance)
    np.testing.assert_allclose(share, leaves.mean(axis=1), rtol=1e-12)
    np.testing.assert_array_equal(share, share_too)

    effects, sums, squares = np.zeros(N_PREDICTORS), np.zeros(len(sizes)), np.zeros(len(sizes))
    arrays = (forest.splits, forest.shares, forest.values, forest.leaves, forest.starts, group)
    total, base = walk_one(*arrays, rows[0], effects, sums, squares)
    expected = np.zeros(N_PREDICTORS)
    for path in paths[0]:
        for here, following in pairwise(path):
            expected[nodes[here]["feature"]] += float(nodes[following]["value"]) - float(nodes[here]["value"])
    np.testing.assert_allclose(effects, expected, atol=1e-12)
    np.testing.assert_array_equal(sums, leaves[0])
    assert total == pytest.approx(leaves[0].sum())
    assert base == pytest.approx(nodes["value"][roots[:-1]].astype(float).sum())


def test_it_takes_little_more_than_a_third_of_the_memory_of_its_nodes():
    """Each share is of a few records, so that many nodes have the same."""
    nodes, roots = _nodes([60] * 50, 0)
    nodes["value"] = np.round(nodes["value"] * 99) / 99
    forest = Forest.of_nodes(nodes, roots, np.zeros(50, np.int32))
    assert len(forest.shares) == 100 == len(set(nodes["value"].tolist()))
    assert SPLIT.itemsize == 8
    assert (
        forest.shares.nbytes + forest.splits.nbytes + forest.values.nbytes + forest.leaves.nbytes < 0.4 * nodes.nbytes
    )


@pytest.mark.parametrize(("n_splits", "size"), [(2**15 - 1, 2), (2**15, 4)])
def test_more_shares_than_two_bytes_can_number_are_numbered_by_four(n_splits, size):
    nodes = _chain(n_splits)
    forest = _forest_of(nodes)
    assert len(forest.shares) == len(nodes)
    assert forest.values.itemsize == forest.leaves.itemsize == size
    np.testing.assert_array_equal(forest.as_nodes()[0], nodes)
    # every threshold is 0: below it to the first leaf, above it to the last
    ends, row = np.empty(2), np.array([[-1], [1]], np.float32)
    walk_rows(forest.splits, forest.shares, forest.leaves, forest.starts, row, ends)
    assert ends.tolist() == [nodes["value"][1], nodes["value"][-1]]


def _forest_of(nodes):
    return Forest.of_nodes(nodes, np.array([0, len(nodes)], np.int32), np.zeros(1, np.int32), N_PREDICTORS)


@pytest.mark.parametrize(
    ("features", "rights"),
    [
        # the right child is one that the left side has already
        ((0, 0, LEAF, LEAF, LEAF), (3, 3, 0, 0, 0)),
        # a node that no walk comes to, between the sides and at the end
        ((0, LEAF, LEAF, LEAF), (3, 0, 0, 0)),
        ((0, LEAF, LEAF, LEAF), (2, 0, 0, 0)),
        ((LEAF, LEAF), (0, 0)),
        ((0, LEAF, LEAF, LEAF, LEAF), (2, 0, 0, 0, 0)),
        # a split without children, or without a right one
        ((0,), (1,)),
        ((LEAF, LEAF, 0), (0, 0, 4)),
        ((0, 0, LEAF), (2, 3, 0)),
        # splits and leaves in another proportion
        ((0, 0, 0), (2, 2, 3)),
        ((LEAF, LEAF, LEAF), (0, 0, 0)),
        # predictors that do not exist
        ((-2, LEAF, LEAF), (2, 0, 0)),
        ((N_PREDICTORS, LEAF, LEAF), (2, 0, 0)),
    ],
)
def test_nodes_that_are_no_tree_in_depth_first_order_are_refused(features, rights):
    nodes = np.zeros(len(features), NODE)
    nodes["feature"], nodes["right"] = features, rights
    with pytest.raises(ValueError, match="not trees"):
        _forest_of(nodes)


@pytest.mark.parametrize(
    ("field", "value"),
    [("threshold", np.nan), ("threshold", np.inf), ("value", np.nan), ("value", -0.1), ("value", 1.1)],
)
def test_a_number_that_cannot_be_is_refused(field, value):
    nodes = _chain(1)
    _forest_of(nodes)
    nodes[field][0] = value
    with pytest.raises(ValueError, match="not trees"):
        _forest_of(nodes)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(-2, 3), st.integers(-3, 12)), min_size=1, max_size=9), st.data())
def test_whatever_the_nodes_say_they_are_refused_or_come_back(given_nodes, data):
    nodes = np.zeros(len(given_nodes), NODE)
    nodes["feature"], nodes["right"] = np.array(given_nodes).T
    cuts = data.draw(st.sets(st.integers(1, len(nodes)), max_size=3)) - {len(nodes)}
    roots = np.array([0, *sorted(cuts), len(nodes)], np.int32)
    group = np.zeros(len(roots) - 1, np.int32)
    try:
        forest = Forest.of_nodes(nodes, roots, group, N_PREDICTORS)
    except ValueError:
        return
    again, roots_again = forest.as_nodes()
    # what a leaf says of children is not kept
    nodes["right"][nodes["feature"] == LEAF] = 0
    np.testing.assert_array_equal(again, nodes)
    np.testing.assert_array_equal(roots_again, roots)


def _chain(n_splits):
    """A tree whose every left child is a leaf."""
    nodes = np.zeros(2 * n_splits + 1, NODE)
    nodes["feature"][1::2], nodes["feature"][-1] = LEAF, LEAF
    nodes["right"][:-1:2] = np.arange(2, len(nodes), 2)
    nodes["value"] = np.linspace(0, 1, len(nodes))
    return nodes


def test_the_largest_tree_is_walked_and_a_larger_one_refused():
    nodes = _chain(MOST_SPLITS)
    nodes["threshold"] = -1
    share = np.empty(1)
    forest = _forest_of(nodes)
    walk_rows(forest.splits, forest.shares, forest.leaves, forest.starts, np.zeros((1, 1), np.float32), share)
    assert share[0] == 1
    np.testing.assert_array_equal(forest.as_nodes()[0]["right"], nodes["right"])
    # the other way round the root has all other splits on its left, as many as two bytes can say
    mirrored = np.zeros(len(nodes), NODE)
    mirrored["feature"][MOST_SPLITS:] = LEAF
    mirrored["right"][:MOST_SPLITS] = np.arange(len(nodes) - 1, MOST_SPLITS, -1)
    mirrored["value"] = nodes["value"]
    forest = _forest_of(mirrored)
    assert forest.splits["left"][0] == MOST_SPLITS - 1
    np.testing.assert_array_equal(forest.as_nodes()[0], mirrored)
    with pytest.raises(ValueError, match="too large"):
        _forest_of(_chain(MOST_SPLITS + 1))
