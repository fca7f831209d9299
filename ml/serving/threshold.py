"""Thresholds on suitability, by rule or given by the user, with their sensitivity and specificity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import NDArray

#: Rule of a threshold that the user gave.
OWN = "own"
_MOST_RECORDS = 1000


class ThresholdValue:
    """A value of suitability that separates suitable from unsuitable, and the comparison with it.

    Attributes
    ----------
    value : float
    """

    value: float

    @overload
    def reached_by(self, suitability: float) -> bool: ...

    @overload
    def reached_by(self, suitability: NDArray[np.float64]) -> NDArray[np.bool_]: ...

    def reached_by(self, suitability: float | NDArray[np.float64]) -> bool | NDArray[np.bool_]:
        """Return whether a place of this suitability is suitable: at the threshold or above it.

        Parameters
        ----------
        suitability : float or ndarray of float64, any shape
            NaN is not suitable.

        Returns
        -------
        bool or ndarray of bool, same shape
        """
        return suitability >= self.value


@dataclass(frozen=True)
class Cutoff(ThresholdValue):
    """A threshold as one answer uses it.

    Attributes
    ----------
    value : float
        Conditions of this suitability or more are suitable.
    rule : str
        Name of the rule; `OWN` for a user's own threshold.
    sensitivity, specificity : float or None
        Share of held-out presences at or above it, and of held-out absences or background points below it; None where
        the model has no held-out suitabilities.
    """

    value: float
    rule: str
    sensitivity: float | None
    specificity: float | None


@dataclass(frozen=True)
class HeldOutSuitability:
    """Sorted suitabilities of held-out records, from which the rates of any threshold follow.

    Attributes
    ----------
    present, other : ndarray of float32
        Suitabilities of presences, and of absences or background points; at least one of each.
    """

    present: NDArray[np.float32]
    other: NDArray[np.float32]

    def rates(self, threshold: float) -> tuple[float, float]:
        """Return sensitivity and specificity at a threshold."""
        # Single precision, so that a threshold taken from a record's suitability includes that record.
        at = np.float32(threshold)
        missed = int(np.searchsorted(self.present, at, side="left"))
        rejected = int(np.searchsorted(self.other, at, side="left"))
        return 1 - missed / len(self.present), rejected / len(self.other)


def keep_held_out(y: NDArray[np.int64], suitability: NDArray[np.float64]) -> HeldOutSuitability:
    """Select the suitabilities that are stored for `HeldOutSuitability.rates`.

    Parameters
    ----------
    y : ndarray of 0/1, shape (n,)
    suitability : ndarray of float64, shape (n,)
        Of held-out records.

    Returns
    -------
    HeldOutSuitability
        At most 1,000 presences and 1,000 others, at evenly spaced ranks with both ends, which changes no rate by more
        than 0.001.
    """
    present, other = (thinned(np.sort(suitability[y == label]).astype(np.float32), _MOST_RECORDS) for label in (1, 0))
    return HeldOutSuitability(present, other)


def thinned(values: NDArray[np.float32], most: int) -> NDArray[np.float32]:
    """Return at most `most` of some sorted values, at evenly spaced ranks with both ends."""
    ranks = np.linspace(0, len(values) - 1, min(len(values), most)).round().astype(np.int64)
    return values[ranks]
