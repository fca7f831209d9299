"""Axes of response curves: rounded limits, ticks and their labels."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from ml.numbers import fixed

_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2)
#: Largest number of steps of the axis of suitability, and of ticks of the axis of a predictor.
_MOST_STEPS = 5
_MOST_TICKS = 6
#: Largest number of characters of all labels below a small drawing, with the gaps between them.
_MOST_CHARACTERS, _GAP = 24.0, 1.5
#: The axis of suitability is at least this long: below it a curve is flat for every purpose.
_SHORTEST = 0.05
#: Labels this close to an end of an axis, in percent, begin or end there.
_EDGE = 8.0


@dataclass(frozen=True)
class Tick:
    """A tick of an axis, in percent from the left or from the top."""

    at: float
    label: str

    @property
    def anchor(self) -> Literal["start", "middle", "end"]:
        """Where the label of a horizontal axis stands, so that it stays within the drawing."""
        return "start" if self.at < _EDGE else "end" if self.at > 100 - _EDGE else "middle"


@dataclass(frozen=True)
class SuitabilityAxis:
    """The axis that all curves of a set share.

    Attributes
    ----------
    top : float
        The suitability at its upper end; the lower end is 0.
    ticks : list of Tick
    threshold : float or None
        None where the model has none.
    """

    top: float
    ticks: list[Tick]
    threshold: float | None

    @property
    def threshold_at(self) -> float | None:
        """Position of the threshold in percent from the top; None where it lies above the axis."""
        if self.threshold is None or self.threshold > self.top:
            return None
        return round(100 * (1 - self.threshold / self.top), 2)

    @property
    def sentence(self) -> str:
        """What the axis shows, in words."""
        reach = f"The curves share one axis of suitability, from 0 to {self.ticks[-1].label}"
        if self.threshold is None:
            return f"{reach}."
        if self.threshold_at is None:
            return f"{reach}; the threshold, {self.threshold:.2f}, lies above it."
        return f"{reach}; the dashed line across is the threshold, {self.threshold:.2f}."


def suitability_axis(highest: Iterable[float], threshold: float | None = None) -> SuitabilityAxis:
    """Return an axis from 0 to a rounded number that no suitability exceeds.

    Parameters
    ----------
    highest : iterable of float
        The highest suitability of each curve.
    threshold : float, optional
        Of the model, or of the answer.
    """
    reach = max(_SHORTEST, max(highest, default=1.0))
    # a sum of steps may be a little less than the number that it stands for
    step = next((step for step in _STEPS if math.ceil(reach / step - 1e-9) <= _MOST_STEPS), _STEPS[-1])
    n_steps = math.ceil(reach / step - 1e-9)
    digits = 1 if step >= 0.1 else 2
    places = [(100 - 100 * number / n_steps, number * step) for number in range(n_steps + 1)]
    ticks = [Tick(round(at, 2), _short(value, digits)) for at, value in places]
    return SuitabilityAxis(round(n_steps * step, 2), ticks, threshold)


def predictor_ticks(first: float, last: float) -> list[Tick]:
    """Return a few ticks at round numbers between two values of a predictor, in percent of the way."""
    span = last - first
    if not span > 0:
        return [Tick(50.0, number_label(first, first or 1.0))]
    exponent = math.floor(math.log10(span)) - 1
    ticks: list[Tick] = []
    for step in (digit * 10.0**power for power in (exponent, exponent + 1) for digit in (1, 2, 5)):
        numbers = range(math.ceil(first / step - 1e-9), math.floor(last / step + 1e-9) + 1)
        if len(numbers) > _MOST_TICKS:
            continue
        places = ((min(100.0, max(0.0, 100 * (number * step - first) / span)), number * step) for number in numbers)
        ticks = [Tick(round(at, 2), number_label(value, step)) for at, value in places]
        if sum(len(tick.label) + _GAP for tick in ticks) <= _MOST_CHARACTERS:
            break
    return ticks


def number_label(value: float, step: float) -> str:
    """Return a number with as many decimals as its step has."""
    return fixed(value, max(0, -math.floor(math.log10(abs(step)) + 1e-9)))


def _short(value: float, digits: int) -> str:
    return f"{value:.0f}" if round(value, 9) in (0.0, 1.0) else f"{value:.{digits}f}"
