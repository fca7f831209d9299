"""A study of any size with random records."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ml.card import Predictor, Source, SpeciesDescription, StudyDescription
from ml.study import StudyData


def made_up_study(n_presences: int, n_predictors: int, seed: int) -> StudyData:
    """Make three species with a tenth of the records each, so that the whole blend can be trained.

    Parameters
    ----------
    n_presences : int
    n_predictors : int
        At least three.
    seed : int
    """
    draw = np.random.default_rng(seed)
    n = n_presences * 10
    table = pd.DataFrame(draw.normal(size=(n, n_predictors)), columns=[f"bio{j + 1}" for j in range(n_predictors)])
    suitability = table.bio1 - table.bio2**2 / 2 + draw.normal(size=n)
    presence = {"species": (suitability.rank(ascending=False) <= n_presences).astype(int)}
    for name, column in (("second", "bio2"), ("third", "bio3")):
        presence[name] = (table[column].rank(ascending=False) <= n_presences).astype(int)
    return StudyData(
        StudyDescription(
            slug="made-up",
            title="Made up",
            description="Made up",
            records="presence-background",
            sources=[Source(title="Made up", citation="none", licence="CC0-1.0")],
        ),
        [Predictor(name=name, label=name) for name in table],
        table,
        [SpeciesDescription(slug=slug, scientific_name=f"Species {slug}") for slug in presence],
        pd.DataFrame(presence),
    )
