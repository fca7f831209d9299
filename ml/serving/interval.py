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

    The variance of a calibrated logit is ``(scale · spread)² + between_place_sd²``, and the spread of an answer is
    ``slope · sqrt(sampling + disagreement / n_members)``.

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

    def variances(self, slope: float, sampling: float, disagreement: float, n_members: int) -> dict[str, float]:
        """Return the variance of one calibrated logit by source; the sum is the square of `deviation`.

        Parameters
        ----------
        slope : float
            Of the calibration.
        sampling : float
            Variance of the score over samples of records.
        disagreement : float
            Weighted variance of the members' scores.
        n_members : int
            Members with a weight above 0.

        Returns
        -------
        dict of str to float
            ``records``, ``members`` and ``places``.
        """
        factor = (slope * self.scale) ** 2
        return {
            "records": factor * sampling,
            "members": factor * disagreement / n_members,
            "places": self.between_place_sd**2,
        }
