"""Scores of records by members that did not see their fold."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from ml.engine import EngineSettings, Group, GroupModel, fit_species
from ml.target_group import ShareChoice, held_out_scores

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]


def held_out_logits(
    group: Group,
    species: int,
    folds: Labels,
    share: float,
    settings: EngineSettings,
    network_scores: Floats | None = None,
) -> Floats:
    """Score every row by members that did not see its fold.

    Parameters
    ----------
    group : Group
    species : int
    folds : ndarray of int, shape (n,)
    share : float
        Of target-group background.
    settings : EngineSettings
    network_scores : ndarray, shape (n,), optional
        The network's held-out scores for this species.

    Returns
    -------
    ndarray, shape (n,)
        Means of the members' logarithms of density ratios.
    """
    out = np.full(len(group.rows), np.nan)
    shared = GroupModel(ShareChoice(share, {}))
    for fold in np.unique(folds):
        test = folds == fold
        members = list(fit_species(group, species, shared, settings, ~test).members(group.rows[test]).values())
        if network_scores is not None:
            members.append(network_scores[test])
        out[test] = np.mean(members, axis=0)
    return out


def held_out_networks(group: Group, folds: Labels, share: float, settings: EngineSettings) -> Floats | None:
    """Held-out scores of the network for all species, shape (n, n_species); None where there is no network."""
    if not group.has_network:
        return None
    network = settings.network(group.categorical)
    with threadpool_limits(1):
        return held_out_scores(group.rows, group.recorded, folds, share, network, group.absences)
