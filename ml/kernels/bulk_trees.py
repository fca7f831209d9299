"""Compiled walk of many rows through a forest: tree by tree, without branches, eight rows at a time.

A tree is laid out so that the two children of a node are neighbours: the comparison with the threshold, 0 or 1, is
added to the index of the first. A leaf is its own child. All rows take as many steps as the tree is deep, and the
loads of eight rows overlap. Sums are taken in the order of the trees, as in `ml.kernels.trees`, so that the results
are equal to the bit.
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
#: Rows that one tree is walked with before the next; their sums stay in the cache of a core.
_ROWS = 1024


@njit(cache=True, nogil=True)
def lay_out(splits, shares, leaves, starts, steps, values, depths):  # noqa: ANN001, ANN201
    """Lay out the trees of a forest for `walk_forest`.

    Parameters
    ----------
    splits, shares, leaves, starts
        As in `ml.kernels.trees`.
    steps : structured array of `STEP` or `LARGE_STEP`, shape (2 * n_splits + n_trees,)
        Filled, level by level in each tree. Tree t begins at ``2 * starts[t] + t``.
    values : float64, same shape
        Filled with the share of presences of each leaf; 0 at a split.
    depths : int64, shape (n_trees,)
        Filled with the number of steps to the deepest leaf of each tree.
    """
    most = 1
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
            depths[t] = depth[at]
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


@njit(cache=True, nogil=True)
def walk_forest(steps, values, starts, depths, half_sample, sizes, rows, share, variance):  # noqa: ANN001, ANN201
    """Compute the mean leaf value of each row, and its `half_sample_variance`.

    Parameters
    ----------
    steps, values, depths
        From `lay_out`.
    starts : int32, shape (n_trees + 1,)
    half_sample : int32, shape (n_trees,)
    sizes : float64, shape (n_half_samples,)
    rows : float32, shape (n, n_predictors)
        Encoded, without NaN.
    share : float64, shape (n,)
        Filled.
    variance : float64, shape (n,) or (0,)
        Filled unless it has no entries.
    """
    n_trees, n_half_samples = starts.shape[0] - 1, sizes.shape[0]
    wide = variance.shape[0] > 0
    total = np.empty(_ROWS)
    sums = np.empty((n_half_samples if wide else 0, _ROWS))
    squares = np.empty_like(sums)
    own_sums, own_squares = np.empty(n_half_samples), np.empty(n_half_samples)
    reached = np.empty(8, np.int64)
    for start in range(0, rows.shape[0], _ROWS):
        part = rows[start : start + _ROWS]
        total[:] = 0.0
        sums[:] = 0.0
        squares[:] = 0.0
        for t in range(n_trees):
            root = 2 * np.int64(starts[t]) + t
            end = 2 * np.int64(starts[t + 1]) + t + 1
            for first in range(0, part.shape[0], 8):
                if first + 8 <= part.shape[0]:
                    _walk_eight(steps[root:end], depths[t], part, first, reached)
                else:
                    _walk_rest(steps[root:end], depths[t], part, first, reached)
                for k in range(min(8, part.shape[0] - first)):
                    value = values[root + reached[k]]
                    total[first + k] += value
                    if wide:
                        sums[half_sample[t], first + k] += value
                        squares[half_sample[t], first + k] += value * value
        for r in range(part.shape[0]):
            share[start + r] = total[r] / n_trees
            if wide:
                own_sums[:] = sums[:, r]
                own_squares[:] = squares[:, r]
                variance[start + r] = half_sample_variance(share[start + r], own_sums, own_squares, sizes)


@njit(cache=True, nogil=True, inline="always")
def _walk_eight(tree, depth, rows, r, reached):  # noqa: ANN001, ANN202
    """Find the leaves of eight rows from r; named variables, because the compiler keeps them in registers."""
    a = b = c = d = e = f = g = h = np.int64(0)
    for _ in range(depth):
        at, bt, ct, dt, et, ft, gt, ht = tree[a], tree[b], tree[c], tree[d], tree[e], tree[f], tree[g], tree[h]
        a = np.int64(at.child) + (rows[r, at.feature] > at.threshold)
        b = np.int64(bt.child) + (rows[r + 1, bt.feature] > bt.threshold)
        c = np.int64(ct.child) + (rows[r + 2, ct.feature] > ct.threshold)
        d = np.int64(dt.child) + (rows[r + 3, dt.feature] > dt.threshold)
        e = np.int64(et.child) + (rows[r + 4, et.feature] > et.threshold)
        f = np.int64(ft.child) + (rows[r + 5, ft.feature] > ft.threshold)
        g = np.int64(gt.child) + (rows[r + 6, gt.feature] > gt.threshold)
        h = np.int64(ht.child) + (rows[r + 7, ht.feature] > ht.threshold)
    reached[0], reached[1], reached[2], reached[3] = a, b, c, d
    reached[4], reached[5], reached[6], reached[7] = e, f, g, h


@njit(cache=True, nogil=True)
def _walk_rest(tree, depth, rows, first, reached):  # noqa: ANN001, ANN202
    """Find the leaves of the last rows, fewer than eight."""
    for r in range(first, rows.shape[0]):
        at = np.int64(0)
        for _ in range(depth):
            at = np.int64(tree[at].child) + (rows[r, tree[at].feature] > tree[at].threshold)
        reached[r - first] = at
