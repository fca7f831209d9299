"""The folds of a study or a group: spatial blocks where possible, random folds otherwise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ml.card import Validation
from ml.evaluation.splits import TooCloseError, spatial_blocks, stratified_folds
from ml.study import StudyData

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

_SPATIAL = (
    "Each fold holds out whole blocks of the map, so the model is judged on places it has not seen next to "
    "(Roberts et al. 2017)."
)
_RANDOM = (
    "The records have no coordinates, so folds were drawn at random. Sites near each other can fall on both sides, "
    "which flatters the scores."
)
_ONE_PLACE = (
    "The presences lie too close together for spatial blocks, so folds were drawn at random, which flatters the scores."
)


def study_folds(study: StudyData, y: Labels, n_folds: int, seed: int) -> tuple[Labels, Validation]:
    """Choose the folds of a study by `choose_folds`, from projected coordinates where the study has them."""
    geographic = study.projected is None
    return choose_folds(study.coordinates if geographic else study.projected, y, n_folds, seed, geographic)


def choose_folds(
    places: Floats | None, y: Labels, n_folds: int, seed: int, geographic: bool
) -> tuple[Labels, Validation]:
    """Make spatial blocks where records have places that are far enough apart, and random folds otherwise.

    Parameters
    ----------
    places : ndarray, shape (n, 2), or None
        Longitude and latitude in degrees, or easting and northing in metres.
    y : ndarray of 0/1, shape (n,)
        The classes that every fold gets an even part of.
    n_folds, seed : int
    geographic : bool
        Whether `places` are in degrees.

    Returns
    -------
    fold : ndarray of int, shape (n,)
    validation : Validation

    Raises
    ------
    ValueError
        Not even two folds with both classes can be made.
    """
    if places is not None:
        try:
            fold, size_km = spatial_blocks(places, y, n_folds, seed, geographic=geographic)
        except TooCloseError:
            pass
        else:
            n = len(np.unique(fold))
            return fold, Validation(method="spatial blocks", folds=n, block_size_km=round(size_km, 1), note=_SPATIAL)
    fold = stratified_folds(y, n_folds, seed)
    note = _RANDOM if places is None else _ONE_PLACE
    return fold, Validation(method="stratified", folds=len(np.unique(fold)), note=note)


def every_fold_fits(y: Labels, fold: Labels) -> bool:
    """Return whether both classes remain to be fitted to, whichever fold is held out.

    They do not for a species whose presences all lie in one fold.

    Parameters
    ----------
    y : ndarray of 0/1, shape (n,)
    fold : ndarray of int, shape (n,)

    Returns
    -------
    bool
    """
    return all(0 < y[fold != f].mean() < 1 for f in np.unique(fold))
