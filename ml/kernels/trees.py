"""Compiled loops over the trees of a forest.

Arrays that the functions share, as `ml.serving.forest.Forest` describes them:

- ``nodes``: structured array of `NODE`, shape (n_nodes,), and ``roots``: int32, shape (n_trees + 1,), as stored;
- ``splits``: structured array of `SPLIT`, shape (n_splits,), and ``starts``: int32, shape (n_trees + 1,), as walked;
- ``shares``: float32, shape (n_shares,), the distinct shares of presences;
- ``values``: indices into ``shares``, shape (n_splits,), and ``leaves``: the same, shape (n_splits + n_trees,);
- ``half_sample``: int32, shape (n_trees,), and ``sizes``: float64, shape (n_half_samples,), trees of each;
- ``rows``: float32, shape (n, n_predictors), and ``row``: float32, shape (n_predictors,), encoded.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def half_sample_variance(mean, sums, squares, sizes):  # noqa: ANN001, ANN201
    """Return the variance of a forest's share of presences over samples of records.

    Parameters
    ----------
    mean : float
        Mean leaf value of all trees.
    sums, squares : float64, shape (n_half_samples,)
        Sum of the leaf values of each half sample's trees, and of their squares.
    sizes : float64, shape (n_half_samples,)

    Returns
    -------
    float

    Notes
    -----
    The spread between half samples includes the noise of each half sample's few trees. The noise is estimated from the
    spread within half samples and subtracted. The difference can be negative by chance, so the mean of a normal
    distribution around it, truncated at zero, is used instead.

    References
    ----------
    Athey, Tibshirani & Wager 2019, Annals of Statistics 47: 1148-1178, doi 10.1214/18-AOS1709.
    """
    n = sizes.shape[0]
    if n < 2:
        return 0.0
    between, within, size = 0.0, 0.0, 0.0
    for g in range(n):
        share = sums[g] / sizes[g]
        between += (share - mean) ** 2
        within += squares[g] / sizes[g] - share * share
        size += sizes[g]
    between, within, size = between / n, within / n, size / n
    if size <= 1:
        return between
    noise = max(0.0, within) / (size - 1)
    spread = max(between, noise) * math.sqrt(2 / n)
    if spread <= 0:
        return 0.0
    ratio = (between - noise) / spread
    density = math.exp(-(ratio**2) / 2) / math.sqrt(2 * math.pi)
    return max(0.0, between - noise + spread * density / (0.5 * math.erfc(-ratio / math.sqrt(2))))


#: A node as stored. The left child is always the next node, so only the right one is stored.
NODE = np.dtype([("feature", "<i4"), ("threshold", "<f4"), ("right", "<i4"), ("value", "<f4")])

#: `feature` of a leaf.
LEAF = -1
#: A split as walked: splits alone, in the same order, eight to a cache line. `left` is the number of splits below on
#: the left. The next split is the left child, and the right child comes `left` later; a side without splits is a leaf.
#: A tree of n splits has n + 1 leaves, in an array of their own from left to right.
SPLIT = np.dtype([("threshold", "<f4"), ("left", "<u2"), ("feature", "<u2")])


@njit(cache=True, nogil=True)
def fold(nodes, roots, codes, n_predictors, size, starts, splits, values, leaves):  # noqa: ANN001, ANN201
    """Convert nodes to splits and leaves, and return whether the nodes are valid trees.

    Parameters
    ----------
    codes : unsigned int, shape (n_nodes,)
        Index of each node's share of presences.
    n_predictors : int
    size : int64, shape (n_nodes of the largest tree,)
        Working memory.
    starts : int32, shape (n_trees + 1,)
        Filled; all 0 before.
    splits, values, leaves
        Filled.

    Returns
    -------
    bool
        False at the first node that is not valid; the arrays are then incomplete.

    Notes
    -----
    The nodes are visited from the last to the first. At a split, the number of nodes below its left child is known, so
    that only one index is possible for its right child. Every index is checked before it is used.
    """
    for t in range(roots.shape[0] - 1):
        begin, end = np.int64(roots[t]), np.int64(roots[t + 1])
        starts[t + 1] = starts[t] + (end - begin - 1) // 2
        split, leaf = np.int64(starts[t + 1]), np.int64(starts[t + 1]) + t + 1
        # A binary tree has an odd number of nodes.
        if (end - begin) % 2 == 0:
            return False
        for i in range(end - 1, begin - 1, -1):
            feature = nodes[i].feature
            if not 0 <= nodes[i].value <= 1:
                return False
            if feature == LEAF:
                if leaf == starts[t] + t:
                    return False
                leaf -= 1
                leaves[leaf] = codes[i]
                size[i - begin] = 1
                continue
            if feature < 0 or feature >= n_predictors or i + 1 == end or split == starts[t]:
                return False
            left = size[i + 1 - begin]
            right = i + 1 + left
            if right >= end or nodes[i].right != right or not math.isfinite(nodes[i].threshold):
                return False
            split -= 1
            splits[split].threshold, splits[split].feature = nodes[i].threshold, feature
            splits[split].left = left // 2
            values[split] = codes[i]
            size[i - begin] = 1 + left + size[right - begin]
        if size[0] != end - begin:
            return False
    return True


@njit(cache=True, nogil=True)
def unfold(splits, values, leaves, starts, nodes):  # noqa: ANN001, ANN201
    """Convert splits and leaves to nodes.

    Parameters
    ----------
    splits, starts
    values : float32, shape (n_splits,)
        Shares of presences themselves.
    leaves : float32, shape (n_splits + n_trees,)
    nodes : structured array of `NODE`
        Filled; all zeros before.
    """
    waiting = np.empty(splits.shape[0] + 1, np.int64)
    for t in range(starts.shape[0] - 1):
        split, leaf = starts[t], starts[t] + t
        at = split + leaf
        # Number of splits of each side that is still to be visited.
        waiting[0] = starts[t + 1] - starts[t]
        n = 1
        while n > 0:
            below = waiting[n - 1]
            if below == 0:
                nodes[at].feature, nodes[at].value = LEAF, leaves[leaf]
                leaf += 1
                n -= 1
            else:
                left = np.int64(splits[split].left)
                nodes[at].feature, nodes[at].threshold = splits[split].feature, splits[split].threshold
                nodes[at].right, nodes[at].value = at + 2 * left + 2, values[split]
                split += 1
                waiting[n - 1], waiting[n] = below - 1 - left, left
                n += 1
            at += 1


@njit(cache=True, nogil=True)
def walk_rows(splits, shares, leaves, starts, rows, out):  # noqa: ANN001, ANN201
    """Compute the mean leaf value of each row into `out`, float64 of shape (n,)."""
    n_trees = starts.shape[0] - 1
    for r in range(rows.shape[0]):
        total = 0.0
        for t in range(n_trees):
            total += shares[leaves[_leaf(splits, starts, t, rows, r)]]
        out[r] = total / n_trees


@njit(cache=True, nogil=True)
def walk_one(splits, shares, values, leaves, starts, half_sample, row, effects, sums, squares):  # noqa: ANN001, ANN201
    """Walk one row through all trees.

    Parameters
    ----------
    splits, shares, values, leaves, starts, half_sample, row
    effects : float64, shape (n_predictors,)
        Added to: by how much the splits of each predictor change the share of presences, summed over trees.
    sums, squares : float64, shape (n_half_samples,)
        Added to: leaf values of each half sample's trees, and their squares.

    Returns
    -------
    total, base : float
        Sums of leaf values and of root values.
    """
    total = 0.0
    base = 0.0
    for t in range(starts.shape[0] - 1):
        i, below = np.int64(starts[t]), np.int64(starts[t + 1] - starts[t])
        leaf = i + t
        # Double precision, so that the effects sum to the difference of leaf and root.
        value = np.float64(shares[values[i] if below > 0 else leaves[leaf]])
        base += value
        while below > 0:
            feature, left = splits[i].feature, np.int64(splits[i].left)
            goes_left = row[feature] <= splits[i].threshold
            i += 1
            if goes_left:
                below = left
            else:
                i += left
                leaf += left + 1
                below -= left + 1
            following = np.float64(shares[values[i] if below > 0 else leaves[leaf]])
            effects[feature] += following - value
            value = following
        total += value
        sums[half_sample[t]] += value
        squares[half_sample[t]] += value * value
    return total, base


@njit(cache=True, nogil=True)
def walk_variance(splits, shares, leaves, starts, half_sample, sizes, rows, share, variance):  # noqa: ANN001, ANN201
    """Compute the mean leaf value of each row and its `half_sample_variance`.

    Parameters
    ----------
    splits, shares, leaves, starts, half_sample, sizes, rows
    share, variance : float64, shape (n,)
        Filled.
    """
    sums, squares = np.empty(sizes.shape[0]), np.empty(sizes.shape[0])
    n_trees = starts.shape[0] - 1
    for r in range(rows.shape[0]):
        sums[:] = 0.0
        squares[:] = 0.0
        total = 0.0
        for t in range(n_trees):
            value = np.float64(shares[leaves[_leaf(splits, starts, t, rows, r)]])
            total += value
            sums[half_sample[t]] += value
            squares[half_sample[t]] += value * value
        share[r] = total / n_trees
        variance[r] = half_sample_variance(share[r], sums, squares, sizes)


@njit(cache=True, nogil=True)
def _leaf(splits, starts, t, rows, r):  # noqa: ANN001, ANN202
    """Return the index of the leaf of tree t in which row r ends."""
    i, below = np.int64(starts[t]), np.int64(starts[t + 1] - starts[t])
    leaf = i + t
    while below > 0:
        left = np.int64(splits[i].left)
        if rows[r, splits[i].feature] <= splits[i].threshold:
            i += 1
            below = left
        else:
            i += 1 + left
            leaf += left + 1
            below -= left + 1
    return leaf
