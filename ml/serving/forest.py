"""A forest as flat arrays.

On disk a tree is a list of nodes of 16 bytes (`NODE`). In memory a split takes 10 bytes and a leaf 2, because the
forests take most of the memory when a thousand models are open.

`Forest.of_nodes` checks the nodes; the loops in `ml.kernels.trees` then check no bounds.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ml.kernels.bulk_trees import LARGE_STEP, MOST_NODES, STEP, lay_out, walk_forest
from ml.kernels.lines import walk_line
from ml.kernels.trees import NODE, SPLIT, fold, unfold, walk_rows, walk_variance

#: What the fields of `SPLIT` can count. A tree draws some hundreds of records and has fewer splits than that.
MOST_SPLITS = MOST_PREDICTORS = 2**16
# For fewer rows it takes longer to lay out the trees than to walk them one row at a time.
_FEW_ROWS = 256


@dataclass(frozen=True)
class Forest:
    """A forest as flat arrays; `Forest.of_nodes` makes one from nodes.

    Attributes
    ----------
    splits : structured ndarray of `SPLIT`, shape (n_splits,)
        All trees one after the other, each in depth-first order.
    shares : ndarray of float32, shape (n_shares,)
        The distinct shares of presences: some thousands, because each is of a few hundred records.
    values : ndarray of unsigned int, shape (n_splits,)
        Index of the share of presences among the records at each split; only contributions need it.
    leaves : ndarray of unsigned int, shape (n_splits + n_trees,)
        Index of the share of presences of each leaf.
    starts : ndarray of int32, shape (n_trees + 1,)
        Where each tree's splits begin; the last entry is `n_splits`.
    half_sample : ndarray of int32, shape (n_trees,)
        The half sample of the records that each tree was drawn from; ``group`` in the artifact.
    """

    splits: NDArray[np.void]
    shares: NDArray[np.float32]
    values: NDArray[np.unsignedinteger]
    leaves: NDArray[np.unsignedinteger]
    starts: NDArray[np.int32]
    half_sample: NDArray[np.int32]

    @classmethod
    def of_nodes(
        cls,
        nodes: NDArray[np.void],
        roots: NDArray[np.int32],
        half_sample: NDArray[np.int32],
        n_predictors: int = MOST_PREDICTORS,
    ) -> Self:
        """Make a forest from nodes, and check them.

        Parameters
        ----------
        nodes : structured ndarray of `NODE`, shape (n_nodes,)
            All trees one after the other, each in depth-first order.
        roots : ndarray of int32, shape (n_trees + 1,)
            Where each tree begins; the last entry is `n_nodes`.
        half_sample : ndarray of int32, shape (n_trees,)
        n_predictors : int
            Number of predictors; splits by others are invalid.

        Returns
        -------
        Forest

        Raises
        ------
        ValueError
            The nodes are not those of trees, in depth-first order, of at most 65,536 splits by these predictors; a
            threshold is not finite, or a share of presences not between 0 and 1.
        """
        length = int(np.diff(roots).max())
        if length > 2 * MOST_SPLITS + 1 or n_predictors > MOST_PREDICTORS:
            raise ValueError("a tree is too large")
        n_splits = max(0, len(nodes) - len(half_sample)) // 2
        shares, codes = _distinct(np.ascontiguousarray(nodes["value"]))
        starts, splits = np.zeros(len(roots), np.int32), np.empty(n_splits, SPLIT)
        values, leaves = np.empty(n_splits, codes.dtype), np.empty(n_splits + len(half_sample), codes.dtype)
        if not fold(nodes, roots, codes, n_predictors, np.empty(length, np.int64), starts, splits, values, leaves):
            raise ValueError("the nodes are not trees in depth-first order")
        return cls(splits, shares, values, leaves, starts, np.ascontiguousarray(half_sample, np.int32))

    def as_nodes(self) -> tuple[NDArray[np.void], NDArray[np.int32]]:
        """Return the nodes and roots to store, as `of_nodes` takes them."""
        trees = np.arange(len(self.starts))
        roots = (2 * self.starts + trees).astype(np.int32)
        nodes = np.zeros(len(self.splits) + len(self.leaves), NODE)
        unfold(self.splits, self.shares[self.values], self.shares[self.leaves], self.starts, nodes)
        return nodes, roots

    def steps(
        self, row: NDArray[np.float32], feature: int, lowest: np.float32, highest: np.float32
    ) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """Return the share of presences of a row as a step function of one predictor.

        Parameters
        ----------
        row : ndarray of float32, shape (n_predictors,)
            Encoded.
        feature : int
            Column of the predictor.
        lowest, highest : float32
            Range in which it varies, both ends included.

        Returns
        -------
        at : ndarray of float32, shape (n,)
            Values at which the share changes, ascending: the share before a step is still that of the value itself.
        share : ndarray of float64, shape (n + 1,)
            Up to the first step, and after each.
        """
        at, jump = np.empty(len(self.splits), np.float32), np.empty(len(self.splits))
        below = np.nextafter(lowest, np.float32(-np.inf))
        line = (np.ascontiguousarray(row, np.float32), feature, below, highest, at, jump)
        n, base = walk_line(self.splits, self.shares, self.leaves, self.starts, *line)
        order = np.argsort(at[:n], kind="stable")
        return at[order], (base + np.concatenate([[0.0], np.cumsum(jump[order])])) / self.n_trees

    def shares_of(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the share of presences of rows: the mean leaf value.

        Parameters
        ----------
        rows : ndarray of float32, shape (n, n_predictors)
            Encoded.

        Returns
        -------
        ndarray of float64, shape (n,)
        """
        rows, share = np.ascontiguousarray(rows, np.float32), np.empty(len(rows))
        if len(rows) < _FEW_ROWS:
            walk_rows(self.splits, self.shares, self.leaves, self.starts, rows, share)
        else:
            self._walk(rows, share, np.empty(0))
        return share

    def shares_and_variances(self, rows: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the share of presences of rows, and its `half_sample_variance`.

        Parameters
        ----------
        rows : ndarray of float32, shape (n, n_predictors)
            Encoded.

        Returns
        -------
        share, variance : ndarray of float64, shape (n,)
        """
        rows = np.ascontiguousarray(rows, np.float32)
        share, variance = np.empty(len(rows)), np.empty(len(rows))
        if len(rows) < _FEW_ROWS:
            arrays = (self.splits, self.shares, self.leaves, self.starts, self.half_sample, self.half_sample_sizes)
            walk_variance(*arrays, rows, share, variance)
        else:
            self._walk(rows, share, variance)
        return share, variance

    def _walk(self, rows: NDArray[np.float32], share: NDArray[np.float64], variance: NDArray[np.float64]) -> None:
        """Fill `share` and `variance`. The layout is not kept: it takes more memory than the forest itself."""
        n_nodes = 2 * len(self.splits) + self.n_trees
        large = 2 * int(np.diff(self.starts).max()) + 1 > MOST_NODES
        steps, values = np.empty(n_nodes, LARGE_STEP if large else STEP), np.empty(n_nodes)
        deepest = lay_out(self.splits, self.shares, self.leaves, self.starts, steps, values)
        samples, columns = (self.half_sample, self.half_sample_sizes), np.ascontiguousarray(rows.T)
        walk_forest(steps, values, self.starts, deepest, *samples, columns, share, variance)

    @property
    def n_trees(self) -> int:
        """Number of trees."""
        return len(self.half_sample)

    @cached_property
    def half_sample_sizes(self) -> NDArray[np.float64]:
        """Number of trees of each half sample, shape (n_half_samples,)."""
        return np.bincount(self.half_sample).astype(np.float64)


def _distinct(values: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.unsignedinteger]]:
    """Return the distinct values, and for each value its index among them in as few bytes as possible."""
    # Compared by their bits, so that 0.0 and -0.0 are stored as they are read.
    bits = values.view(np.uint32)
    distinct = np.unique(bits)
    codes = np.searchsorted(distinct, bits)
    return distinct.view(np.float32), codes.astype(np.uint16 if len(distinct) <= 2**16 else np.uint32)
