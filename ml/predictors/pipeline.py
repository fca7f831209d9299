"""The feature pipeline: a scikit-learn transformer from a table of predictors to encoded rows."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from ml.card import Predictor
from ml.predictors.encoding import EnvironmentValueError, encode_column, level_text


class FeaturePipeline(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is not typed
    """Encode a table of environmental predictors, and learn each predictor's range or levels.

    Parameters
    ----------
    predictors : list of Predictor
        Names, types and transforms; the table's columns are matched by name, in any order.

    Attributes
    ----------
    predictors_ : list of Predictor
        `predictors` with minimum, maximum and median (natural units) or levels filled in.
    """

    def __init__(self, predictors: list[Predictor]) -> None:
        self.predictors = predictors

    def fit(self, X: pd.DataFrame, y: Any = None) -> Self:
        """Learn ranges and levels.

        Parameters
        ----------
        X : DataFrame, shape (n, n_predictors)
            Natural units.
        y : ignored

        Returns
        -------
        FeaturePipeline

        Raises
        ------
        EnvironmentValueError
            A column or value is missing, or a value is infinite.
        """
        self._check_columns(X)
        learned = []
        for predictor in self.predictors:
            column = X[predictor.name]
            if column.isna().any():
                raise EnvironmentValueError(predictor.name, f"{int(column.isna().sum())} values are missing")
            if predictor.type == "categorical":
                levels = sorted({level_text(value) for value in column.unique()})
                learned.append(predictor.model_copy(update={"levels": levels}))
                continue
            numbers = column.to_numpy(dtype=np.float64)
            if not np.isfinite(numbers).all():
                raise EnvironmentValueError(predictor.name, "a value is infinite")
            learned.append(
                predictor.model_copy(
                    update={
                        "minimum": float(numbers.min()),
                        "maximum": float(numbers.max()),
                        "median": float(np.median(numbers)),
                    }
                )
            )
        self.predictors_ = learned
        return self

    def transform(self, X: pd.DataFrame) -> NDArray[np.float32]:
        """Encode a table.

        Parameters
        ----------
        X : DataFrame, shape (n, n_predictors)
            Natural units.

        Returns
        -------
        ndarray of float32, shape (n, n_predictors)
            Columns in the order of `predictors`.
        """
        check_is_fitted(self)
        self._check_columns(X)
        return np.column_stack([encode_column(p, X[p.name].to_numpy()) for p in self.predictors_])

    def _check_columns(self, X: pd.DataFrame) -> None:
        for predictor in self.predictors:
            if predictor.name not in X.columns:
                raise EnvironmentValueError(predictor.name, "the column is missing")
