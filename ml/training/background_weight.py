"""The weight of each row as background, and the strength of the bias."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FEWEST_PLACES = 50
"""With fewer places of records in a group than this, the background stays random."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class BiasStrength:
    """How well the environment tells visited places from random background.

    Attributes
    ----------
    auc : float
        Held-out AUC, averaged over folds by the number of visited places; 0.5 if the conditions do not tell them.
    predictor : int or None
        Column of the continuous predictor whose distribution differs most (Kolmogorov-Smirnov); None if there is none.
    between_species : float or None
        The same AUC for the places of species that were left out, averaged over species. None if no species could be
        scored.
    """

    auc: float
    predictor: int | None
    between_species: float | None = None


def background_weight(
    recorded: NDArray[np.int64], share: float, without: int | None = None, absences: bool = False
) -> Floats:
    """Return the weight of each row as background.

    Parameters
    ----------
    recorded : ndarray of 0/1, shape (n, n_species)
        Rows without any 1 are random background.
    share : float
        Share of target-group background.
    without : int, optional
        Species (column) whose own records do not count as background.
    absences : bool
        Whether 0 means that the species was looked for and not found; all such rows then count the same.

    Returns
    -------
    ndarray, shape (n,)
        Sums to 1. Where one kind of row is missing, the other kind has all the weight.
    """
    others = np.ones(len(recorded), bool) if without is None else recorded[:, without] == 0
    if absences:
        return np.asarray(others / others.sum())
    visited = recorded.any(axis=1)
    target = visited & others
    if not target.any():
        share = 0.0
    elif visited.all():
        share = 1.0
    weight = np.zeros(len(recorded))
    if share > 0:
        weight[target] = share / target.sum()
    if share < 1:
        weight[~visited] = (1 - share) / (~visited).sum()
    return weight
