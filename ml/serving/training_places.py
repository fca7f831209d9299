"""Whether a place is one that a model was trained on, so that what is found there is no independent evidence."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ml.card import ModelCard
from ml.records.thinning import great_circle_km
from ml.serving.nearest_records import PointRecords

#: Within it a place is that of a record. The places of cards and of nearest records are about as fine: 0.01°.
NEAR_KM = 1.0

#: Numbers of the cells of layers by longitudes and latitudes, -1 outside.
CellsOf = Callable[[ArrayLike, ArrayLike], NDArray[np.int64]]


def is_training_place(
    card: ModelCard, records: PointRecords, longitude: float, latitude: float, cells_of: CellsOf | None = None
) -> bool | None:
    """Return whether a place is within 1 km of a record that a model was trained on, or in its cell of the layers.

    Records are presences and, in a study with absences, those. Background points are none: nobody has looked there for
    the model.

    Parameters
    ----------
    card : ModelCard
    records : PointRecords
        Of the model.
    longitude, latitude : float
        Degrees of WGS 84.
    cells_of : callable, optional
        Look-up of the cells of the model's layers; without it the distance decides alone.

    Returns
    -------
    bool or None
        None if it is not known: the model has no places, or keeps a part of its records only and none of it is there.
    """
    has_absences = card.study.records == "presence-absence"
    used = np.ones(len(records.present), bool) if has_absences else records.present
    places = records.places[used].astype(np.float64)
    known = np.isfinite(places).all(axis=1)
    places = places[known]
    if len(places) and (great_circle_km(longitude, latitude, places[:, 0], places[:, 1]) <= NEAR_KM).any():
        return True
    if len(places) and cells_of is not None:
        cell = int(cells_of([longitude], [latitude])[0])
        if cell >= 0 and (cells_of(places[:, 0], places[:, 1]) == cell).any():
            return True
    n_records = card.n_presences + (card.n_absences if has_absences else 0)
    return False if len(places) == n_records else None
