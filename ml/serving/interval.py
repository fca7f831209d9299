"""The width of the interval around a suitability."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: Share of intervals that should contain the true value.
INTERVAL_LEVEL = 0.9
#: Standard deviations on either side of the middle that give this level for a normal distribution.
Z = 1.6448536269514722


@dataclass(frozen=True)
class IntervalModel:
    """Two figures, fitted to held-out records, from which the width of every interval follows.

    The standard deviation of a calibrated logit is ``sqrt((scale · spread)² + between_place_sd²)``.

    Attributes
    ----------
    scale : float
        Multiplies the spread between half samples and between members.
    between_place_sd : float
        Standard deviation between places that no predictor explains, on the logit scale; ``place`` in the card.
    """

    scale: float = 1.0
    between_place_sd: float = 0.0

    def deviation(self, spread: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the standard deviation of calibrated logits.

        Parameters
        ----------
        spread : ndarray, any shape
            Standard deviation between half samples and members, on the logit scale.

        Returns
        -------
        ndarray, same shape
        """
        return np.asarray(np.sqrt((self.scale * spread) ** 2 + self.between_place_sd**2))
