"""Cross-validation: scores of records from members that were fitted without the records' fold."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray

from ml.card import Validation
from ml.estimators.network import MultiSpeciesNetwork
from ml.predictors.levels import recode
from ml.serving.blend import sampling_variance
from ml.training.background_weight import background_weight
from ml.training.default_model import EngineSettings, Group, GroupModel, fit_species
from ml.training.export import flatten_forest
from ml.workers import one_thread

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class HeldOutScores:
    """Scores of one species' records, each from members that were fitted without the record's fold.

    Attributes
    ----------
    scores : dict of str to ndarray, shape (n,)
        By member; NaN where a record was not scored.
    y : ndarray of 0/1, shape (n,)
    weight : ndarray, shape (n,)
        Weight of a row as background or absence; entries of presences are not used.
    sampling : ndarray, shape (n,)
        Variance of the forest's score over samples of records; NaN where a record was not scored.
    """

    scores: dict[str, Floats]
    y: Labels
    weight: Floats
    sampling: Floats = field(default_factory=lambda: np.zeros(0))


@dataclass(frozen=True)
class CrossValidation:
    """One set of folds and the held-out scores in it.

    Attributes
    ----------
    fold : ndarray of int, shape (n,)
        Fold of each row.
    validation : Validation
        Description of the folds for the card.
    held_out : dict of int to HeldOutScores
        By species (column of the group).
    """

    fold: Labels
    validation: Validation
    held_out: dict[int, HeldOutScores]

    def only(self, species: int) -> CrossValidation:
        """Return a copy with the scores of one species."""
        return replace(self, held_out={species: self.held_out[species]})


@dataclass(frozen=True)
class ScoringPlan:
    """A group whose species are to be scored in given folds.

    Attributes
    ----------
    group : Group
    fold : ndarray of int, shape (n,)
    share : float
        Share of target-group background.
    network : ndarray, shape (n, n_species), or None
        Held-out scores of the network (`held_out_network`).
    """

    group: Group
    fold: Labels
    share: float
    network: Floats | None = None


def held_out_network(group: Group, fold: Labels, share: float, network: MultiSpeciesNetwork) -> Floats:
    """Score each row by a network that was fitted without the row's fold.

    Parameters
    ----------
    group : Group
    fold : ndarray of int, shape (n,)
    share : float
        Share of target-group background.
    network : MultiSpeciesNetwork
        Gives the settings; it is not fitted itself.

    Returns
    -------
    ndarray, shape (n, n_species)
        NaN in a fold that holds all records of the group.
    """
    rows, recorded = group.rows, group.recorded
    scores = np.full(recorded.shape, np.nan)
    # With one thread of BLAS the scores are the same to the last bit on every machine.
    with one_thread():
        for k in np.unique(fold):
            test = fold == k
            if not recorded[~test].any():
                continue
            weight = background_weight(recorded[~test], share, absences=group.absences)
            fitted = MultiSpeciesNetwork(**network.get_params()).fit(rows[~test], recorded[~test], weight)
            scores[test] = fitted.decision_function(rows[test])
    return scores


def held_out_members(
    group: Group,
    species: int,
    fold: Labels,
    share: float,
    settings: EngineSettings,
    network_scores: Floats | None = None,
) -> HeldOutScores:
    """Score each row by one species' members that were fitted without the row's fold.

    Parameters
    ----------
    group : Group
    species : int
        Column of the group.
    fold : ndarray of int, shape (n,)
    share : float
        Share of target-group background.
    settings : EngineSettings
    network_scores : ndarray, shape (n,), optional
        The network's held-out scores for this species.

    Returns
    -------
    HeldOutScores
        NaN in a fold that holds all presences of the species, or all of its background.
    """
    y = group.recorded[:, species]
    scores: dict[str, Floats] = {}
    sampling = np.full(len(y), np.nan)
    shared = GroupModel(share)
    for k in np.unique(fold):
        test = fold == k
        if not 0 < y[~test].sum() < (~test).sum():
            continue
        model = fit_species(group, species, shared, settings, ~test)
        sampling[test] = sampling_variance(flatten_forest(model.forest), recode(group.rows[test], model.order))
        for name, values in model.members(group.rows[test]).items():
            scores.setdefault(name, np.full(len(y), np.nan))[test] = values
    if network_scores is not None:
        scores["network"] = network_scores
    return HeldOutScores(scores, y, background_weight(group.recorded, share, species, group.absences), sampling)


def score_groups(
    plans: Sequence[ScoringPlan],
    settings: EngineSettings,
    on_scored: Callable[[int, int], None] | None = None,
) -> list[tuple[dict[int, HeldOutScores], float]]:
    """Score all species of several groups on held-out folds, several species at a time.

    Work goes to the joblib backend in force (`ml.workers`); the scores do not depend on it.

    Parameters
    ----------
    plans : sequence of ScoringPlan
    settings : EngineSettings
    on_scored : callable, optional
        Called with the number of the plan and the species, the species with most records first.

    Returns
    -------
    list of (dict of int to HeldOutScores, float)
        For each plan the scores by species in the order of its columns, and the seconds of work.
    """
    tasks = largest_first([plan.group for plan in plans])
    calls = (
        # A process is sent the network's scores of its own species, not those of the whole group.
        delayed(_timed_members)(plan.group, s, plan.fold, plan.share, settings, _column(plan.network, s))
        for plan, s in ((plans[p], s) for p, s in tasks)
    )
    scores: list[dict[int, HeldOutScores]] = [{} for _ in plans]
    seconds = [0.0 for _ in plans]
    for (p, species), (held_out, taken) in zip(tasks, Parallel(return_as="generator")(calls), strict=True):
        scores[p][species] = held_out
        seconds[p] += taken
        if on_scored:
            on_scored(p, species)
    return [(dict(sorted(by_species.items())), taken) for by_species, taken in zip(scores, seconds, strict=True)]


def cross_validate(
    group: Group, fold: Labels, validation: Validation, share: float, settings: EngineSettings
) -> CrossValidation:
    """Score all species of one group in given folds, by the network too where the group has one.

    Parameters
    ----------
    group : Group
    fold : ndarray of int, shape (n,)
    validation : Validation
    share : float
        Share of target-group background.
    settings : EngineSettings

    Returns
    -------
    CrossValidation
    """
    network = held_out_network(group, fold, share, settings.network(group.categorical)) if group.has_network else None
    [(held_out, _)] = score_groups([ScoringPlan(group, fold, share, network)], settings)
    return CrossValidation(fold, validation, held_out)


def largest_first(groups: Sequence[Group]) -> list[tuple[int, int]]:
    """List the species of several groups as (group, species), the species with most records first.

    In this order no process is left with a large species at the end.
    """
    tasks = [(g, species) for g, group in enumerate(groups) for species in range(group.n_species)]
    counts = [group.recorded.sum(axis=0) for group in groups]
    return sorted(tasks, key=lambda task: -int(counts[task[0]][task[1]]))


def _column(scores: Floats | None, species: int) -> Floats | None:
    return None if scores is None else scores[:, species]


def _timed_members(
    group: Group, species: int, fold: Labels, share: float, settings: EngineSettings, network: Floats | None
) -> tuple[HeldOutScores, float]:
    started = time.perf_counter()
    held_out = held_out_members(group, species, fold, share, settings, network)
    return held_out, time.perf_counter() - started
