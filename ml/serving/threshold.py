"""A threshold on suitability, by rule or a user's own, with what held-out records say of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: Rule of a threshold that the user gave.
OWN = "own"
_MOST = 1000


@dataclass(frozen=True)
class Cutoff:
    """A threshold as one answer uses it.

    Attributes
    ----------
    value : float
        Suitable from here on.
    rule : str
        Name of the rule, `OWN` for a user's own.
    sensitivity, specificity : float or None
        Share of held-out presences at or above it, and of held-out absences or background points below it; None where
        the model does not know.
    """

    value: float
    rule: str
    sensitivity: float | None
    specificity: float | None


@dataclass(frozen=True)
class HeldOutSuitability:
    """Suitabilities of held-out records, sorted: by these any threshold can be judged.

    Attributes
    ----------
    present, other : ndarray of float32
        Of presences, and of absences or background points; at least one of each.
    """

    present: NDArray[np.float32]
    other: NDArray[np.float32]

    def rates(self, threshold: float) -> tuple[float, float]:
        """Sensitivity and specificity at a threshold."""
        # judged in single precision, so that a threshold that is one of the suitabilities keeps its record
        at = np.float32(threshold)
        missed = int(np.searchsorted(self.present, at, side="left"))
        rejected = int(np.searchsorted(self.other, at, side="left"))
        return 1 - missed / len(self.present), rejected / len(self.other)


def keep_held_out(y: NDArray[np.int64], suitability: NDArray[np.float64]) -> HeldOutSuitability:
    """Keep what judging thresholds needs.

    Parameters
    ----------
    y : ndarray of 0/1, shape (n,)
    suitability : ndarray, shape (n,)
        Held out.

    Returns
    -------
    HeldOutSuitability
        Of more than 1,000 records of a kind, that many evenly spaced ranks with both ends, which moves no rate by more
        than 0.001.
    """
    present, other = (thinned(np.sort(suitability[y == label]).astype(np.float32), _MOST) for label in (1, 0))
    return HeldOutSuitability(present, other)


def thinned(values: NDArray[np.float32], most: int) -> NDArray[np.float32]:
    """Of sorted values at most so many, at evenly spaced ranks with both ends."""
    ranks = np.linspace(0, len(values) - 1, min(len(values), most)).round().astype(np.int64)
    return values[ranks]
