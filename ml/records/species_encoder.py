"""Species names as integers, as a scikit-learn transformer."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from ml.records.names import canonical_name


class SpeciesEncoder(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is not typed
    """Encode species names as integers; different spellings of a name get the same code.

    Authorship, rank markers and letter case are ignored, so that records of several sources can be combined.

    Parameters
    ----------
    unknown : {"error", "ignore"}
        A name that `fit` did not see raises ValueError, or becomes -1.

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
