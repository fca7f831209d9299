"""Small models of one made-up species for `benchmarks.rollout_traffic`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from ml.card import Predictor, Source, SpeciesDescription, StudyDescription
from ml.study import StudyData
from ml.training.train import train_species

SPECIES = "lacerta-ficta"
STUDY = "rollout-hills"
SOILS = ("chalk", "clay", "sand", "peat")


def _study(n_sites: int, seed: int, transform: Literal["none", "log1p"] = "none") -> StudyData:
    draw = np.random.default_rng(seed)
    rock, trees = draw.uniform(0, 90, n_sites).round(1), draw.uniform(0, 100, n_sites).round(1)
    temperature = draw.normal(14, 4, n_sites).round(2).clip(min=0)
    score = (rock - trees) / 40 + (temperature - 14) / 6 + draw.normal(0, 0.7, n_sites)
    other = (trees - rock) / 40 + draw.normal(0, 0.7, n_sites)
    slugs = (SPECIES, "lacerta-altera")
    return StudyData(
        StudyDescription(
            slug=STUDY,
            title="Hills of a rollout",
            description="Made up.",
            records="presence-absence",
            sources=[Source(title="Made up", citation="none", licence="CC0-1.0")],
        ),
        [
            Predictor(name="rock", label="Bare rock", unit="%"),
            Predictor(name="trees", label="Trees", unit="%"),
            Predictor(name="temperature", label="Temperature", unit="°C", transform=transform),
            Predictor(name="soil", label="Soil", type="categorical"),
        ],
        pd.DataFrame({"rock": rock, "trees": trees, "temperature": temperature, "soil": draw.choice(SOILS, n_sites)}),
        [SpeciesDescription(slug=slug, scientific_name=slug.replace("-", " ").capitalize()) for slug in slugs],
        pd.DataFrame({slugs[0]: (score > np.quantile(score, 0.6)).astype(int), slugs[1]: (other > 0).astype(int)}),
        coordinates=np.column_stack([draw.uniform(2, 4, n_sites), draw.uniform(41, 43, n_sites)]),
    )


def train(folder: Path) -> dict[str, Path]:
    """Return the folders of the models, in the order of their versions."""
    root = folder / "data" / "models"
    studies = {
        "active": (_study(150, 1), 20),
        "raises": (_study(150, 2, "log1p"), 20),
        "gone": (_study(150, 3), 20),
        "slow": (_study(1_500, 4), 1_500),
        "good": (_study(400, 5), 20),
    }
    return {
        name: train_species(study, SPECIES, root / name, n_estimators=trees, n_folds=3, n_networks=1)
        for name, (study, trees) in studies.items()
    }
