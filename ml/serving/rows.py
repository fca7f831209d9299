"""Rows of environmental values, checked and encoded for a model."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.card import Predictor
from ml.predictors.encoding import encode_column, limits_of


class RowEncoder:
    """Encoding of rows in natural units, as the members and the novelty gauge read them.

    Parameters
    ----------
    predictors : sequence of Predictor
        In the order of a row's values.
    """

    def __init__(self, predictors: Sequence[Predictor]) -> None:
        self._predictors = predictors
        self._continuous = [p.type == "continuous" for p in predictors]
        self._log1p = np.array([p.transform == "log1p" for p in predictors])
        self._plain = all(self._continuous)
        limits = np.array([limits_of(p) for p in predictors]).reshape(-1, 2)
        self._low, self._high = limits[:, 0], limits[:, 1]

    def encode_row(self, row: Sequence[float | str]) -> NDArray[np.float32]:
        """Encode one row of natural values.

        Parameters
        ----------
        row : sequence of float or str, length n_predictors
            Natural units (level names where categorical), in the order of the predictors.

        Returns
        -------
        ndarray of float32, shape (n_predictors,)

        Raises
        ------
        EnvironmentValueError
            A value that is missing, infinite or not a known level.
        """
        if len(row) != len(self._predictors):
            raise ValueError(f"{len(self._predictors)} values are needed, {len(row)} were given")
        if self._plain:
            # Other values go to `encode_column`, whose error names the predictor. NaN is not within limits.
            with contextlib.suppress(ValueError, TypeError, OverflowError):
                numbers = np.array(row, dtype=np.float64)
                within = ((numbers >= self._low) & (numbers <= self._high)).all()
                if within and (numbers[self._log1p] > -1).all():
                    numbers[self._log1p] = np.log1p(numbers[self._log1p])
                    return numbers.astype(np.float32)
        return np.array(
            [encode_column(p, [value])[0] for p, value in zip(self._predictors, row, strict=True)], np.float32
        )

    def encode_rows(self, X: NDArray[Any]) -> NDArray[np.float32]:
        """Encode many rows of natural values.

        Parameters
        ----------
        X : ndarray, shape (n, n_predictors)

        Returns
        -------
        ndarray of float32, shape (n, n_predictors)

        Raises
        ------
        EnvironmentValueError
            A value that is missing, infinite or not a known level.
        """
        X = np.asarray(X)
        if X.ndim != 2 or X.shape[1] != len(self._predictors):
            raise ValueError(f"a table with {len(self._predictors)} columns is needed")
        return np.column_stack([encode_column(p, X[:, j]) for j, p in enumerate(self._predictors)])

    def encode_column(self, j: int, values: Sequence[float | str]) -> NDArray[np.float32]:
        """Encode values of the predictor in column j, shape (n,); EnvironmentValueError as for `encode_rows`."""
        return encode_column(self._predictors[j], values)

    def natural_row(self, row: Sequence[float | str]) -> NDArray[np.float32]:
        """Return one row's natural values as the novelty gauge reads them: 0 for a categorical predictor.

        Parameters
        ----------
        row : sequence of float or str, length n_predictors

        Returns
        -------
        ndarray of float32, shape (n_predictors,)
        """
        return np.array(
            [value if continuous else 0.0 for value, continuous in zip(row, self._continuous, strict=True)],
            dtype=np.float32,
        )

    def natural_rows(self, X: NDArray[Any]) -> NDArray[np.float32]:
        """Return the natural values of many rows as `natural_row` does; shape (n, n_predictors) in and out."""
        natural = np.zeros(np.shape(X), np.float32)
        # A value beyond the range of float32 becomes infinite, which is outside every training range.
        with np.errstate(over="ignore"):
            for j, continuous in enumerate(self._continuous):
                if continuous:
                    natural[:, j] = X[:, j]
        return natural
