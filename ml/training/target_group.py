"""Target-group background: how much of the background is drawn where other species of the group were recorded.

Records lie where people looked. Places of other species' records share that bias, so that a background drawn there
cancels it (Phillips et al. 2009, doi 10.1890/07-2153.1), while random points tell the species' conditions from land
that nobody visited. How much of each is chosen by spatial block cross-validation within the training data.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ml.estimators.network import MultiSpeciesNetwork
from ml.evaluation.metrics import auc_roc
from ml.training.background_weight import ShareChoice, background_weight

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Shares of the background that are tried."""

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]


def choose_share(
    rows: NDArray[np.float32],
    recorded: NDArray[np.int64],
    folds: NDArray[np.int64],
    network: MultiSpeciesNetwork,
) -> ShareChoice:
    """Choose the share of target-group background that predicts held-out blocks best.

    A share is scored by the mean over species of two AUC: held-out records against the other places where the group was
    recorded, which is free of sampling bias, and against random background, which covers the land that was not
    visited. A survey lies between the two.

    Parameters
    ----------
    rows : ndarray of float32, shape (n, n_features)
    recorded : ndarray of 0/1, shape (n, n_species)
    folds : ndarray of int, shape (n,)
        Spatial blocks.
    network : MultiSpeciesNetwork
        Its settings are used; it is not fitted itself.

    Returns
    -------
    ShareChoice
    """
    scores: dict[float, float] = {}
    for share in SHARES:
        held_out = held_out_scores(rows, recorded, folds, share, network)
        scores[share] = round(float(np.mean(block_scores(recorded, folds, held_out))), 6)
    # of shares that tie, the larger corrects more
    return ShareChoice(max(SHARES, key=lambda share: (scores[share], share)), scores)


def held_out_scores(
    rows: NDArray[np.float32],
    recorded: NDArray[np.int64],
    folds: NDArray[np.int64],
    share: float,
    network: MultiSpeciesNetwork,
    absences: bool = False,
) -> Floats:
    """Scores of each row by the network that did not see its fold.

    Parameters
    ----------
    rows, recorded, folds, network
        As `choose_share`.
    share : float
        Of the target group.
    absences : bool
        As `background_weight`.

    Returns
    -------
    ndarray, shape (n, n_species)
        NaN in folds without which nothing is recorded.
    """
    out = np.full(recorded.shape, np.nan)
    for fold in np.unique(folds):
        test = folds == fold
        if not recorded[~test].any():
            continue
        fitted = MultiSpeciesNetwork(**network.get_params()).fit(
            rows[~test], recorded[~test], background_weight(recorded[~test], share, absences=absences)
        )
        out[test] = fitted.decision_function(rows[test])
    return out


def block_scores(recorded: NDArray[np.int64], folds: NDArray[np.int64], held_out: Floats) -> Floats:
    """Score held-out records against the group's other places and against random background, shape (n_species, 2).

    Each is the AUC within a fold, averaged over folds by the number of records. Species that are recorded in one fold
    only are left out.
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
