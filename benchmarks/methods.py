"""The methods that `benchmarks.engine` compares; each fits one species and predicts the survey sites."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier

from ml.benchmark.nceas import RegionGroup
from ml.estimators.maxent import Maxent
from ml.kernels.logit import share_logit
from ml.predictors.levels import level_order, recode
from ml.training.background_weight import background_weight
from ml.training.default_model import EngineSettings

Floats = NDArray[np.float64]
Scored = tuple[Floats, float, float]
_DRAWN = 10_000
DEFAULT, DOWN, MAXENT, MAXENT_1, ELAPID = (
    "default forest",
    "down-sampled forest",
    "MaxEnt-type",
    "MaxEnt-type, penalty 1",
    "elapid MaxEnt",
)
NETWORK, EQUAL, BLEND = "multi-species network", "plain mean of all three", "the default model"
NO_FOREST, NO_MAXENT, NO_NETWORK = "default without forest", "default without MaxEnt", "default without network"
MEMBERS = {DOWN: "forest", MAXENT: "maxent", NETWORK: "network"}


class Problem:
    """One species with one background."""

    def __init__(self, group: RegionGroup, species: int, share: float, seed: int) -> None:
        self.group, self.species, self.seed = group, species, seed
        records = group.records
        self.y = records.recorded[:, species]
        self.weight = background_weight(records.recorded, share, species)
        self.categorical = records.categorical
        if share > 0:
            draw = np.random.default_rng((seed, species))
            background = draw.choice(len(self.y), _DRAWN, p=self.weight)
        else:
            background = np.flatnonzero(self.weight > 0)
        chosen = np.concatenate((np.flatnonzero(self.y == 1), background))
        self.drawn, self.drawn_y = records.rows[chosen], self.y[chosen]

    def timed(self, fit: Callable[[], object], predict: Callable[[object], Floats]) -> Scored:
        """Fit and predict; return the scores and the seconds of both."""
        started = time.perf_counter()
        model = fit()
        fitted = time.perf_counter()
        scores = predict(model)
        return scores, fitted - started, time.perf_counter() - fitted


def default_forest(p: Problem) -> Scored:
    """Return the scores of scikit-learn's forest with default settings and 500 trees."""
    forest = RandomForestClassifier(500, random_state=p.seed)
    return p.timed(lambda: forest.fit(p.drawn, p.drawn_y), lambda m: m.predict_proba(p.group.test_rows)[:, 1])


def down_sampled(p: Problem, n_estimators: int = EngineSettings.n_estimators) -> Scored:
    """Return the scores of the down-sampled forest alone."""
    order = level_order(p.group.records.rows, p.y, p.weight, p.categorical)
    forest = EngineSettings(n_estimators=n_estimators, seed=p.seed).forest()
    return p.timed(
        lambda: forest.fit(recode(p.group.records.rows, order), p.y, p.weight),
        lambda m: share_logit(m.predict_proba(recode(p.group.test_rows, order))[:, 1]),
    )


def maxent(p: Problem, regularization: float = EngineSettings.regularization) -> Scored:
    """Return the scores of the MaxEnt-type model alone."""
    model = Maxent(regularization=regularization, categorical=p.categorical)
    return p.timed(
        lambda: model.fit(p.group.records.rows, p.y, p.weight), lambda m: m.decision_function(p.group.test_rows)
    )


def known_levels(train: Floats, test: Floats, categorical: Sequence[int]) -> Floats:
    """Return test rows in which levels that are not in the training rows, and that elapid refuses, are the most common.

    Parameters
    ----------
    train, test : ndarray, shape (n, n_predictors)
    categorical : sequence of int
        Columns.

    Returns
    -------
    ndarray, shape (n_test, n_predictors)
    """
    rows = test.copy()
    for j in categorical:
        levels, counts = np.unique(train[:, j], return_counts=True)
        rows[~np.isin(rows[:, j], levels), j] = levels[counts.argmax()]
    return rows


def elapid_maxent(p: Problem) -> Scored:
    """Return the scores of elapid's MaxEnt with default settings."""
    import elapid

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = elapid.MaxentModel(n_cpus=1)
        rows = p.drawn.astype(np.float64)
        cells = known_levels(rows, p.group.test_rows.astype(np.float64), p.categorical)
        return p.timed(
            lambda: model.fit(rows, p.drawn_y, categorical=list(p.categorical) or None),
            lambda m: np.asarray(model.predict(cells)).ravel(),
        )


ALONE: dict[str, Callable[[Problem], Scored]] = {
    DEFAULT: default_forest,
    DOWN: down_sampled,
    MAXENT: maxent,
    MAXENT_1: lambda p: maxent(p, 1.0),
    ELAPID: elapid_maxent,
}
