"""The standard deviation of a calibrated logit, from which the predictor computes an interval."""

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
    """The figures from which the width of every interval follows.

    The variance of a calibrated logit is ``(scale · spread)² + between_place_sd² + few_records_sd²``, and the spread of
    an answer is ``slope · sqrt(sampling + disagreement / n_members)``.

    Attributes
    ----------
    scale : float
        Multiplies the spread between half samples and between members.
    between_place_sd : float
        Standard deviation between places that no predictor explains, on the logit scale; ``place`` in the card.
    few_records_sd : float
        Standard deviation of a single place that counts of groups cannot show, on the logit scale; ``few_records`` in
        the card.
    """

    scale: float = 1.0
    between_place_sd: float = 0.0
    few_records_sd: float = 0.0

    def deviation(self, spread: NDArray[np.float64]) -> NDArray[np.float64]:
        """Standard deviation on the logit scale; any shape."""
        # a product, because the square of a number and of an array differ in the last bit
        scaled = self.scale * spread
        return np.asarray(np.sqrt(scaled * scaled + (self.between_place_sd**2 + self.few_records_sd**2)))

    def sources(self, records: float, members: float) -> dict[str, float]:
        """Return the parts of the variance that come from records, members and places, as shares.

        Parameters
        ----------
        records, members : float
            Variances of a calibrated logit over samples of records and over members, whose sum is `spread` squared.

        Returns
        -------
        dict of str to float
            Shares that sum to 1; all 0 where there is no variance.
        """
        parts = {
            "records": self.scale**2 * records + self.few_records_sd**2,
            "members": self.scale**2 * members,
            "places": self.between_place_sd**2,
        }
        total = sum(parts.values())
        return {name: part / total if total > 0 else 0.0 for name, part in parts.items()}


def member_spread(
    sampling: NDArray[np.float64], disagreement: NDArray[np.float64], n_members: int, slope: NDArray[np.float64] | float
) -> NDArray[np.float64]:
    """Return the spread of a calibrated logit over samples of records and over members.

    The members learn from the same records, so the forest's variance between half samples stands for all of them.

    Parameters
    ----------
    sampling : ndarray, any shape
        Variance of the forest's score over samples of records.
    disagreement : ndarray, same shape
        Weighted variance of the members' scores.
    n_members : int
        Members whose weight is above 0.
    slope : ndarray of the same shape, or float
        Slope of the calibration.

    Returns
    -------
    ndarray, same shape
    """
    return np.asarray(slope * np.sqrt(sampling + disagreement / n_members))
