"""Button's banana slug against the climate of California on the ERA5 grid, with warmer futures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from ml.card import Source, SpeciesDescription, StudyDescription
from ml.datasets.banana_slug import load_banana_slug
from ml.datasets.era5_layers import (
    CLIMATE,
    ERA5,
    NATURAL_EARTH,
    OUTLINE,
    Era5Layers,
    conditions,
    near,
    predictor_of,
)
from ml.datasets.temperature_change import PRESENT, read_change
from ml.layers.background import Extent, Floats, read_land
from ml.layers.climatology import Climatology, verify
from ml.recipes.slugs import species_slug_in
from ml.study import StudyData

SLUG = "banana-slug-climate"
#: California and what surrounds it, centres of cells.
EXTENT = Extent(west=-126.0, south=31.0, east=-112.0, north=44.0)
#: The outline is coarse, and cells on the coast are of land and sea.
_COAST_DEGREES = 0.25
#: Pathway to its file and the words of its scenario.
_PATHWAYS = {
    "A1B": ("A1B_north_america.nc", "A1B, rapid growth with a balance of energy sources"),
    "E1": ("E1_north_america.nc", "E1, emissions cut to keep warming near 2 °C"),
}
_PERIODS = ((2040, 2069), (2070, 2099))


def load_banana_slug_climate(raw: Path) -> StudyData:
    """Load the cells of the climate grid with records of the slug, and those with other points of the landscape.

    Parameters
    ----------
    raw : Path
        Directory of ``ariolimax.gpkg`` and the ERA5 climatology.

    Returns
    -------
    StudyData
    """
    points = load_banana_slug(raw)
    climate = raw / CLIMATE
    if not climate.is_file():
        raise FileNotFoundError(climate)
    verify(climate)
    grid = Climatology(climate)
    present = points.presence.iloc[:, 0].to_numpy() == 1
    cell = _cells(points, grid)
    with_record = np.unique(cell[present])
    others = np.setdiff1d(np.unique(cell[~present]), with_record)
    row, column = np.divmod(np.concatenate([with_record, others]), grid.longitude.size)
    coordinates = np.column_stack([(grid.longitude[column] + 180.0) % 360.0 - 180.0, grid.latitude[row]])
    slug = species_slug_in(SLUG, points.species[0].slug)
    return StudyData(
        description=_description(int(present.sum()), len(with_record), len(others)),
        predictors=[predictor_of(name) for name in conditions(grid, coordinates[:1, 0], coordinates[:1, 1])],
        environment=pd.DataFrame(conditions(grid, coordinates[:, 0], coordinates[:, 1])),
        species=[
            SpeciesDescription(
                slug=slug,
                scientific_name=points.species[0].scientific_name,
                vernacular_name=points.species[0].vernacular_name,
                other_names=points.species[0].other_names,
            )
        ],
        presence=pd.DataFrame({slug: np.repeat(np.array([1, 0]), [len(with_record), len(others)])}),
        coordinates=coordinates,
        dropped={"another record in the same cell": int(present.sum()) - len(with_record)},
    )


def banana_slug_climate_layers(raw: Path) -> Era5Layers:
    """Return the layers of the study: today's climate, and that of four futures with its rain.

    Parameters
    ----------
    raw : Path
        Directory of ``ariolimax.gpkg``, the ERA5 climatology, the land outline and the projections of the Met Office.
    """
    land, grid = read_land(raw / OUTLINE), Climatology(raw / CLIMATE)
    # the outline lacks the islands off the coast, which have points of the landscape
    with_points = np.unique(_cells(load_banana_slug(raw), grid))

    def surface(longitude: Floats, latitude: Floats) -> np.ndarray:
        on_islands = np.isin(grid.cell_of(longitude, latitude), with_points)
        return near(land, longitude, latitude, _COAST_DEGREES) | on_islands

    scenarios = {}
    for pathway, (name, words) in _PATHWAYS.items():
        for first, last in _PERIODS:
            note = (
                f"{words}, in {first} to {last}: today's temperatures raised by the change of the annual mean against "
                f"{PRESENT[0]} to {PRESENT[1]} of the same projection. Rain and the seasons' course stay as they are."
            )
            scenarios[f"{pathway} {first}–{last}"] = note, read_change(raw / name, (first, last))
    files = [raw / CLIMATE, raw / OUTLINE, *(raw / name for name, _ in _PATHWAYS.values())]
    return Era5Layers(SLUG, EXTENT, surface, files, scenarios)


def _cells(points: StudyData, grid: Climatology) -> np.ndarray:
    assert points.coordinates is not None  # noqa: S101 (the study has coordinates)
    return grid.cell_of(points.coordinates[:, 0], points.coordinates[:, 1])


def _description(records: int, cells: int, others: int) -> StudyDescription:
    return StudyDescription(
        slug=SLUG,
        title="Banana slug and climate, California",
        description=(
            f"Where Button's banana slug lives in California, seen by climate alone: {cells} cells of the ERA5 grid "
            f"with {records:,} records, beside {others} other cells. Its layers cover today and four warmer futures."
        ),
        records="presence-background",
        sources=[
            Source(
                title="Ariolimax buttoni sample data of elapid",
                citation=(
                    "Anderson, C. B. 2023. elapid: Species distribution modeling tools for Python. Journal of Open "
                    "Source Software 8(84): 4930. Records compiled there from public sources."
                ),
                licence="MIT",
                url="https://earth-chris.github.io/elapid/",
            ),
            ERA5,
            Source(
                title="Projections A1B and E1, North America, 1860–2099",
                citation=(
                    "Met Office Unified Model 6.05, annual mean air temperature; sample data of Iris. Contains public "
                    "sector information licensed under the Open Government Licence. © Crown copyright, Met Office."
                ),
                licence="Open Government Licence",
                url="https://github.com/SciTools/iris-sample-data",
            ),
            NATURAL_EARTH,
        ],
        limits=[
            "A cell is 28 km from north to south and mixes fog belt, ridges and valleys: what a slug meets is finer.",
            "Records come from where people walk and look, so the model partly learns where people are.",
            "Background cells are a sample of the landscape, not cells where the slug was looked for and not found.",
            "In the scenarios only temperatures change, by the annual mean of one older climate model; rain and the "
            "seasons' course stay as they are today.",
            "Soil, logs, moisture on the ground and fire are not among the predictors.",
            "Suitability is a relative index, not a probability of meeting a slug.",
        ],
    )
