"""Small synthetic studies, on which real models are trained in seconds."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ml.card import Predictor, Source, SpeciesDescription, StudyDescription
from ml.study import StudyData

NAMES = [
    ("Oenanthe hispanica", "black-eared wheatear", "Traquet oreillard"),
    ("Sylvia atricapilla", "Eurasian blackcap", "Fauvette à tête noire"),
    ("Parus major", "great tit", "Mésange charbonnière"),
    ("Turdus merula", "common blackbird", "Merle noir"),
    ("Emberiza cia", "rock bunting", "Bruant fou"),
    ("Lullula arborea", "woodlark", "Alouette lulu"),
]


def synthetic_study(
    n_sites: int = 120,
    n_species: int = 3,
    seed: int = 0,
    coordinates: bool = True,
    categorical: bool = False,
    slug: str = "test-hills",
) -> StudyData:
    """Make a presence-absence study whose species follow rock cover, trees and temperature."""
    draw = np.random.default_rng(seed)
    rock = draw.uniform(0, 90, n_sites).round(1)
    trees = draw.uniform(0, 100, n_sites).round(1)
    temperature = draw.normal(14, 4, n_sites).round(2)
    environment = pd.DataFrame({"bare_rock": rock, "trees": trees, "temperature": temperature})
    cover = {"unit": "%", "lowest_possible": 0, "highest_possible": 100, "transform": "log1p"}
    predictors = [
        Predictor(name="bare_rock", label="Bare rock", **cover),
        Predictor(name="trees", label="Trees", **cover),
        Predictor(name="temperature", label="Temperature", unit="°C", lowest_possible=-90, highest_possible=70),
    ]
    if categorical:
        environment["soil"] = draw.choice(["chalk", "clay", "sand"], n_sites)
        predictors.append(Predictor(name="soil", label="Soil", type="categorical"))
    species = [
        SpeciesDescription(
            slug=name.lower().replace(" ", "-"), scientific_name=name, vernacular_name=english, other_names=[french]
        )
        for name, english, french in NAMES[:n_species]
    ]
    presence = {}
    for i, one in enumerate(species):
        score = (rock - trees) * (1 if i % 2 == 0 else -1) / 40 + (temperature - 14) / 6 + draw.normal(0, 0.7, n_sites)
        presence[one.slug] = (score > np.quantile(score, 0.65)).astype(int)
    return StudyData(
        description=StudyDescription(
            slug=slug,
            title="Test hills",
            description="Made-up hills for tests.",
            records="presence-absence",
            sources=[Source(title="Made up", citation="Nobody (2026)", licence="CC0-1.0")],
            limits=["These records are invented."],
        ),
        predictors=predictors,
        environment=environment,
        species=species,
        presence=pd.DataFrame(presence),
        coordinates=np.column_stack([draw.uniform(2, 4, n_sites), draw.uniform(41, 43, n_sites)])
        if coordinates
        else None,
        dropped={"no date": 2},
    )


def recorded_study(n_places: int = 150, n_background: int = 400, seed: int = 0, categorical: bool = False) -> StudyData:
    """Make a presence-only study of three species, recorded mostly where people go, with random background."""
    base = synthetic_study(n_places + n_background, 3, seed, categorical=categorical)
    draw = np.random.default_rng(seed + 1)
    presence = base.presence.copy()
    # observers prefer warm places, whichever species live there
    effort = base.environment["temperature"].rank(ascending=False).to_numpy() + draw.normal(
        scale=150, size=len(presence)
    )
    visited = effort <= np.sort(effort)[n_places - 1]
    presence[~visited] = 0
    unrecorded = visited & ~presence.any(axis=1).to_numpy()
    keep = ~unrecorded
    assert base.coordinates is not None
    return StudyData(
        base.description.model_copy(update={"records": "presence-background", "slug": "test-records"}),
        base.predictors,
        base.environment[keep].reset_index(drop=True),
        base.species,
        presence[keep].reset_index(drop=True),
        base.coordinates[keep],
        dropped=base.dropped,
    )
