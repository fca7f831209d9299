"""The default model: a down-sampled forest with the companions that its records allow.

| records | members |
|---|---|
| presences and background, one species | forest, MaxEnt-type model |
| presences and background, a group of species | forest, MaxEnt-type model, multi-species network |
| presences and absences, one species | forest |
| presences and absences, a group of species | forest, multi-species network |

Each member estimates the logarithm of the density ratio of presences to background. They err differently, so a mean of
them is better than any; what each weighs is stacked on held-out blocks. A row's score depends on the fitted members and
that row alone.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from ml.estimators.forest import DownSampledForest
from ml.estimators.maxent import Maxent
from ml.estimators.network import MultiSpeciesNetwork
from ml.kernels.logit import share_logit
from ml.predictors.levels import level_order, recode
from ml.training.background_weight import FEWEST_PLACES, ShareChoice, background_weight
from ml.training.stacking import Stacking, equal_weights
from ml.training.target_group import choose_share

Floats = NDArray[np.float64]
Rows = NDArray[np.float32]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class EngineSettings:
    """Settings of the default model; the defaults are what users get.

    Attributes
    ----------
    n_estimators : int
        Trees of the forest.
    max_draw : int
        Most presences one tree draws, which bounds the size of a model.
    regularization : float
        Multiplier of Maxent's penalties.
    n_networks : int
        Networks averaged.
    seed : int
    """

    n_estimators: int = 500
    max_draw: int = 400
    regularization: float = 4.0
    n_networks: int = 5
    seed: int = 0

    def forest(self) -> DownSampledForest:
        """Make an unfitted forest."""
        return DownSampledForest(n_estimators=self.n_estimators, max_draw=self.max_draw, random_state=self.seed)

    def maxent(self, categorical: tuple[int, ...]) -> Maxent:
        """Make an unfitted MaxEnt-type model."""
        return Maxent(regularization=self.regularization, categorical=categorical)

    def network(self, categorical: tuple[int, ...], n_networks: int | None = None) -> MultiSpeciesNetwork:
        """Make an unfitted multi-species network."""
        return MultiSpeciesNetwork(
            n_networks=n_networks or self.n_networks, categorical=categorical, random_state=self.seed
        )


@dataclass(frozen=True)
class Group:
    """The records of a group of species and the background they share.

    Attributes
    ----------
    rows : ndarray of float32, shape (n, n_predictors)
        Encoded predictors; levels by their place in the predictor's list.
    recorded : ndarray of 0/1, shape (n, n_species)
        Rows without any 1 are random background (or, with `absences`, sites where no species was found).
    categorical : tuple of int
        Columns that hold level codes.
    absences : bool
        Whether 0 means that the species was looked for and not found.
    """

    rows: Rows
    recorded: Labels
    categorical: tuple[int, ...] = ()
    absences: bool = False

    @property
    def has_network(self) -> bool:
        """Whether there are species and places enough to learn from each other."""
        return self.recorded.shape[1] > 1 and int(self.recorded.any(axis=1).sum()) >= FEWEST_PLACES

    @property
    def has_target_group(self) -> bool:
        """Whether other species' records can serve as background."""
        return not self.absences and self.has_network and bool((~self.recorded.any(axis=1)).any())


@dataclass(frozen=True)
class GroupModel:
    """What the species of a group share.

    Attributes
    ----------
    choice : ShareChoice
        Of target-group background; 0 where there is no target group.
    network : MultiSpeciesNetwork or None
        None where a species stands alone.
    stacking : Stacking or None
        The members' weights; equal where None.
    """

    choice: ShareChoice
    network: MultiSpeciesNetwork | None = None
    stacking: Stacking | None = None


