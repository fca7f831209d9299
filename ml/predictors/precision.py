"""Predictors whose values differ by less than single precision, in which models compute, tells apart."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ml.card import Predictor
from ml.predictors.encoding import EnvironmentValueError

_ADVICE = "give it as the difference from a typical value"
# With more steps than this between the smallest and the largest value, nothing that matters is lost.
_ENOUGH_STEPS = 1000


def lost_differences(predictor: Predictor, values: NDArray[np.float64], encoded: NDArray[np.float32]) -> list[str]:
    """Return a note where large values with small differences become equal when they are encoded.

    Parameters
    ----------
    predictor : Predictor
        A continuous one.
    values : ndarray, shape (n,)
        In its unit.
    encoded : ndarray of float32, shape (n,)

    Returns
    -------
    list of str
        Empty, or one note for the card.

    Raises
    ------
    EnvironmentValueError
        All values become equal.
    """
    n_values = len(np.unique(values))
    n_encoded = len(np.unique(encoded))
    if n_values == n_encoded:
        return []
    if n_encoded == 1:
        raise EnvironmentValueError(
            predictor.name, f"its values differ by too little for numbers of their size; {_ADVICE}"
        )
    steps = float(np.ptp(encoded)) / float(np.spacing(np.abs(encoded).max()))
    if steps >= _ENOUGH_STEPS:
        return []
    return [f"{predictor.label}: models tell only {n_encoded} of its {n_values} values apart; {_ADVICE}."]
