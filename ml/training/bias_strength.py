"""Bias strength: how well the environment tells the places of a group's records from random background.

People record species where they go. Where those places have other conditions than the rest of the area, a model that
compares presences with random background learns where people went (Phillips et al. 2009, doi 10.1890/07-2153.1). Two
AUC say how large that effect can be; neither needs a survey:

- of all places: the places of all records of the group, against random background. Without any bias it is above 0.5,
  because records lie where their species live.
- of species left out: the places of each species, scored by a model of the places of other species. Where species have
  nothing in common it is 0.5 without bias. What all species have in common is the effort of the people who look for
  them, and the part of their niches that is the same. Records alone cannot tell these two apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import ks_2samp

from ml.estimators.forest import DownSampledForest
from ml.evaluation.metrics import auc_roc
from ml.predictors.levels import level_order, recode
from ml.training.background_weight import BiasStrength
from ml.training.default_model import Group
from ml.workers import one_thread

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

# Their AUC is within .004 of that of 500 trees in the groups of AWT and SA.
_TREES = 100
_MOST_DRAWN = 400
_SPECIES_SETS = 5
# Species with fewer places are not trained, and do not count in the AUC of species left out while others do.
_FEWEST_PLACES = 4


def measure_bias(group: Group, fold: Labels, seed: int = 0) -> BiasStrength | None:
    """Measure the bias strength of a group.

    A down-sampled forest is fitted to visited places (those with a record of any species) against random background,
    without one fold, and scored in that fold. For the AUC of species left out, the species are divided into sets, and
    the places of one set do not count as visited while its species are scored.

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
    recorded = group.recorded
    visited = np.asarray(recorded.any(axis=1), np.int64)
    everyone = [_Part(fold == k, visited, {0: visited}) for k in np.unique(fold)]
    all_places = _mean_scores(group, everyone, visited, 1, seed)
    if np.isnan(all_places).all():
        return None
    n_species = recorded.shape[1]
    set_of = np.empty(n_species, np.int64)
    set_of[np.random.default_rng(seed).permutation(n_species)] = np.arange(n_species) % _SPECIES_SETS
    parts = []
    for left_out in np.unique(set_of):
        others = np.asarray(recorded[:, set_of != left_out].any(axis=1), np.int64)
        tested = {int(s): recorded[:, s] for s in np.flatnonzero(set_of == left_out)}
        parts += [_Part(fold == k, others, tested) for k in np.unique(fold)]
    by_species = _mean_scores(group, parts, visited, n_species, seed)
    # a species of two places says hardly anything, and would count as much as one of hundreds
    counted = recorded.sum(axis=0) >= _FEWEST_PLACES
    if np.isfinite(by_species[counted]).any():
        by_species = by_species[counted]
    between = None if np.isnan(by_species).all() else round(float(np.nanmean(by_species)), 6)
    return BiasStrength(round(float(all_places[0]), 6), _most_different(group, visited), between)


@dataclass(frozen=True)
class _Part:
    """Rows that are held out, the places that a forest is fitted to, and the sets of places that it scores."""

    held_out: NDArray[np.bool_]
    places: Labels
    tested: dict[int, Labels]


def _mean_scores(group: Group, parts: list[_Part], visited: Labels, n_sets: int, seed: int) -> Floats:
    """Return the AUC of each tested set against random background, averaged over parts by its number of places."""
    total = np.zeros(n_sets)
    count = np.zeros_like(total)
    # With one thread of BLAS the score is the same to the last bit on every machine.
    with one_thread():
        for part in parts:
            test, train = part.held_out, ~part.held_out & ((part.places == 1) | (visited == 0))
            y = part.places[train]
            random = test & (visited == 0)
            wanted = [(i, test & (places == 1)) for i, places in part.tested.items()]
            wanted = [(i, rows) for i, rows in wanted if rows.any()]
            if len(np.unique(y)) < 2 or not random.any() or not wanted:
                continue
            order = level_order(group.rows[train], y, np.ones(len(y)), group.categorical)
            rows = recode(group.rows, order)
            forest = DownSampledForest(n_estimators=_TREES, max_draw=_MOST_DRAWN, random_state=seed).fit(rows[train], y)
            score = np.full(len(rows), np.nan)
            score[test] = forest.predict_proba(rows[test])[:, 1]
            for i, places in wanted:
                labels = np.repeat(np.array([1, 0]), [int(places.sum()), int(random.sum())])
                auc = auc_roc(labels, np.concatenate([score[places], score[random]]))
                total[i] += auc * places.sum()
                count[i] += places.sum()
    with np.errstate(invalid="ignore"):
        return np.asarray(total / count)


def _most_different(group: Group, visited: Labels) -> int | None:
    columns = [j for j in range(group.rows.shape[1]) if j not in group.categorical]
    there, elsewhere = group.rows[visited == 1], group.rows[visited == 0]
    # Places in the middle of a range differ from random points too, without higher or lower values.
    difference = {j: float(ks_2samp(there[:, j], elsewhere[:, j]).statistic) for j in columns}
    most = max(difference, key=difference.__getitem__, default=None)
    return most if most is not None and difference[most] > 0.0 else None
