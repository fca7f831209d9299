"""A forest as flat arrays, and the compiled code that walks it.

On disk a tree is a list of nodes of 16 bytes (`NODE`). In memory a split takes 10 bytes and a leaf 2, and what a walk
touches lies closer together: with a thousand models open it is the forests that fill the memory.

`Forest.of_nodes` checks what it is given; what walks trees looks at no bounds any more.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ml.compiled import half_sample_variance

# As stored. The left child is always the next node, so only the right one is named.
NODE = np.dtype([("feature", "<i4"), ("threshold", "<f4"), ("right", "<i4"), ("value", "<f4")])
LEAF = -1

# As walked: splits alone, in the same order, eight to a cache line. `left` is how many splits lie below on the left.
# The next split is the left child, and the right child comes `left` later; a side without splits is a leaf. A tree of
# n splits has n + 1 leaves, which stand in an array of their own from left to right.
SPLIT = np.dtype([("threshold", "<f4"), ("left", "<u2"), ("feature", "<u2")])
#: What a split has room for. A tree draws some hundreds of records and has fewer splits than that.
MOST_SPLITS = MOST_PREDICTORS = 2**16


@dataclass(frozen=True)
class Forest:
    """A forest as flat arrays; `Forest.of_nodes` makes one from nodes.

    Attributes
    ----------
    splits : structured ndarray of `SPLIT`, shape (n_splits,)
        All trees one after the other, each in depth-first order.
    shares : ndarray of float32, shape (n_shares,)
        Every share of presences that occurs, once: some thousands, because each is of a few hundred records.
    values : ndarray of unsigned int, shape (n_splits,)
        Which share of presences the records have that come to each split; only contributions need them.
    leaves : ndarray of unsigned int, shape (n_splits + n_trees,)
        Which share each leaf has.
    starts : ndarray of int32, shape (n_trees + 1,)
        Where each tree's splits begin; the last entry is `n_splits`.
    group : ndarray of int32, shape (n_trees,)
        The half sample each tree was drawn from.
    """

    splits: NDArray[np.void]
    shares: NDArray[np.float32]
    values: NDArray[np.unsignedinteger]
    leaves: NDArray[np.unsignedinteger]
    starts: NDArray[np.int32]
    group: NDArray[np.int32]

    @classmethod
    def of_nodes(
        cls,
        nodes: NDArray[np.void],
        roots: NDArray[np.int32],
        group: NDArray[np.int32],
        n_predictors: int = MOST_PREDICTORS,
    ) -> Self:
        """Make a forest from nodes, which are checked on the way.

        Parameters
        ----------
        nodes : structured ndarray of `NODE`, shape (n_nodes,)
            All trees one after the other, each in depth-first order.
        roots : ndarray of int32, shape (n_trees + 1,)
            Where each tree begins; the last entry is `n_nodes`.
        group : ndarray of int32, shape (n_trees,)
        n_predictors : int
            How many there are to split by.

        Raises
        ------
        ValueError
            The nodes are not those of trees, in depth-first order, of at most 65,536 splits by these predictors; a
            threshold is not finite, or a share of presences not between 0 and 1.
        """
        length = int(np.diff(roots).max())
        if length > 2 * MOST_SPLITS + 1 or n_predictors > MOST_PREDICTORS:
            raise ValueError("a tree is too large")
        n_splits = max(0, len(nodes) - len(group)) // 2
        shares, codes = _numbered(np.ascontiguousarray(nodes["value"]))
        starts, splits = np.zeros(len(roots), np.int32), np.empty(n_splits, SPLIT)
        values, leaves = np.empty(n_splits, codes.dtype), np.empty(n_splits + len(group), codes.dtype)
        if not fold(nodes, roots, codes, n_predictors, np.empty(length, np.int64), starts, splits, values, leaves):
            raise ValueError("these are no trees in depth-first order")
        return cls(splits, shares, values, leaves, starts, np.ascontiguousarray(group, np.int32))

    def as_nodes(self) -> tuple[NDArray[np.void], NDArray[np.int32]]:
        """Return nodes and roots, as `of_nodes` takes them: what is stored."""
        trees = np.arange(len(self.starts))
        roots = (2 * self.starts + trees).astype(np.int32)
        nodes = np.zeros(len(self.splits) + len(self.leaves), NODE)
        unfold(self.splits, self.shares[self.values], self.shares[self.leaves], self.starts, nodes)
        return nodes, roots

    @property
    def n_trees(self) -> int:
        """Number of trees."""
        return len(self.group)

    @cached_property
    def sizes(self) -> NDArray[np.float64]:
        """Number of trees of each half sample, shape (n_groups,)."""
        return np.bincount(self.group).astype(np.float64)


def _numbered(values: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.unsignedinteger]]:
    """Every value that occurs, once, and for each value its place among them in as few bytes as will do."""
    bits, codes = values.view(np.uint32), np.empty(len(values), np.uint32)
    distinct = np.empty(len(values), np.uint32)
    room = np.full(1 << (2 * len(values)).bit_length(), -1, np.int32)
    n = number(bits, codes, distinct, room)
    return distinct[:n].copy().view(np.float32), codes.astype(np.uint16 if n <= 2**16 else np.uint32)


@njit(cache=True, nogil=True)
def number(bits, codes, distinct, room):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Number values in the order in which they first occur; returns how many there are.

    Fills `codes` with each value's number and `distinct` with the values. `room` is a hash table, all -1, of a power of
    two of places, more than there are values.
    """
    n = 0
    for i in range(bits.shape[0]):
        # a multiplication spreads values that differ in a few bits alone
        at = ((np.int64(bits[i]) * 2654435761) >> 16) & (room.shape[0] - 1)
        while room[at] >= 0 and distinct[room[at]] != bits[i]:
            at = (at + 1) & (room.shape[0] - 1)
        if room[at] < 0:
            distinct[n], room[at] = bits[i], n
            n += 1
        codes[i] = room[at]
    return n


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
