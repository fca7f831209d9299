"""Scores of records by members that did not see their fold."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from ml.predictors.levels import recode
from ml.serving.blend import sampling_variance
from ml.training.background_weight import ShareChoice, background_weight
from ml.training.default_model import EngineSettings, Group, GroupModel, fit_species
from ml.training.export import flatten_forest
from ml.training.stacking import HeldOut
from ml.training.target_group import held_out_scores

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]


def held_out_members(
    group: Group,
    species: int,
    folds: Labels,
    share: float,
    settings: EngineSettings,
    network_scores: Floats | None = None,
) -> HeldOut:
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
    HeldOut
        NaN in a fold without which the species has no presence, or nothing else.
    """
    y = group.recorded[:, species]
    scores: dict[str, Floats] = {}
    sampling = np.full(len(y), np.nan)
    shared = GroupModel(ShareChoice(share, {}))
    for fold in np.unique(folds):
        test = folds == fold
        if not 0 < y[~test].sum() < (~test).sum():
            continue
        model = fit_species(group, species, shared, settings, ~test)
        sampling[test] = sampling_variance(flatten_forest(model.forest), recode(group.rows[test], model.order))
        for name, values in model.members(group.rows[test]).items():
            scores.setdefault(name, np.full(len(y), np.nan))[test] = values
    if network_scores is not None:
        scores["network"] = network_scores
    return HeldOut(scores, y, background_weight(group.recorded, share, species, group.absences), sampling)


def held_out_networks(group: Group, folds: Labels, share: float, settings: EngineSettings) -> Floats | None:
    """Held-out scores of the network for all species, shape (n, n_species); None where there is no network."""
    if not group.has_network:
        return None
    network = settings.network(group.categorical)
    with threadpool_limits(1):
        return held_out_scores(group.rows, group.recorded, folds, share, network, group.absences)
