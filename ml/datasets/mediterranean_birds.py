"""Breeding birds along a Mediterranean succession, from rock and grass to holm and cork oak wood."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from ml.card import Predictor, Source, SpeciesDescription, StudyDescription
from ml.datasets.bird_names import BIRDS
from ml.records.names import species_slug
from ml.study import StudyData

FEWEST_PRESENCES = 20

#: Column of the source, predictor, label, what it is.
_COVER = (
    ("ROCH", "bare_rock", "Bare rock", "Share of the ground that is bare rock."),
    ("C.25", "cover_0_25cm", "Vegetation cover 0–25 cm", "Cover of grasses and herbs up to 25 cm high."),
    ("C.50", "cover_25_50cm", "Vegetation cover 25–50 cm", "Cover of the layer from 25 to 50 cm."),
    ("C1", "cover_50_100cm", "Vegetation cover 50–100 cm", "Cover of low shrubs, 50 cm to 1 m."),
    ("C2", "cover_1_2m", "Vegetation cover 1–2 m", "Cover of shrubs, 1 to 2 m."),
    ("C4", "cover_2_4m", "Vegetation cover 2–4 m", "Cover of tall shrubs, 2 to 4 m."),
    ("C8", "cover_4_8m", "Vegetation cover 4–8 m", "Cover of low trees, 4 to 8 m."),
    ("C16", "cover_8_16m", "Vegetation cover 8–16 m", "Cover of tall trees, 8 to 16 m."),
)

_DESCRIPTION = StudyDescription(
    slug="mediterranean-birds",
    title="Mediterranean birds, eastern Pyrenees",
    description=(
        "Which birds breed where, from bare rock and grass through scrub to holm oak and cork oak wood: 182 sites in "
        "the eastern Pyrenees, each visited for its birds and measured for vegetation cover in seven layers of height."
    ),
    records="presence-absence",
    sources=[
        Source(
            title="Bird and vegetation survey (rpjdl)",
            citation=(
                "Prodon, R. & Lebreton, J.-D. 1981. Breeding avifauna of a Mediterranean succession: the holm oak and "
                "cork oak series in the eastern Pyrenees, 1. Analysis and modelling of the structure gradient. "
                "Oikos 37: 21–38."
            ),
            licence="Published with the R package ade4 and the Python package scientisttools (MIT)",
        )
    ],
    limits=[
        "The sites have no coordinates, so validation by place is impossible and the scores are likely to flatter.",
        "The survey is more than 40 years old and covers one mountain range: elsewhere the same cover may mean less.",
        "Only rock and vegetation cover are known; climate, altitude, season, disturbance and hunting are not.",
        "A bird not seen is taken as absent, though it may have been missed.",
    ],
)


def load_mediterranean_birds(raw: Path) -> StudyData:
    """Load the birds with 20 presences or more.

    Parameters
    ----------
    raw : Path
        Directory of ``rpjdl.xlsx``.

    Returns
    -------
    StudyData
    """
    table = pd.read_excel(raw / "rpjdl.xlsx", index_col=0)
    unknown = set(table.columns) - set(BIRDS) - {column for column, *_ in _COVER}
    if unknown:
        raise ValueError(f"rpjdl.xlsx has unknown columns: {', '.join(sorted(map(str, unknown)))}")
    environment = pd.DataFrame(
        # Stored as ln(x + 1) of covers in whole per cent.
        {name: np.round(np.expm1(table[column].to_numpy(dtype=np.float64)), 1) for column, name, *_ in _COVER}
    )
    species, presence = [], {}
    for column, (scientific, english, french) in sorted(BIRDS.items(), key=lambda item: item[1]):
        seen = (table[column].to_numpy() > 0).astype(np.int64)
        if seen.sum() < FEWEST_PRESENCES:
            continue
        slug = species_slug(scientific)
        species.append(
            SpeciesDescription(slug=slug, scientific_name=scientific, vernacular_name=english, other_names=list(french))
        )
        presence[slug] = seen
    predictors = [
        Predictor(
            name=name,
            label=label,
            unit="%",
            description=text,
            lowest_possible=0.0,
            highest_possible=100.0,
            transform="log1p",
        )
        for _, name, label, text in _COVER
    ]
    return StudyData(
        description=_DESCRIPTION,
        predictors=predictors,
        environment=environment,
        species=species,
        presence=pd.DataFrame(presence),
    )
