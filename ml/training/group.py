"""Fitting what the species of a group share: the background, the network and the weights of the members.

Training for serving (`ml.training.preparation`) and the NCEAS benchmark (`ml.benchmark.run`) both call `fit_groups` and
`shared_by`, so that published figures are those of the models that users get.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray

from ml.training.background_weight import background_weight
from ml.training.bias_strength import measure_bias
from ml.training.cross_validation import (
    HeldOutScores,
    ScoringPlan,
    held_out_network,
    score_groups,
)
from ml.training.default_model import EngineSettings, Group, GroupModel
from ml.training.folds import every_fold_fits
from ml.training.stacking import fit_stacking
from ml.training.target_group import share_for
from ml.workers import one_thread

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class FittedGroup:
    """The shared parts of one group and the held-out scores that its weights were fitted to.

    Attributes
    ----------
    model : GroupModel
    fold : ndarray of int, shape (n,), or None
        Folds of the held-out scores; None for a group without a network.
    held_out : dict of int to HeldOutScores
        By species; empty for a group without a network.
    seconds : float
        Seconds of work in all processes.
    """

    model: GroupModel
    fold: Labels | None
    held_out: dict[int, HeldOutScores]
    seconds: float


def fit_group(group: Group, fold: Labels | None, settings: EngineSettings) -> GroupModel:
    """Measure the bias, set the share of target-group background and fit the network, without the members' weights.

    Parameters
    ----------
    group : Group
    fold : ndarray of int, shape (n,), or None
        Folds in which the bias is measured; without them the share is one half. The bias of a group with borrowed
        places has been measured.
    settings : EngineSettings

    Returns
    -------
    GroupModel
    """
    if not group.has_network:
        return GroupModel()
    # With one thread of BLAS the model is the same to the last bit on every machine.
    with one_thread():
        bias = group.borrowed
        if bias is None and group.has_target_group and fold is not None:
            bias = measure_bias(group, fold, settings.seed)
        share = share_for(bias) if group.has_target_group else 0.0
        weight = background_weight(group.recorded, share, absences=group.absences)
        network = settings.network(group.categorical).fit(group.rows, group.recorded, weight)
    return GroupModel(share, network, bias=bias)


def shared_by(shared: GroupModel, group: Group, species: int, fold: Labels | None) -> GroupModel:
    """Return the shared parts of a model as one species uses them.

    A model has the members that were assessed on held-out folds. A species whose presences all lie in one of the
    group's folds cannot be assessed in them, and the network has no held-out scores in folds of the species' own. Such
    a species has no network, and its other members have equal weights.

    Parameters
    ----------
    shared : GroupModel
    group : Group
    species : int
        Column of the group.
    fold : ndarray of int, shape (n,), or None
        Folds of the group; None for a group without a network.

    Returns
    -------
    GroupModel
    """
    if fold is not None and every_fold_fits(group.recorded[:, species], fold):
        return shared
    return replace(shared, network=None, stacking=None)


def fit_groups(
    groups: Sequence[tuple[Group, Labels | None]],
    settings: EngineSettings,
    on_fitted: Callable[[int], None] | None = None,
    on_scored: Callable[[int, int], None] | None = None,
) -> list[FittedGroup]:
    """Fit what the species of each group share, and stack the members on held-out folds.

    The groups are fitted several at a time, and then the species of all groups are scored several at a time. Work goes
    to the joblib backend in force (`ml.workers`); the numbers do not depend on it.

    Parameters
    ----------
    groups : sequence of (Group, ndarray of int, shape (n,), or None)
        Each group with its folds; None for a group without a network, whose species share nothing.
    settings : EngineSettings
    on_fitted : callable, optional
        Called with the number of a group when its share is chosen and its network is fitted.
    on_scored : callable, optional
        Called with the number of a group and of its species when the species' held-out scores are ready.

    Returns
    -------
    list of FittedGroup
        In the order of `groups`.
    """
    calls = (delayed(_fit_and_score_network)(group, fold, settings) for group, fold in groups)
    fitted: list[FittedGroup] = []
    plans: dict[int, ScoringPlan] = {}
    for g, (model, network, seconds) in enumerate(Parallel(return_as="generator")(calls)):
        group, fold = groups[g]
        fitted.append(FittedGroup(model, fold, {}, seconds))
        if network is not None and fold is not None:
            plans[g] = ScoringPlan(group, fold, model.share, network)
        if on_fitted:
            on_fitted(g)
    numbers = list(plans)
    scores = score_groups(
        list(plans.values()), settings, (lambda p, species: on_scored(numbers[p], species)) if on_scored else None
    )
    for g, (held_out, seconds) in zip(numbers, scores, strict=True):
        model = replace(fitted[g].model, stacking=fit_stacking(list(held_out.values())))
        fitted[g] = replace(fitted[g], model=model, held_out=held_out, seconds=fitted[g].seconds + seconds)
    return fitted


def _fit_and_score_network(
    group: Group, fold: Labels | None, settings: EngineSettings
) -> tuple[GroupModel, Floats | None, float]:
    started = time.perf_counter()
    model = fit_group(group, fold, settings)
    network = None
    if fold is not None and group.has_network:
        network = held_out_network(group, fold, model.share, settings.network(group.categorical))
    return model, network, time.perf_counter() - started