@dataclass(frozen=True)
class SpeciesModel:
    """One species' fitted members.

    Attributes
    ----------
    forest : DownSampledForest
    maxent : Maxent or None
        None for presences and absences, where it did not help.
    network : MultiSpeciesNetwork or None
    species : int
        The species' column in the network.
    order : dict of int to ndarray of int
        For each categorical column the new code of each level: levels in the order of their share of presences, so that
        one split of a tree can separate any useful grouping of them (Breiman et al. 1984).
    stacking : Stacking or None
        Weights; equal where None.
    """

    forest: DownSampledForest
    maxent: Maxent | None
    network: MultiSpeciesNetwork | None
    species: int
    order: dict[int, NDArray[np.int64]] = field(default_factory=dict)
    stacking: Stacking | None = None

    @property
    def weights(self) -> Stacking:
        """The members' weights, equal where none were stacked."""
        names = ["forest", "maxent", "network"]
        members = (self.forest, self.maxent, self.network)
        return self.stacking or equal_weights([n for n, m in zip(names, members, strict=True) if m is not None])

    def members(self, rows: Rows) -> dict[str, Floats]:
        """Each member's score.

        Parameters
        ----------
        rows : ndarray of float32, shape (n, n_predictors)
            Coded as in the group.

        Returns
        -------
        dict of str to ndarray, shape (n,)
            Logarithms of density ratios.
        """
        recoded = recode(rows, self.order)
        scores = {"forest": share_logit(self.forest.predict_proba(recoded)[:, 1])}
        if self.maxent is not None:
            scores["maxent"] = self.maxent.decision_function(rows)
        if self.network is not None:
            scores["network"] = self.network.decision_function(rows)[:, self.species]
        return scores

    def score(self, rows: Rows) -> Floats:
        """Weighted mean of the members' scores, shape (n,)."""
        return self.weights.mean(self.members(rows))


def fit_group(group: Group, folds: Labels | None, settings: EngineSettings) -> GroupModel:
    """Choose the share of target-group background and fit the network.

    Parameters
    ----------
    group : Group
    folds : ndarray of int, shape (n,), or None
        Spatial blocks; without them the share is one half, which no data has chosen.
    settings : EngineSettings

    Returns
    -------
    GroupModel
    """
    if not group.has_network:
        return GroupModel(ShareChoice(0.0, {}))
    with threadpool_limits(1):
        if not group.has_target_group:
            choice = ShareChoice(0.0, {})
        elif folds is None:
            choice = ShareChoice(0.5, {})
        else:
            choice = choose_share(group.rows, group.recorded, folds, settings.network(group.categorical, 1))
        weight = background_weight(group.recorded, choice.share, absences=group.absences)
        network = settings.network(group.categorical).fit(group.rows, group.recorded, weight)
    return GroupModel(choice, network)


def fit_species(
    group: Group,
    species: int,
    shared: GroupModel,
    settings: EngineSettings,
    train: NDArray[np.bool_] | None = None,
) -> SpeciesModel:
    """Fit one species' own members.

    Parameters
    ----------
    group : Group
    species : int
        Column of the group's `recorded`.
    shared : GroupModel
        Of the same training rows.
    settings : EngineSettings
    train : ndarray of bool, shape (n,), optional
        Rows to fit on; all when left out.

    Returns
    -------
    SpeciesModel

    Raises
    ------
    ValueError
        No presence, or nothing to compare presences with.
    """
    chosen = np.ones(len(group.rows), bool) if train is None else train
    rows, recorded = group.rows[chosen], group.recorded[chosen]
    y = recorded[:, species]
    weight = background_weight(recorded, shared.choice.share, species, group.absences)
    order = level_order(rows, y, weight, group.categorical)
    # whatever BLAS does with more threads, the model stays the same to the last bit
    with threadpool_limits(1):
        forest = settings.forest().fit(recode(rows, order), y, weight)
        maxent = None if group.absences else settings.maxent(group.categorical).fit(rows, y, weight)
    return SpeciesModel(forest, maxent, shared.network, species, order, shared.stacking)


def describe(settings: EngineSettings) -> dict[str, Any]:
    """Settings as they stand in the card, which names the seed apart."""
    return {name: value for name, value in asdict(settings).items() if name != "seed"}
