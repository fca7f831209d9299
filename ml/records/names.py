"""Scientific names: canonical form, slugs and codes."""

from __future__ import annotations

import re
import unicodedata
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

_RANKS = {"subsp", "ssp", "var", "f", "cf", "aff"}


def canonical_name(name: str) -> str:
    """Return genus and epithets of a scientific name, without authorship, year and rank markers.

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
        # Authorship begins at the first word that is not a lower-case epithet.
        if not re.fullmatch(r"[a-z][a-z-]+", word):
            break
        kept.append(word)
    return " ".join(kept)


def species_slug(name: str) -> str:
    """Return the slug of a scientific name, for addresses and file names.

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
