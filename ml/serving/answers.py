"""Answers of a model: of one row, and of many rows as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ml.serving.novelty import Novelty
from ml.serving.threshold import Cutoff


@dataclass(frozen=True)
class SuitabilityAnswer:
    """The complete answer for one row.

    Attributes
    ----------
    suitability : float
        0..1.
    interval : (float, float)
        Contains the share of similar places that have the species in nine of ten cases, as held-out records show.
    sources : dict of str to float
        Shares of the interval's variance by source: ``records`` (sampling of records), ``members`` (disagreement of the
        members), ``places`` (differences between places that no predictor explains). They sum to 1; all are 0 for an
        interval without width.
    threshold : Cutoff
        By the card's rule.
    novelty : Novelty
    contributions : list of (str, value, float)
        Predictor, its value in natural units, and its effect; largest effect first.
    baseline : float
        Suitability before any predictor is known; baseline and effects sum to the suitability.
    """

    suitability: float
    interval: tuple[float, float]
    sources: dict[str, float]
    threshold: Cutoff
    novelty: Novelty
    contributions: list[tuple[str, float | str, float]]
    baseline: float

    @property
    def suitable(self) -> bool:
        """Whether the suitability reaches the threshold."""
        return self.threshold.reached_by(self.suitability)


@dataclass(frozen=True)
class RowMeasures:
    """What `SuitabilityAnswer` has for many rows, without a verdict and contributions; see `ml.serving.bulk`.

    Attributes
    ----------
    suitability, low, high : ndarray of float64, shape (n,)
    inside : ndarray of bool, shape (n,)
    index, mess : ndarray of float64, shape (n,)
    most_dissimilar : ndarray of int16, shape (n,)
    """

    suitability: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    inside: NDArray[np.bool_]
    index: NDArray[np.float64]
    mess: NDArray[np.float64]
    most_dissimilar: NDArray[np.int16]

    def columns(self) -> dict[str, NDArray[Any]]:
        """Return the arrays by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        """Return the measures of consecutive rows as one."""
        return cls(
            **{field.name: np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)}
        )
