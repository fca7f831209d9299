"""The demo studies: loading, cleaning and description of real survey data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ml.datasets.banana_slug import load_banana_slug
from ml.datasets.banana_slug_climate import banana_slug_climate_layers, load_banana_slug_climate
from ml.datasets.era5_layers import Era5Layers
from ml.datasets.mediterranean_birds import load_mediterranean_birds
from ml.datasets.staghorn_coral import load_staghorn_coral, staghorn_coral_layers
from ml.study import StudyData

DEMO_STUDIES: dict[str, Callable[[Path], StudyData]] = {
    "mediterranean-birds": load_mediterranean_birds,
    "banana-slug": load_banana_slug,
    "banana-slug-climate": load_banana_slug_climate,
    "staghorn-coral": load_staghorn_coral,
}
#: The layers of the studies whose places can be asked.
DEMO_LAYERS: dict[str, Callable[[Path], Era5Layers]] = {
    "banana-slug-climate": banana_slug_climate_layers,
    "staghorn-coral": staghorn_coral_layers,
}


def load_study(slug: str, raw: Path) -> StudyData:
    """Load a demo study from the fetched files.

    Parameters
    ----------
    slug : str
        A key of `DEMO_STUDIES`.
    raw : Path
        Directory of the fetched files.

    Returns
    -------
    StudyData

    Raises
    ------
    KeyError
        There is no such study.
    FileNotFoundError
        A file of the study has not been fetched.
    """
    if slug not in DEMO_STUDIES:
        raise KeyError(f"there is no study {slug!r}; there are {', '.join(DEMO_STUDIES)}")
    return DEMO_STUDIES[slug](raw)
