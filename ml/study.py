"""A loaded study before training: one table of places, with one column for each species."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml.card import Predictor, SpeciesDescription, StudyDescription
from ml.card_preparation import Preparation


@dataclass(frozen=True)
class StudyData:
    """Cleaned records of one study, joined with their environment.

    Attributes
    ----------
    description : StudyDescription
        Title, sources, licence and limits.
    predictors : list of Predictor
        Names, labels, units and transforms; training adds ranges and medians.
    environment : DataFrame, shape (n_sites, n_predictors)
        One row for each site, record or background point, in natural units; columns are the predictors' names.
    species : list of SpeciesDescription
        Species with enough presences to be trained.
    presence : DataFrame, shape (n_sites, n_species)
        1 present, 0 absent or background; columns are species slugs.
    coordinates : ndarray, shape (n_sites, 2), or None
        Longitude and latitude in decimal degrees.
    recorded : dict of str to ndarray, or None
        Longitudes and latitudes of the records of each species, shape (n_places, 2), by slug; None where `coordinates`
        are those of the records. Rows of users' own data are cells of the layers, and a cell has several records.
    projected : ndarray, shape (n_sites, 2), or None
        Easting and northing in metres where the source has them; spatial blocks prefer them to `coordinates`.
    dropped : dict
        Records left out, counted by reason.
    cells : ndarray of int, shape (n_sites,), or None
        Grid cell of each row, by which held-out scores of two versions are paired.
    preparation : Preparation or None
        How the study was made, for studies of users' own data.
    """

    description: StudyDescription
    predictors: list[Predictor]
    environment: pd.DataFrame
    species: list[SpeciesDescription]
    presence: pd.DataFrame
    coordinates: NDArray[np.float64] | None = None
    recorded: dict[str, NDArray[np.float64]] | None = None
    projected: NDArray[np.float64] | None = None
    dropped: dict[str, int] = field(default_factory=dict)
    cells: NDArray[np.int64] | None = None
    preparation: Preparation | None = None
