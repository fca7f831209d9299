"""Folds for cross-validation: spatial blocks for records with coordinates, stratified random folds for others.

Random folds overestimate a model of clustered records, because a held-out record has near neighbours among the training
records (Roberts et al. 2017, Ecography 40: 913-929). Blocks keep neighbours in one fold.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ml.evaluation.block_map import equal_area_metres, map_stretch

BLOCKS_PER_FOLD = 4
"""Least number of blocks with presences for each fold, unless the records lie too close together."""
SMALLEST_BLOCK_M = 100.0
"""Least side of a block on the ground, metres. Positions are often wrong by tens of metres, so smaller blocks separate
nothing."""
PLACES_PER_BLOCK = 3
"""Least mean number of presence places in a block, unless that gives fewer blocks than folds. With a block for each
place, folds are as good as random."""
_SHARE_OF_PRESENCES = 0.9
"""Share of the presences at which blocks have the least side. One record near a pole, where the map is stretched
without limit, does not decide."""

Labels = NDArray[np.int64]


class TooCloseError(ValueError):
    """The presences lie too close together for two folds of whole blocks."""


def _labels(y: ArrayLike) -> Labels:
    """Check that `y` of shape (n,) holds 0 and 1 only."""
    labels = np.asarray(y)
    if labels.ndim != 1 or not labels.size:
        raise ValueError(f"y must be of shape (n,) and not empty, got {labels.shape}")
    if not np.isin(labels, (0, 1)).all():
        raise ValueError("y may only hold 0 and 1")
    return labels.astype(np.int64)


def stratified_folds(y: ArrayLike, n_folds: int = 5, seed: int = 0) -> Labels:
    """Draw random folds with nearly equal shares of presences and absences.

    Parameters
    ----------
    y : array-like, shape (n,)
        1 present, 0 absent or background.
    n_folds : int
        Number of folds; fewer are made when there are fewer presences or absences.
    seed : int
        The same seed gives the same folds.

    Returns
    -------
    ndarray of int, shape (n,)
        Fold of each record, from 0. Every fold has a presence and an absence.

    Raises
    ------
    ValueError
        Not even two such folds can be made.
    """
    labels = _labels(y)
    smaller_class = int(min(labels.sum(), labels.size - labels.sum()))
    n_folds = min(n_folds, smaller_class)
    if n_folds < 2:
        raise ValueError(
            f"at least 2 folds with presences and absences are needed; the smaller class has {smaller_class}"
        )
    rng = np.random.default_rng(seed)
    fold = np.empty(labels.size, dtype=np.int64)
    for value in (1, 0):
        members = rng.permutation(np.flatnonzero(labels == value))
        # The classes are dealt from opposite ends, so that the first folds do not get the remainders of both.
        dealt = np.arange(members.size) % n_folds
        fold[members] = dealt if value else n_folds - 1 - dealt
    return fold


def block_ids(metres: NDArray[np.float64], size: float) -> Labels:
    """Number the squares of a grid that starts at the records' lower left corner, and return the square of each record.

    Parameters
    ----------
    metres : ndarray, shape (n, 2)
        Easting and northing.
    size : float
        Side of a square in metres.

    Returns
    -------
    ndarray of int, shape (n,)
        Numbered from 0 without gaps.
    """
    cells = np.floor((metres - metres.min(axis=0)) / size).astype(np.int64)
    _, block = np.unique(cells, axis=0, return_inverse=True)
    return block.reshape(-1).astype(np.int64)


def _least_size(stretch: NDArray[np.float64]) -> float:
    """Return the side on the map, metres, of blocks whose narrower side on the ground is `SMALLEST_BLOCK_M`.

    The map is stretched in one direction and compressed in the other by the same factor, one number for each presence.
    """
    narrowing = np.maximum(stretch, 1.0 / stretch)
    return SMALLEST_BLOCK_M * float(np.quantile(narrowing, _SHARE_OF_PRESENCES, method="lower"))


def _choose_size(metres: NDArray[np.float64], labels: Labels, n_folds: int, stretch: NDArray[np.float64]) -> float:
    """Return the side of a block in metres: the presences' extent, halved until enough blocks hold presences."""
    present, least = metres[labels == 1], _least_size(stretch)
    extent = float(np.ptp(present, axis=0).max())
    if extent < 2.0 * least:
        typical = float(np.median(stretch))
        ground = float((np.ptp(present, axis=0) * (1.0 / typical, typical)).max())
        raise TooCloseError(f"all presences lie within {ground:.3g} m: spatial blocks cannot be made")
    n_places = int(np.unique(present, axis=0).shape[0])
    n_blocks = min(BLOCKS_PER_FOLD * n_folds, max(n_folds, n_places // PLACES_PER_BLOCK), n_places)
    size = extent
    while size >= 2.0 * least:
        size /= 2.0
        if np.unique(block_ids(metres, size)[labels == 1]).size >= n_blocks:
            break
    return max(float(f"{size:.3g}"), least)


def _assign(block: Labels, labels: Labels, n_folds: int, rng: np.random.Generator) -> Labels | None:
    """Assign blocks to folds, the largest first, each to the fold with the least; None if a fold lacks a class.

    Presences and background count as shares of their own totals, so that both classes have the same influence.
    """
    n_blocks = int(block.max()) + 1
    present = np.bincount(block, weights=labels, minlength=n_blocks) / labels.sum()
    absent = np.bincount(block, weights=1 - labels, minlength=n_blocks) / (labels.size - labels.sum())
    shuffled = rng.permutation(n_blocks)
    order = shuffled[np.argsort(-(present + absent)[shuffled], kind="stable")]
    load = np.zeros((n_folds, 2))
    fold_of_block = np.empty(n_blocks, dtype=np.int64)
    # Blocks with presences come first because they are scarcer; blocks of background alone then even out the folds.
    for b in np.concatenate([order[present[order] > 0], order[present[order] == 0]]):
        shares = np.array([present[b], absent[b]])
        added = ((load + shares) ** 2 - load**2).sum(axis=1)
        chosen = int(np.argmin(added))
        fold_of_block[b] = chosen
        load[chosen] += shares
    return fold_of_block if (load > 0).all() else None


def spatial_blocks(
    xy: ArrayLike,
    y: ArrayLike,
    n_folds: int = 5,
    seed: int = 0,
    block_size: float | None = None,
    geographic: bool = True,
) -> tuple[Labels, float]:
    """Make folds of blocks of equal area on the ground, squares on the map of `equal_area_metres`.

    Without `block_size`, the side starts at half the longer side of the presences' extent and is halved until at least
    four blocks for each fold hold presences (with fewer than 60 places of presences: one block for three of them, and
    one for each fold), but neither side on the ground is below 100 m at nine tenths of the presences. Blocks are
    assigned to folds from the fullest to the emptiest, each to the fold whose presences and background it evens out
    best.

    Parameters
    ----------
    xy : array-like, shape (n, 2)
        Longitude and latitude in degrees, or easting and northing in metres.
    y : array-like, shape (n,)
        1 present, 0 absent or background.
    n_folds : int
        Number of folds; fewer are made when there are fewer blocks with presences, or when a fold would have no
        presences or no background.
    seed : int
        Breaks ties between blocks; the same seed gives the same folds.
    block_size : float, optional
        Side of a block in metres, at least 100 m in both directions on the ground.
    geographic : bool
        Whether `xy` is in degrees.

    Returns
    -------
    fold : ndarray of int, shape (n,)
        Fold of each record, from 0.
    block_size_km : float
        Side of the blocks: the square root of their area on the ground.

    Raises
    ------
    TooCloseError
        Not even 2 folds with presences and background can be made.
    ValueError
        Shapes, labels, coordinates or settings are invalid.
    """
    labels = _labels(y)
    points = np.asarray(xy, dtype=np.float64)
    if points.shape != (labels.size, 2):
        raise ValueError(f"xy must be of shape ({labels.size}, 2), got {points.shape}")
    if not np.isfinite(points).all():
        raise ValueError("xy contains NaN or infinity")
    if labels.all() or not labels.any():
        raise ValueError("folds need both presences and absences or background")
    if n_folds < 2:
        raise ValueError("at least 2 folds are needed")
    metres = equal_area_metres(points) if geographic else points
    stretch = map_stretch(points, labels == 1) if geographic else np.ones(int(labels.sum()))
    if block_size is not None and not block_size >= (least := _least_size(stretch)):
        raise ValueError(f"block_size must be at least {least:.3g} m here, to be {SMALLEST_BLOCK_M:g} m on the ground")
    size = block_size if block_size is not None else _choose_size(metres, labels, n_folds, stretch)
    block = block_ids(metres, size)
    for folds in range(min(n_folds, int(np.unique(block[labels == 1]).size)), 1, -1):
        fold_of_block = _assign(block, labels, folds, np.random.default_rng(seed))
        if fold_of_block is not None:
            return fold_of_block[block], size / 1000.0
    raise TooCloseError("blocks of this size do not give 2 folds with presences and background in each")


class SpatialBlockFold:
    """scikit-learn splitter over spatial blocks; the coordinates are passed as `groups`.

    Parameters
    ----------
    n_splits : int
        Number of folds.
    block_size : float, optional
        Side of a block in metres.
    random_state : int
        Seed.
    geographic : bool
        Whether the coordinates are degrees.
    """

    def __init__(
        self, n_splits: int = 5, block_size: float | None = None, random_state: int = 0, geographic: bool = True
    ) -> None:
        self.n_splits = n_splits
        self.block_size = block_size
        self.random_state = random_state
        self.geographic = geographic

    def split(self, X: object, y: ArrayLike, groups: ArrayLike) -> Iterator[tuple[Labels, Labels]]:
        """Yield (train, test) row numbers; `groups` is the coordinates, shape (n, 2)."""
        fold, _ = spatial_blocks(groups, y, self.n_splits, self.random_state, self.block_size, self.geographic)
        if fold.max() + 1 != self.n_splits:
            raise ValueError(f"only {fold.max() + 1} of {self.n_splits} folds can be made from these blocks")
        for k in range(self.n_splits):
            yield np.flatnonzero(fold != k), np.flatnonzero(fold == k)

    def get_n_splits(self, X: object = None, y: object = None, groups: object = None) -> int:
        """Return the number of folds."""
        return self.n_splits
