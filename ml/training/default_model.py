"""The default model: a down-sampled forest and, where the records allow it, companions.

| records | members |
|---|---|
| presences and background, one species | forest, MaxEnt-type model |
| presences and background, a group of species | forest, MaxEnt-type model, multi-species network |
| presences and absences, one species | forest |
| presences and absences, a group of species | forest, multi-species network |

Each member estimates the logarithm of the density ratio of presences to background. Their errors differ, so a mean of
the members predicts better than each alone. The weights of that mean are stacked on held-out blocks
(`ml.training.stacking`). The score of a row depends on the fitted members and on that row alone.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.estimators.forest import DownSampledForest
from ml.estimators.maxent import Maxent
from ml.estimators.network import MultiSpeciesNetwork
from ml.kernels.logit import share_logit
from ml.predictors.levels import level_order, recode
from ml.training.background_weight import FEWEST_PLACES, BiasStrength, background_weight
from ml.workers import one_thread

Floats = NDArray[np.float64]
Rows = NDArray[np.float32]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class EngineSettings:
    """Settings of the default model; the defaults are those of training for serving.

    Attributes
    ----------
    n_estimators : int
        Trees of the forest.
    max_draw : int
        Largest number of presences that one tree draws, which bounds the size of a model.
    regularization : float
        Multiplier of Maxent's penalties.
    n_networks : int
        Networks that are averaged.
    seed : int
        Seed of every random draw.
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
        Encoded predictors; a level is coded by its position in the predictor's list of levels.
    recorded : ndarray of 0/1, shape (n, n_species)
        Rows without any 1 are random background (or, with `absences`, sites where no species was found).
    categorical : tuple of int
        Columns of level codes.
    absences : bool
        Whether 0 means that the species was looked for and not found.
    borrowed : BiasStrength or None
        How similar the bias of another group is, whose places are the last column of `recorded`
        (`ml.training.borrowing`); None if no places are borrowed.
    """

    rows: Rows
    recorded: Labels
    categorical: tuple[int, ...] = ()
    absences: bool = False
    borrowed: BiasStrength | None = None

    @property
    def n_species(self) -> int:
        """The number of species; borrowed places are none."""
        return int(self.recorded.shape[1]) - (self.borrowed is not None)

    @property
    def has_network(self) -> bool:
        """Whether the group has several species, or borrowed places, and enough places for a shared network."""
        return self.recorded.shape[1] > 1 and int(self.recorded.any(axis=1).sum()) >= FEWEST_PLACES

    @property
    def has_target_group(self) -> bool:
        """Whether records of other species can serve as background."""
        return not self.absences and self.has_network and bool((~self.recorded.any(axis=1)).any())


@dataclass(frozen=True)
class Stacking:
    """Weights of the members and the calibration that was fitted with them.

    Attributes
    ----------
    weights : dict of str to float
        By member; their sum is 1.
    intercept, slope : float
        The logistic function of intercept + slope · weighted mean is the share of presences where presences and
        background are equally common.
    """

    weights: dict[str, float]
    intercept: float = 0.0
    slope: float = 1.0

    def mean(self, scores: dict[str, Floats]) -> Floats:
        """Return the weighted mean of the members' scores; any shape."""
        return np.asarray(sum(weight * scores[name] for name, weight in self.weights.items()))


def equal_weights(members: list[str]) -> Stacking:
    """Return equal weights for the members."""
    return Stacking({name: 1 / len(members) for name in members})


@dataclass(frozen=True)
class GroupModel:
    """The parts of a model that the species of a group share; by default nothing is shared.

    Attributes
    ----------
    share : float
        Share of target-group background; 0 where there is no target group.
    network : MultiSpeciesNetwork or None
        None for a species without a group.
    stacking : Stacking or None
        Weights of the members; None for equal weights.
    bias : BiasStrength or None
        None without a target group or without folds.
    """

    share: float = 0.0
    network: MultiSpeciesNetwork | None = None
    stacking: Stacking | None = None
    bias: BiasStrength | None = None


@dataclass(frozen=True)
class SpeciesModel:
    """The fitted members of one species.

    Attributes
    ----------
    forest : DownSampledForest
    maxent : Maxent or None
        None for presences and absences, where it did not improve the model.
    network : MultiSpeciesNetwork or None
    species : int
        Column of the species in the network.
    order : dict of int to ndarray of int
        New code of each level by categorical column: levels in the order of their share of presences, so that one
        split of a tree can separate any useful grouping of levels (Breiman et al. 1984).
    stacking : Stacking or None
        Weights of the members; None for equal weights.
    """

    forest: DownSampledForest
    maxent: Maxent | None
    network: MultiSpeciesNetwork | None
    species: int
    order: dict[int, NDArray[np.int64]] = field(default_factory=dict)
    stacking: Stacking | None = None

    @property
    def weights(self) -> Stacking:
        """Weights of the members; equal where none were stacked."""
        names = ["forest", "maxent", "network"]
        members = (self.forest, self.maxent, self.network)
        return self.stacking or equal_weights([n for n, m in zip(names, members, strict=True) if m is not None])

    def members(self, rows: Rows) -> dict[str, Floats]:
        """Return the score of each member.

        Parameters
        ----------
        rows : ndarray of float32, shape (n, n_predictors)
            Level codes are those of the group.

        Returns
        -------
        dict of str to ndarray, shape (n,)
            Logarithms of density ratios by member.
        """
        recoded = recode(rows, self.order)
        scores = {"forest": share_logit(self.forest.predict_proba(recoded)[:, 1])}
        if self.maxent is not None:
            scores["maxent"] = self.maxent.decision_function(rows)
        if self.network is not None:
            scores["network"] = self.network.decision_function(rows)[:, self.species]
        return scores

    def score(self, rows: Rows) -> Floats:
        """Return the weighted mean of the members' scores, shape (n,)."""
        return self.weights.mean(self.members(rows))


def fit_species(
    group: Group,
    species: int,
    shared: GroupModel,
    settings: EngineSettings,
    train: NDArray[np.bool_] | None = None,
) -> SpeciesModel:
    """Fit the members of one species that it does not share with its group.

    Parameters
    ----------
    group : Group
    species : int
        Column of the group's `recorded`.
    shared : GroupModel
        Fitted to the same training rows.
    settings : EngineSettings
    train : ndarray of bool, shape (n,), optional
        Rows to fit on; all when left out.

    Returns
    -------
    SpeciesModel

    Raises
    ------
    ValueError
        There is no presence, or no absence or background to compare presences with.
    """
    chosen = np.ones(len(group.rows), bool) if train is None else train
    rows, recorded = group.rows[chosen], group.recorded[chosen]
    y = recorded[:, species]
    weight = background_weight(recorded, shared.share, species, group.absences)
    order = level_order(rows, y, weight, group.categorical)
    # With one thread of BLAS the model is the same to the last bit on every machine.
    with one_thread():
        forest = settings.forest().fit(recode(rows, order), y, weight)
        maxent = None if group.absences else settings.maxent(group.categorical).fit(rows, y, weight)
    return SpeciesModel(forest, maxent, shared.network, species, order, shared.stacking)


def describe(settings: EngineSettings) -> dict[str, Any]:
    """Return the settings that the card lists as parameters; the card has its own field for the seed."""
    return {name: value for name, value in asdict(settings).items() if name != "seed"}
