"""Bias strength: how well the environment tells the places of a group's records from random background.

People record species where they go. Where those places have other conditions than the rest of the area, a model that
compares presences with random background learns where people went (Phillips et al. 2009, doi 10.1890/07-2153.1). The
bias strength says how large that effect can be. It needs no survey.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from ml.estimators.forest import DownSampledForest
from ml.evaluation.metrics import auc_roc
from ml.predictors.levels import level_order, recode
from ml.training.background_weight import BiasStrength
from ml.training.default_model import Group

# Their AUC is within .004 of that of 500 trees in the groups of AWT and SA.
_TREES = 100
_MOST_DRAWN = 400


def measure_bias(group: Group, fold: NDArray[np.int64], seed: int = 0) -> BiasStrength | None:
    """Measure the bias strength of a group.

    A down-sampled forest is fitted to visited places (those with a record of any species) against random background,
    without one fold, and scored in that fold.

    Parameters
    ----------
    group : Group
        Presences of several species and random background.
    fold : ndarray of int, shape (n,)
        Spatial blocks.
    seed : int

    Returns
    -------
    BiasStrength or None
        None if no fold has both kinds of places, inside and outside it.
    """
    visited = np.asarray(group.recorded.any(axis=1), np.int64)
    scores, counts = [], []
    # With one thread of BLAS the score is the same to the last bit on every machine.
    with threadpool_limits(1):
        for k in np.unique(fold):
            test = fold == k
            if len(np.unique(visited[test])) < 2 or len(np.unique(visited[~test])) < 2:
                continue
            order = level_order(group.rows[~test], visited[~test], np.ones(int((~test).sum())), group.categorical)
            rows = recode(group.rows, order)
            forest = DownSampledForest(n_estimators=_TREES, max_draw=_MOST_DRAWN, random_state=seed)
            fitted = forest.fit(rows[~test], visited[~test])
            scores.append(auc_roc(visited[test], fitted.predict_proba(rows[test])[:, 1]))
            counts.append(int(visited[test].sum()))
    if not scores:
        return None
    return BiasStrength(round(float(np.average(scores, weights=counts)), 6), _most_different(group, visited))


def _most_different(group: Group, visited: NDArray[np.int64]) -> int | None:
    columns = [j for j in range(group.rows.shape[1]) if j not in group.categorical]
    return max(columns, key=lambda j: abs(auc_roc(visited, group.rows[:, j]) - 0.5), default=None)
