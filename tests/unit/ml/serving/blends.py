"""A group of made-up species and the full blends fitted to it, for tests of what is stored and explained."""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np

from ml.serving.blend import Blend
from ml.training.default_model import EngineSettings, Group, SpeciesModel, Stacking, fit_species
from ml.training.export import flatten_model
from ml.training.group import fit_group

QUICK = EngineSettings(n_estimators=20, n_networks=2)
N_LEVELS = 4
INTERCEPT, SLOPE = -0.3, 0.8
STACKING = Stacking({"forest": 0.5, "maxent": 0.3, "network": 0.2})


def group(seed: int = 0, categorical: bool = True) -> Group:
    """Two species of three continuous predictors and a soil, the last predictor constant."""
    draw = np.random.default_rng(seed)
    X = draw.normal(size=(300, 4))
    X[:, 2] = draw.integers(0, N_LEVELS, 300)
    X[:, 3] = 5
    recorded = np.zeros((300, 2), int)
    # the species like the levels in an order that is not that of the codes
    taste = np.array([1.5, -1.5, 2.5, 0.0])
    for s, sign in enumerate((1, -1)):
        wish = sign * (X[:, 0] - X[:, 1] ** 2 + taste[X[:, 2].astype(int)]) + draw.normal(size=300)
        recorded[np.argsort(-wish)[:45], s] = 1
    return Group(X.astype(np.float32), recorded, (2,) if categorical else ())


def typical() -> np.ndarray:
    """Typical conditions in the group's codes."""
    return np.array([0.1, 0.2, 1, 5], np.float32)


def without(blend: Blend, *names: str) -> Blend:
    """The blend with some of its companions taken away, their weight shared out among the others."""
    kept = np.array([name not in names for name in ("forest", "maxent", "network")])
    weights = tuple(map(float, blend.weights * kept / (blend.weights @ kept)))
    return replace(blend, weights=weights, **dict.fromkeys(names))


@functools.cache
def fitted(species: int = 0, categorical: bool = True) -> tuple[SpeciesModel, Blend]:
    """A species' forest, MaxEnt-type model and network, as fitted and as flat arrays."""
    records = group(categorical=categorical)
    shared = replace(fit_group(records, None, QUICK), stacking=STACKING)
    model = fit_species(records, species, shared, QUICK)
    return model, flatten_model(model, typical(), INTERCEPT, SLOPE)


def elsewhere(n: int = 200, seed: int = 1) -> np.ndarray:
    """Rows inside and far outside the training range, every level among them."""
    draw = np.random.default_rng(seed)
    rows = draw.normal(scale=draw.choice([0.5, 1, 10, 1e4], (n, 1)), size=(n, 4))
    rows[:, 2] = draw.integers(0, N_LEVELS, n)
    return rows.astype(np.float32)
