"""The choice of how much of the background is target-group background.

Records lie where people looked. Records of other species share this sampling bias, so background drawn at their places
cancels it (Phillips et al. 2009, doi 10.1890/07-2153.1). Random background covers the land that nobody visited. The
share of each is chosen by spatial block cross-validation within the training data. It is at least one half, because the
held-out records carry the same bias.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ml.estimators.network import MultiSpeciesNetwork
from ml.evaluation.metrics import auc_roc
from ml.training.background_weight import ShareChoice
from ml.training.cross_validation import held_out_network
from ml.training.default_model import Group

SHARES = (0.5, 0.75, 1.0)
"""Shares of the background that are tried. Smaller shares would be chosen under a strong bias (decision 004)."""

Floats = NDArray[np.float64]


def choose_share(group: Group, folds: NDArray[np.int64], network: MultiSpeciesNetwork) -> ShareChoice:
    """Choose the share of target-group background that predicts held-out blocks best.

    The score of a share is the mean over species of two AUC: held-out records against the other places where the group
    was recorded, which is free of sampling bias, and held-out records against random background, which covers the land
    that was not visited. The conditions of a survey lie between the two.

    Parameters
    ----------
    group : Group
        Presences of several species and random background.
    folds : ndarray of int, shape (n,)
        Spatial blocks.
    network : MultiSpeciesNetwork
        Gives the settings; it is not fitted itself.

    Returns
    -------
    ShareChoice
    """
    scores: dict[float, float] = {}
    for share in SHARES:
        held_out = held_out_network(group, folds, share, network)
        scores[share] = round(float(np.mean(block_scores(group.recorded, folds, held_out))), 6)
    # Of shares with equal scores the larger one corrects more bias.
    return ShareChoice(max(SHARES, key=lambda share: (scores[share], share)), scores)


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
