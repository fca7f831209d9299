"""Held-out records against the other places of a group and against random background."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ml.evaluation.metrics import auc_roc

Floats = NDArray[np.float64]


def block_scores(recorded: NDArray[np.int64], folds: NDArray[np.int64], held_out: Floats) -> Floats:
    """Score held-out records against the group's other places and against random background.

    Parameters
    ----------
    recorded : ndarray of 0/1, shape (n, n_species)
    folds : ndarray of int, shape (n,)
    held_out : ndarray, shape (n, n_species)
        Held-out scores; NaN where a row was not scored.

    Returns
    -------
    ndarray, shape (n_scored_species, 2)
        AUC within a fold, averaged over folds by the number of records. Species with records in one fold only are
        left out.
    """
    visited = recorded.any(axis=1)
    rows = []
    for s in range(recorded.shape[1]):
        parts, counts = [], []
        for fold in np.unique(folds):
            test = (folds == fold) & np.isfinite(held_out[:, s])
            present = test & (recorded[:, s] == 1)
            kinds = (test & visited & ~present, test & ~visited)
            if not present.any() or not all(kind.any() for kind in kinds) or present.sum() == recorded[:, s].sum():
                continue
            parts.append([_auc(held_out[present, s], held_out[kind, s]) for kind in kinds])
            counts.append(present.sum())
        if parts:
            rows.append(np.average(parts, axis=0, weights=counts))
    return np.array(rows).reshape(-1, 2)


def _auc(present: Floats, other: Floats) -> float:
    labels = np.repeat(np.array([1, 0]), [len(present), len(other)])
    return auc_roc(labels, np.concatenate((present, other)))
