"""Places that a group without a target group of its own borrows from another group of its area.

One species, or a few places, do not show where people looked. Where another group was recorded by the same people, its
places show it, and serve as target-group background (Phillips et al. 2009, doi 10.1890/07-2153.1). Whether the
groups share a bias is measured: the *AUC across* two groups is the held-out AUC with which the places of each group
tell those of the other one from random background. Virtual groups that had nothing to do with each other stayed below
`LEAST_ACROSS` (`benchmarks.virtual.borrowing`; decision 004).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray

from ml.training.background_weight import FEWEST_PLACES, BiasStrength
from ml.training.bias_strength import measure_bias
from ml.training.default_model import Group
from ml.training.folds import choose_folds

Floats = NDArray[np.float64]

LEAST_ACROSS = 0.7
"""AUC across two groups from which one borrows the places of the other."""


@dataclass(frozen=True)
class PlacedGroup:
    """A group and where its rows lie.

    Attributes
    ----------
    group : Group
    places : ndarray, shape (n, 2)
        x or longitude, and y or latitude.
    geographic : bool
        Whether `places` are in degrees.
    lender : int or None
        Number of the group whose places are borrowed.
    """

    group: Group
    places: Floats
    geographic: bool
    lender: int | None = None


def borrow_places(groups: Sequence[PlacedGroup], n_folds: int, seed: int = 0) -> list[PlacedGroup]:
    """Let each group without a target group of its own borrow the places of the group with the most similar bias.

    Such a group has one species, or fewer than `FEWEST_PLACES` places. It borrows from groups with more places than its
    own, at least `FEWEST_PLACES`, whose coordinates are of the same kind. Groups with absences neither borrow nor lend:
    their places are those of surveys. Work goes to the joblib backend in force (`ml.workers`); the numbers do not
    depend on it.

    Parameters
    ----------
    groups : sequence of PlacedGroup
        Groups of one area with the same predictors, as they were recorded.
    n_folds : int
        Spatial blocks in which the AUC across is measured.
    seed : int

    Returns
    -------
    list of PlacedGroup
        In the same order. A group that borrows has the places of its lender as last column of `recorded`, and new rows
        at the end; a place of both groups is one row.
    """
    counts = [int(one.group.recorded.any(axis=1).sum()) for one in groups]
    pairs = [
        (small, large)
        for small, large in np.ndindex(len(groups), len(groups))
        if not groups[small].group.has_target_group
        and counts[large] > counts[small]
        and counts[large] >= FEWEST_PLACES
        and not groups[small].group.absences
        and not groups[large].group.absences
        and groups[small].geographic == groups[large].geographic
    ]
    merged = Parallel()(delayed(_lend)(groups[small], groups[large], large, n_folds, seed) for small, large in pairs)
    best = list(groups)
    for (small, _), candidate in zip(pairs, merged, strict=True):
        if candidate is not None and _across(candidate) > _across(best[small]):
            best[small] = candidate
    return best


def _across(placed: PlacedGroup) -> float:
    borrowed = placed.group.borrowed
    return 0.0 if borrowed is None or borrowed.between_species is None else borrowed.between_species


def _lend(small: PlacedGroup, large: PlacedGroup, number: int, n_folds: int, seed: int) -> PlacedGroup | None:
    """Return the small group with the places of the large one, or None where their biases differ."""
    merged = _merge(small, large)
    recorded = merged.group.recorded
    visited = np.asarray(recorded.any(axis=1), np.int64)
    fold, _ = choose_folds(merged.places, visited, n_folds, seed, merged.geographic)
    sides = np.column_stack([recorded[:, :-1].any(axis=1), recorded[:, -1]]).astype(np.int64)
    bias = measure_bias(Group(merged.group.rows, sides, merged.group.categorical), fold, seed)
    if bias is None or bias.between_species is None or bias.between_species < LEAST_ACROSS:
        return None
    borrowed = BiasStrength(bias.auc, None, bias.between_species)
    return replace(merged, group=replace(merged.group, borrowed=borrowed), lender=number)


def _merge(small: PlacedGroup, large: PlacedGroup) -> PlacedGroup:
    own, lent = small.group, large.group
    visited = lent.recorded.any(axis=1)
    row_of = {tuple(small.places[row]): row for row in np.flatnonzero(own.recorded.any(axis=1)).tolist()}
    known = np.array([row_of.get(tuple(place), -1) for place in large.places[visited]], np.int64)
    new = known < 0
    n = len(own.rows)
    recorded = np.zeros((n + int(new.sum()), own.recorded.shape[1] + 1), np.int64)
    recorded[:n, :-1] = own.recorded
    recorded[known[~new], -1] = 1
    recorded[n:, -1] = 1
    group = replace(own, rows=np.concatenate([own.rows, lent.rows[visited][new]]), recorded=recorded)
    return replace(small, group=group, places=np.concatenate([small.places, large.places[visited][new]]))
