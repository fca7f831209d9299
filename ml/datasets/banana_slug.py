"""Button's banana slug in California, with remotely sensed surface temperature, leaf area and cloud."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
import pyproj
import shapely
from numpy.typing import NDArray

from ml.card import Predictor, Source, SpeciesDescription, StudyDescription
from ml.study import StudyData

_UTM_10N = "EPSG:32610"

#: Column of the source and the predictor it becomes.
_PREDICTORS: dict[str, Predictor] = {
    "SurfaceTempMean": Predictor(
        name="surface_temperature_mean",
        label="Surface temperature, mean",
        unit="°C",
        description="Mean temperature of the land surface as satellites see it; warmer than the air by day.",
        lowest_possible=-60.0,
        highest_possible=80.0,
    ),
    "SurfaceTempStdv": Predictor(
        name="surface_temperature_sd",
        label="Surface temperature, variation",
        unit="°C",
        description="Standard deviation of the surface temperature over time.",
        lowest_possible=0.0,
        highest_possible=60.0,
    ),
    "LAIMean": Predictor(
        name="leaf_area_index_mean",
        label="Leaf area index, mean",
        unit="m²/m²",
        description="Leaf area above a square metre of ground: 0 bare, 1 grass, 4 and more dense forest.",
        lowest_possible=0.0,
        highest_possible=15.0,
    ),
    "LAIStdv": Predictor(
        name="leaf_area_index_sd",
        label="Leaf area index, variation",
        unit="m²/m²",
        description="Standard deviation of the leaf area over time.",
        lowest_possible=0.0,
        highest_possible=10.0,
    ),
    "CloudCoverMean": Predictor(
        name="cloud_cover_mean",
        label="Cloud cover, mean",
        unit="",
        description="Share of satellite passes that met cloud or fog, 0 to 1.",
        lowest_possible=0.0,
        highest_possible=1.0,
    ),
    "CloudCoverStdv": Predictor(
        name="cloud_cover_sd",
        label="Cloud cover, variation",
        unit="",
        description="How much cloud varies: 0.5 is the most there can be, half of the passes clear and half not.",
        lowest_possible=0.0,
        highest_possible=0.5,
    ),
}

_DESCRIPTION = StudyDescription(
    slug="banana-slug",
    title="Banana slug, California",
    description=(
        "Where Button's banana slug lives in California: records of the slug against a sample of the landscape, "
        "described by what satellites see of warmth, leaves and fog."
    ),
    records="presence-background",
    sources=[
        Source(
            title="Ariolimax buttoni sample data of elapid",
            citation=(
                "Anderson, C. B. 2023. elapid: Species distribution modeling tools for Python. Journal of Open Source "
                "Software 8(84): 4930. Records and layers compiled there from public sources."
            ),
            licence="MIT",
            url="https://earth-chris.github.io/elapid/",
        )
    ],
    limits=[
        "Records come from where people walk and look, so the model partly learns where people are.",
        "Background points are a sample of the landscape, not places where the slug was looked for and not found.",
        "Suitability is a relative index, not a probability of meeting a slug.",
        "Soil, logs, moisture on the ground and fire are not among the predictors.",
        "The source does not say which years the satellite layers cover.",
    ],
)


def load_banana_slug(raw: Path) -> StudyData:
    """Load presences and background points with both projected and geographic coordinates.

    Parameters
    ----------
    raw : Path
        Directory of ``ariolimax.gpkg``.

    Returns
    -------
    StudyData
    """
    path = raw / "ariolimax.gpkg"
    if not path.is_file():
        raise FileNotFoundError(path)
    fields, projected = _read_points(path)
    to_degrees = pyproj.Transformer.from_crs(_UTM_10N, "EPSG:4326", always_xy=True)
    coordinates = np.column_stack(to_degrees.transform(projected[:, 0], projected[:, 1]))
    environment = pd.DataFrame({p.name: fields[column].astype(np.float64) for column, p in _PREDICTORS.items()})
    slug = "ariolimax-buttoni"
    return StudyData(
        description=_DESCRIPTION,
        predictors=list(_PREDICTORS.values()),
        environment=environment,
        species=[
            SpeciesDescription(
                slug=slug,
                scientific_name="Ariolimax buttoni",
                vernacular_name="Button's banana slug",
                other_names=["Banana slug"],
            )
        ],
        presence=pd.DataFrame({slug: fields["presence"].astype(np.int64)}),
        coordinates=coordinates,
        projected=projected,
    )


def _read_points(path: Path) -> tuple[pd.DataFrame, NDArray[np.float64]]:
    """Read the columns and the points of a GeoPackage, which is a database of SQLite."""
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as database:
        table, organization, number = database.execute(
            "SELECT c.table_name, s.organization, s.organization_coordsys_id FROM gpkg_contents c "
            "JOIN gpkg_spatial_ref_sys s ON s.srs_id = c.srs_id WHERE c.data_type = 'features'"
        ).fetchone()
        if f"{organization}:{number}".upper() != _UTM_10N:
            raise ValueError(f"{path.name} is in {organization}:{number}, not {_UTM_10N}")
        fields = pd.read_sql_query(f'SELECT * FROM "{table}" ORDER BY fid', database)  # noqa: S608 (a pinned file)
    # WKB follows a header of 8 bytes, and an envelope whose size is in the flags: points have none
    headers = {bytes(blob[:2]) + bytes([blob[3] & 0b1110]) for blob in fields["geom"]}
    if headers != {b"GP\0"}:
        raise ValueError(f"{path.name} has geometries of another form than points without an envelope")
    points = shapely.from_wkb([bytes(blob[8:]) for blob in fields["geom"]])
    return fields, np.asarray(shapely.get_coordinates(points), dtype=np.float64)
