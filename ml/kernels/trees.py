"""Compiled loops over the trees of a forest."""

from __future__ import annotations

import math

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def half_sample_variance(mean, sums, squares, sizes):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Variance of a forest's share of presences over samples of records, from the spread between its half samples.

    `sums` and `squares` are of leaf values by group, `sizes` the numbers of trees. The spread between groups also holds
    the luck of a group's few trees, estimated from the spread within the groups and taken off. The difference can be
    negative by chance; the mean of a normal distribution around it, cut at zero, is used instead, as in Athey et al.
    (2019).
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


# As stored. The left child is always the next node, so only the right one is named.
NODE = np.dtype([("feature", "<i4"), ("threshold", "<f4"), ("right", "<i4"), ("value", "<f4")])


LEAF = -1


# As walked: splits alone, in the same order, eight to a cache line. `left` is how many splits lie below on the left.
# The next split is the left child, and the right child comes `left` later; a side without splits is a leaf. A tree of
# n splits has n + 1 leaves, which stand in an array of their own from left to right.
SPLIT = np.dtype([("threshold", "<f4"), ("left", "<u2"), ("feature", "<u2")])


@njit(cache=True, nogil=True)
def fold(nodes, roots, codes, n_predictors, size, starts, splits, values, leaves):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Lay trees out without their leaves' empty places; returns whether they are trees.

    Fills `starts` (all 0 before), `splits`, `values` and `leaves`; `codes` are the numbers of the nodes' shares, `size`
    is room for one number for each node of the longest tree. From the last node to the first: when a split's turn
    comes, it is known how many nodes lie below the next one, so that there is one place where its right child can be.
    No node is looked at whose place was not checked.
    """
    for t in range(roots.shape[0] - 1):
        begin, end = np.int64(roots[t]), np.int64(roots[t + 1])
        starts[t + 1] = starts[t] + (end - begin - 1) // 2
        split, leaf = np.int64(starts[t + 1]), np.int64(starts[t + 1]) + t + 1
        # a tree of an even number of nodes is none
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
def unfold(splits, values, leaves, starts, nodes):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Write the nodes of all trees into `nodes`, which is all zeros."""
    waiting = np.empty(splits.shape[0] + 1, np.int64)
    for t in range(starts.shape[0] - 1):
        split, leaf = starts[t], starts[t] + t
        at = split + leaf
        # how many splits each side has whose turn is still to come
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
def walk_rows(splits, shares, leaves, starts, rows, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Mean leaf value of each row, shape (n,), into `out`."""
    n_trees = starts.shape[0] - 1
    for r in range(rows.shape[0]):
        total = 0.0
        for t in range(n_trees):
            total += shares[leaves[_leaf(splits, starts, t, rows, r)]]
        out[r] = total / n_trees


@njit(cache=True, nogil=True)
def walk_one(splits, shares, values, leaves, starts, group, row, effects, group_sum, group_square):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Sum of leaf and of root values; fills effects by predictor, and sums and squares of leaf values by group."""
    total = 0.0
    base = 0.0
    for t in range(starts.shape[0] - 1):
        i, below = np.int64(starts[t]), np.int64(starts[t + 1] - starts[t])
        leaf = i + t
        # in double precision, so that the effects sum to the difference of leaf and root
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
        group_sum[group[t]] += value
        group_square[group[t]] += value * value
    return total, base


@njit(cache=True, nogil=True)
def walk_variance(splits, shares, leaves, starts, group, sizes, rows, share, variance):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Mean leaf value of each row and its `half_sample_variance`, each of shape (n,), into `share` and `variance`."""
    sums, squares = np.empty(sizes.shape[0]), np.empty(sizes.shape[0])
    n_trees = starts.shape[0] - 1
    for r in range(rows.shape[0]):
        sums[:] = 0.0
        squares[:] = 0.0
        total = 0.0
        for t in range(n_trees):
            value = np.float64(shares[leaves[_leaf(splits, starts, t, rows, r)]])
            total += value
            sums[group[t]] += value
            squares[group[t]] += value * value
        share[r] = total / n_trees
        variance[r] = half_sample_variance(share[r], sums, squares, sizes)


@njit(cache=True, nogil=True)
def _leaf(splits, starts, t, rows, r):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """The leaf of tree t that row r comes to."""
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
