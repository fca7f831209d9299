"""Encoding: from a predictor in its natural unit to the number that models use, in training and in serving."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ml.card import Predictor


class EnvironmentValueError(ValueError):
    """A value that cannot be used for a predictor.

    Parameters
    ----------
    predictor : str
        Name of the predictor.
    detail : str
        What is wrong, as a sentence for the user.
    """

    def __init__(self, predictor: str, detail: str) -> None:
        super().__init__(f"{predictor}: {detail}")
        self.predictor = predictor
        self.detail = detail


def encode_column(predictor: Predictor, values: ArrayLike) -> NDArray[np.float32]:
    """Encode the values of one predictor.

    Parameters
    ----------
    predictor : Predictor
        Its type, transform and (for a categorical one) levels.
    values : array-like, shape (n,)
        Numbers in the predictor's unit, or level names.

    Returns
    -------
    ndarray of float32, shape (n,)
        Trees compare in single precision; this is the only place where values are rounded to it.

    Raises
    ------
    EnvironmentValueError
        A number is missing, infinite or too large, or the training data do not have the level.
    """
    if predictor.type == "categorical":
        codes = {level: float(code) for code, level in enumerate(predictor.levels or [])}
        out = np.empty(np.size(values), dtype=np.float32)
        for i, value in enumerate(np.atleast_1d(np.asarray(values, dtype=object))):
            code = codes.get(str(value))
            if code is None:
                raise EnvironmentValueError(predictor.name, f"{value!s:.40} is not one of {', '.join(codes)}")
            out[i] = code
        return out
    numbers = np.atleast_1d(np.asarray(values, dtype=np.float64))
    if not np.isfinite(numbers).all():
        raise EnvironmentValueError(predictor.name, "a finite number is needed")
    if predictor.transform == "log1p":
        if (numbers <= -1).any():
            raise EnvironmentValueError(predictor.name, "a number above -1 is needed")
        numbers = np.log1p(numbers)
    with np.errstate(over="ignore"):
        encoded = numbers.astype(np.float32)
    if not np.isfinite(encoded).all():
        raise EnvironmentValueError(predictor.name, "the number is too large")
    return encoded
