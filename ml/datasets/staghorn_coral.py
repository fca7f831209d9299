"""A staghorn coral of the Indo-Pacific: GBIF records against the climate of the sea around them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import shapely

from ml.card import Source, SpeciesDescription, StudyDescription
from ml.datasets.era5_layers import (
    CLIMATE,
    ERA5,
    NATURAL_EARTH,
    OUTLINE,
    PREDICTORS,
    Era5Layers,
    conditions,
    predictor_of,
)
from ml.layers.background import Extent, Floats, candidate_cells, on_land, read_land, sample_background
from ml.layers.climatology import Climatology, verify
from ml.records.cleaning import CleaningRules, clean, read_occurrences
from ml.study import StudyData

EXTENT = Extent(west=30.0, south=-35.0, east=-130.0, north=35.0)
N_BACKGROUND = 5_000
#: A cell of the climate grid is 28 km wide at the equator.
MAX_UNCERTAINTY_M = 25_000.0
# The land outline is coarse and reefs lie along it, so that only records this far inland are errors.
_INLAND_DEGREES = 0.4
# Half a diagonal of a cell, so that each record has a cell.
_CELL_DEGREES = 0.18
_SEED = 20220210


def load_staghorn_coral(raw: Path) -> StudyData:
    """Load cleaned presences, one a climate cell, and background cells of the sea.

    Parameters
    ----------
    raw : Path
        Directory of ``AcDigitifera.zip``, the ERA5 climatology and ``naturalearth_lowres.shp``.

    Returns
    -------
    StudyData
    """
    archive, climate, outline = raw / "AcDigitifera.zip", raw / CLIMATE, raw / OUTLINE
    for path in (archive, climate, outline):
        if not path.is_file():
            raise FileNotFoundError(path)
    verify(climate)
    grid, land = Climatology(climate), read_land(outline)

    def far_inland(longitude: Floats, latitude: Floats) -> np.ndarray:
        inland = on_land(land, longitude, latitude)
        rows = np.flatnonzero(inland)
        points = shapely.points(longitude[rows], latitude[rows])
        inland[rows] = shapely.distance(points, shapely.boundary(land)) > _INLAND_DEGREES
        return inland

    def outside_or_inland(longitude: Floats, latitude: Floats) -> np.ndarray:
        return far_inland(longitude, latitude) | ~EXTENT.holds(longitude, latitude)

    kept, dropped = clean(
        read_occurrences(archive),
        CleaningRules(
            max_uncertainty_m=MAX_UNCERTAINTY_M,
            implausible=("far inland, or outside the Indo-Pacific", outside_or_inland),
            cell_of=grid.cell_of,
        ),
    )
    present = kept[["longitude", "latitude"]].to_numpy(dtype=np.float64)
    background = sample_background(
        candidate_cells(grid.longitude, grid.latitude, EXTENT, "sea", land), N_BACKGROUND, _SEED
    )
    coordinates = np.concatenate([present, background])
    slug = "acropora-digitifera"
    return StudyData(
        description=_description({str(k): int(v) for k, v in kept["license_class"].value_counts().items()}),
        predictors=[predictor_of(name) for name in PREDICTORS],
        environment=pd.DataFrame(conditions(grid, coordinates[:, 0], coordinates[:, 1])),
        species=[
            SpeciesDescription(
                slug=slug,
                scientific_name="Acropora digitifera",
                vernacular_name="Finger staghorn coral",
                other_names=["Staghorn coral", "Finger coral", "コユビミドリイシ", "Madrepora digitifera"],
            )
        ],
        presence=pd.DataFrame({slug: np.repeat(np.array([1, 0]), [len(present), len(background)])}),
        coordinates=coordinates,
        dropped=dropped,
    )


def staghorn_coral_layers(raw: Path) -> Era5Layers:
    """Return the layers of the study: the sea, and the land along it, where the coarse outline may be wrong.

    Parameters
    ----------
    raw : Path
        As for `load_staghorn_coral`.
    """
    land = read_land(raw / OUTLINE)
    inner = shapely.buffer(land, -(_INLAND_DEGREES + _CELL_DEGREES))
    shapely.prepare(inner)

    def surface(longitude: Floats, latitude: Floats) -> np.ndarray:
        return ~on_land(inner, longitude, latitude)

    return Era5Layers("staghorn-coral", EXTENT, surface, [raw / CLIMATE, raw / OUTLINE])


def _description(licences: dict[str, int]) -> StudyDescription:
    terms = ", ".join(f"{n} records {licence}" for licence, n in sorted(licences.items()))
    return StudyDescription(
        slug="staghorn-coral",
        title="Staghorn coral, Indo-Pacific",
        description=(
            "Where the reef-building coral Acropora digitifera has been recorded from East Africa to the central "
            "Pacific, against the climate over 5,000 stretches of sea drawn from the same ocean."
        ),
        records="presence-background",
        sources=[
            Source(
                title="Occurrence records from GBIF",
                citation="GBIF.org (10 February 2022) GBIF Occurrence Download https://doi.org/10.15468/dl.megb8n",
                licence=f"{terms}; records under CC BY-NC are left out",
                url="https://doi.org/10.15468/dl.megb8n",
            ),
            ERA5,
            NATURAL_EARTH,
        ],
        limits=[
            "Temperatures are of the air two metres above the sea, which stand in for the water's.",
            "Depth, light, waves, salinity and what the bottom is made of are not known, so most of the open ocean "
            "that suits the climate has no reef to live on.",
            "Background is all sea, deep water included, so the model partly tells coasts from open ocean.",
            "The climate is that of 2000 to 2025, while many records are older museum specimens.",
            "The climate grid is 28 km wide: one record a cell is kept, and cells on the coast mix land and sea.",
            "Records come from where divers and collectors went, so gaps in the map are not absences.",
        ],
    )
