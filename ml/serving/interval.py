"""How wide the interval around a suitability is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: What share of intervals should hold, and how many standard deviations on either side do that.
LEVEL = 0.9


Z = 1.6448536269514722


@dataclass(frozen=True)
class IntervalModel:
    """How wide an interval is: the standard deviation of a calibrated logit is ``sqrt(scale² · spread² + place²)``."""

    scale: float = 1.0
    place: float = 0.0

    def deviation(self, spread: NDArray[np.float64]) -> NDArray[np.float64]:
        """Standard deviation on the logit scale; any shape."""
        return np.asarray(np.sqrt((self.scale * spread) ** 2 + self.place**2))
