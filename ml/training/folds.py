"""Cross-validation folds of a study: spatial blocks where its records have places, random otherwise."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ml.card import Validation
from ml.evaluation.splits import TooCloseError, spatial_blocks, stratified_folds
from ml.study import StudyData
from ml.training.stacking import HeldOut

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


@dataclass(frozen=True)
class Folds:
    """Folds of one kind and what was scored in them.

    Attributes
    ----------
    fold : ndarray of int, shape (n,)
    validation : Validation
    held_out : dict of int to HeldOut
        By species.
    """

    fold: Labels
    validation: Validation
    held_out: dict[int, HeldOut]

    def only(self, species: int) -> Folds:
        """The same with one species' scores."""
        return replace(self, held_out={species: self.held_out[species]})


def choose_folds(study: StudyData, y: Labels, n_folds: int, seed: int) -> tuple[Labels, Validation]:
    """Fold by place where the records have one and are far enough apart, at random otherwise.

    Parameters
    ----------
    study : StudyData
    y : ndarray of 0/1, shape (n,)
    n_folds, seed : int

    Returns
    -------
    fold : ndarray of int, shape (n,)
    validation : Validation
    """
    places = study.projected if study.projected is not None else study.coordinates
    if places is not None:
        try:
            fold, size_km = spatial_blocks(places, y, n_folds, seed, geographic=study.projected is None)
        except TooCloseError:
            pass
        else:
            n = len(np.unique(fold))
            return fold, Validation(method="spatial blocks", folds=n, block_size_km=round(size_km, 1), note=_SPATIAL)
    fold = stratified_folds(y, n_folds, seed)
    note = _RANDOM if places is None else _ONE_PLACE
    return fold, Validation(method="stratified", folds=len(np.unique(fold)), note=note)
