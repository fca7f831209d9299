"""From names and tables to numbers: the species encoder and the feature pipeline."""

from __future__ import annotations

import re
import unicodedata
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from ml.card import Predictor
from ml.transforms import EnvironmentValueError, encode_column

_RANKS = {"subsp", "ssp", "var", "f", "cf", "aff"}


def canonical_name(name: str) -> str:
    """Reduce a scientific name to genus and epithets, without authorship, year or rank markers.

    Parameters
    ----------
    name : str
        For example ``"Acropora digitifera (Dana, 1846)"``.

    Returns
    -------
    str
        For example ``"Acropora digitifera"``; empty when there is no name.
    """
    words = unicodedata.normalize("NFC", name).replace("×", " ").split()
    if not words:
        return ""
    kept = [words[0].capitalize()]
    for word in words[1:]:
        if word.rstrip(".").lower() in _RANKS:
            continue
        # authorship begins at the first word that is not a lower-case epithet
        if not re.fullmatch(r"[a-z][a-z-]+", word):
            break
        kept.append(word)
    return " ".join(kept)


def species_slug(name: str) -> str:
    """Turn a scientific name into the slug used in addresses and file names.

    Parameters
    ----------
    name : str
        A scientific name, with or without authorship.

    Returns
    -------
    str
        Lower-case ASCII letters and digits joined by hyphens.
    """
    ascii_only = unicodedata.normalize("NFKD", canonical_name(name)).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", ascii_only.lower()).strip("-")


class SpeciesEncoder(TransformerMixin, BaseEstimator):
    """Encode species names as integers, reading different spellings of one name as one species.

    Authorship, rank markers and letter case are ignored, so that records of several sources meet.

    Parameters
    ----------
    unknown : {"error", "ignore"}
        A name not met in `fit` raises, or becomes -1.

    Attributes
    ----------
    classes_ : ndarray of str, shape (n_species,)
        Canonical names in alphabetical order; a name's code is its position.
    """

    def __init__(self, unknown: str = "error") -> None:
        self.unknown = unknown

    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Learn the species.

        Parameters
        ----------
        X : array-like of str, shape (n,)
            Scientific names.
        y : ignored

        Returns
        -------
        SpeciesEncoder
        """
        if self.unknown not in ("error", "ignore"):
            raise ValueError("unknown must be 'error' or 'ignore'")
        names = {canonical_name(str(name)) for name in np.ravel(np.asarray(X, dtype=object))}
        if not names or "" in names:
            raise ValueError("every record needs a scientific name")
        self.classes_ = np.array(sorted(names))
        return self

    def transform(self, X: ArrayLike) -> NDArray[np.int64]:
        """Encode names.

        Parameters
        ----------
        X : array-like of str, shape (n,)

        Returns
        -------
        ndarray of int64, shape (n,)

        Raises
        ------
        ValueError
            An unknown name, unless `unknown` is "ignore".
        """
        check_is_fitted(self)
        codes = {name: code for code, name in enumerate(self.classes_)}
        out = np.array([codes.get(canonical_name(str(name)), -1) for name in np.ravel(np.asarray(X, dtype=object))])
        if self.unknown == "error" and (out < 0).any():
            first = np.ravel(np.asarray(X, dtype=object))[int(np.argmax(out < 0))]
            raise ValueError(f"unknown species: {str(first)[:80]}")
        return out.astype(np.int64)

    def inverse_transform(self, X: ArrayLike) -> NDArray[np.str_]:
        """Decode integers into canonical names.

        Parameters
        ----------
        X : array-like of int, shape (n,)

        Returns
        -------
        ndarray of str, shape (n,)
        """
        check_is_fitted(self)
        codes = np.asarray(X, dtype=np.int64)
        if ((codes < 0) | (codes >= len(self.classes_))).any():
            raise ValueError("a code is outside the known species")
        return np.asarray(self.classes_[codes])


class FeaturePipeline(TransformerMixin, BaseEstimator):
    """Turn a table of environmental predictors into the forest's matrix, and learn each predictor's range.

    Parameters
    ----------
    predictors : list of Predictor
        Names, types and transforms; the table's columns are matched by name, in any order.

    Attributes
    ----------
    predictors_ : list of Predictor
        The same with minimum, maximum and median (natural units) or levels filled in.
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
        """
        self._check_columns(X)
        learned = []
        for predictor in self.predictors:
            column = X[predictor.name]
            if column.isna().any():
                raise EnvironmentValueError(predictor.name, f"{int(column.isna().sum())} values are missing")
            if predictor.type == "categorical":
                levels = sorted(column.astype(str).unique())
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
