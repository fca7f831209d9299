"""Compiled walk of many rows through a forest: tree by tree, and in a tree node by node.

The rows that reach a node are divided among its two children without a branch, so that a row costs as many steps as
its own leaf is deep. Most cells of a map end in a shallow leaf of absence, while the deepest leaves are among the
presences. A walk that takes all rows to the depth of the tree takes twice as long (decision 064).

A tree is laid out so that the two children of a node are neighbours. A leaf is its own child. Sums are taken in the
order of the trees, as in `ml.kernels.trees`, so that the results are equal to the bit.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from ml.kernels.trees import half_sample_variance

#: A node as walked: a row goes to ``child`` if its value is at most the threshold, otherwise to the next node.
STEP = np.dtype([("threshold", "<f4"), ("child", "<u2"), ("feature", "<u2")])
#: The same for forests with a tree of more than `MOST_NODES` nodes.
LARGE_STEP = np.dtype([("threshold", "<f4"), ("child", "<u4"), ("feature", "<u2")])
MOST_NODES = 2**16
#: Rows that one tree is walked with before the next; a column of them and their sums stay in the cache of a core.
_ROWS = 2**14
# Indices without a sign: numba then omits the test for negative ones.
_ONE = np.uint64(1)


@njit(cache=True, nogil=True)
def lay_out(splits, shares, leaves, starts, steps, values):  # noqa: ANN001, ANN201
    """Lay out the trees of a forest for `walk_forest`.

    Parameters
    ----------
    splits, shares, leaves, starts
        As in `ml.kernels.trees`.
    steps : structured array of `STEP` or `LARGE_STEP`, shape (2 * n_splits + n_trees,)
        Filled, level by level in each tree. Tree t begins at ``2 * starts[t] + t``.
    values : float64, same shape
        Filled with the share of presences of each leaf; 0 at a split.

    Returns
    -------
    int64
        Number of steps to the deepest leaf of all trees.
    """
    most, deepest = 1, np.int64(0)
    for t in range(starts.shape[0] - 1):
        most = max(most, 2 * (np.int64(starts[t + 1]) - starts[t]) + 1)
    # Of each node of a tree: its split, the number of splits from there, its first leaf, and its depth.
    split, below = np.empty(most, np.int64), np.empty(most, np.int64)
    leaf, depth = np.empty(most, np.int64), np.empty(most, np.int64)
    for t in range(starts.shape[0] - 1):
        root = 2 * np.int64(starts[t]) + t
        split[0], below[0] = starts[t], np.int64(starts[t + 1]) - starts[t]
        leaf[0], depth[0] = np.int64(starts[t]) + t, 0
        n = 1
        for at in range(2 * below[0] + 1):
            node = root + at
            deepest = max(deepest, depth[at])
            if below[at] == 0:
                steps[node].threshold, steps[node].child, steps[node].feature = np.float32(np.inf), at, 0
                values[node] = shares[leaves[leaf[at]]]
                continue
            i, left = split[at], np.int64(splits[split[at]].left)
            steps[node].threshold, steps[node].child = splits[i].threshold, n
            steps[node].feature = splits[i].feature
            values[node] = 0.0
            split[n], below[n], leaf[n], depth[n] = i + 1, left, leaf[at], depth[at] + 1
            n += 1
            split[n], below[n] = i + 1 + left, below[at] - 1 - left
            leaf[n], depth[n] = leaf[at] + left + 1, depth[at] + 1
            n += 1
    return deepest


@njit(cache=True, nogil=True)
def walk_forest(steps, values, starts, deepest, half_sample, sizes, columns, share, variance):  # noqa: ANN001, ANN201
    """Compute the mean leaf value of each row, and its `half_sample_variance`.

    Parameters
    ----------
    steps, values, deepest
        From `lay_out`.
    starts : int32, shape (n_trees + 1,)
    half_sample : int32, shape (n_trees,)
    sizes : float64, shape (n_half_samples,)
    columns : float32, shape (n_predictors, n)
        Encoded rows, transposed, without NaN.
    share : float64, shape (n,)
        Filled.
    variance : float64, shape (n,) or (0,)
        Filled unless it has no entries.
    """
    n_trees, n_half_samples, n_rows = starts.shape[0] - 1, sizes.shape[0], columns.shape[1]
    wide = variance.shape[0] > 0
    most = min(_ROWS, n_rows)
    reached, total = np.empty(most), np.empty(most)
    sums = np.empty((n_half_samples if wide else 0, most))
    squares = np.empty_like(sums)
    own_sums, own_squares = np.empty(n_half_samples), np.empty(n_half_samples)
    order, right = np.empty(most, np.uint16), np.empty(most, np.uint16)
    # At most one node waits at each level.
    waiting = np.empty((deepest + 1, 3), np.uint64)
    for start in range(0, n_rows, _ROWS):
        part = columns[:, start : start + _ROWS]
        n = part.shape[1]
        total[:n] = 0.0
        sums[:, :n] = 0.0
        squares[:, :n] = 0.0
        for t in range(n_trees):
            root, end = 2 * np.int64(starts[t]) + t, 2 * np.int64(starts[t + 1]) + t + 1
            _walk_tree(steps[root:end], values[root:end], part, order, right, waiting, reached)
            for r in range(n):
                total[r] += reached[r]
            if wide:
                own, own_square = sums[half_sample[t]], squares[half_sample[t]]
                for r in range(n):
                    own[r] += reached[r]
                    own_square[r] += reached[r] * reached[r]
        for r in range(n):
            share[start + r] = total[r] / n_trees
            if wide:
                own_sums[:] = sums[:, r]
                own_squares[:] = squares[:, r]
                variance[start + r] = half_sample_variance(share[start + r], own_sums, own_squares, sizes)


@njit(cache=True, nogil=True)
def _walk_tree(tree, values, columns, order, right, waiting, reached):  # noqa: ANN001, ANN202
    """Write the leaf value of each row to `reached`."""
    for r in range(columns.shape[1]):
        order[r] = r
    waiting[0, 0], waiting[0, 1], waiting[0, 2] = 0, 0, columns.shape[1]
    n_waiting = 1
    while n_waiting > 0:
        n_waiting -= 1
        node, first, end = waiting[n_waiting, 0], waiting[n_waiting, 1], waiting[n_waiting, 2]
        child = np.uint64(tree[node].child)
        while child != node:
            middle = _divide(columns[tree[node].feature], tree[node].threshold, order, right, first, end)
            if middle == end:
                node = child
            elif middle == first:
                node = child + _ONE
            else:
                waiting[n_waiting, 0], waiting[n_waiting, 1], waiting[n_waiting, 2] = child + _ONE, middle, end
                n_waiting += 1
                node, end = child, middle
            child = np.uint64(tree[node].child)
        value = values[node]
        for k in range(first, end):
            reached[order[k]] = value


@njit(cache=True, nogil=True)
def _divide(column, threshold, order, right, first, end):  # noqa: ANN001, ANN202
    """Move the rows of order[first:end] that go to the right behind the others; return where they begin."""
    middle, n_right = first, np.uint64(0)
    for k in range(first, end):
        row = order[k]
        above = np.uint64(column[row] > threshold)
        order[middle] = row
        right[n_right] = row
        n_right += above
        middle += above ^ _ONE
    for k in range(n_right):
        order[middle + k] = right[k]
    return middle
