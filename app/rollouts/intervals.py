"""Shares and means of two arms with their 95 % intervals, and their differences."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, sqrt

# The 97.5 % quantile of the normal distribution.
_Z = 1.959963984540054


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval."""

    value: float
    low: float
    high: float


def share(count: float, total: float) -> Estimate | None:
    """Return a share with the interval of Wilson (1927, doi 10.2307/2276774); None of nothing."""
    if total <= 0:
        return None
    p = min(1.0, count / total)
    scale = 1 + _Z**2 / total
    centre = (p + _Z**2 / (2 * total)) / scale
    width = _Z / scale * sqrt(p * (1 - p) / total + _Z**2 / (4 * total**2))
    # the ends are exact where nothing or everything is counted
    return Estimate(p, 0.0 if count <= 0 else max(0.0, centre - width), 1.0 if p >= 1 else min(1.0, centre + width))


def difference(one: Estimate | None, other: Estimate | None) -> Estimate | None:
    """Return the first share minus the second, by method 10 of Newcombe (1998).

    It combines the Wilson intervals of the two shares, which are taken as independent (Statistics in Medicine 17,
    873-890).
    """
    if one is None or other is None:
        return None
    value = one.value - other.value
    low = value - sqrt((one.value - one.low) ** 2 + (other.high - other.value) ** 2)
    high = value + sqrt((one.high - one.value) ** 2 + (other.value - other.low) ** 2)
    return Estimate(value, low, high)


@dataclass(frozen=True)
class Moments:
    """The number of some values, their sum and the sum of their squares."""

    n: float
    total: float
    squares: float

    @property
    def mean(self) -> float:
        """The mean."""
        return self.total / self.n

    @property
    def variance_of_mean(self) -> float:
        """The variance of the mean."""
        return max(0.0, self.squares - self.total**2 / self.n) / (self.n - 1) / self.n


def mean(values: Moments) -> Estimate | None:
    """Return a mean with its normal interval; None of fewer than two values."""
    if values.n < 2:
        return None
    width = _Z * sqrt(values.variance_of_mean)
    return Estimate(values.mean, values.mean - width, values.mean + width)


def ratio(one: Moments, other: Moments) -> Estimate | None:
    """Return the ratio of two geometric means, from the moments of the logarithms of the values.

    One slow request, such as the first by a model, changes it little.
    """
    if one.n < 2 or other.n < 2:
        return None
    value = one.mean - other.mean
    width = _Z * sqrt(one.variance_of_mean + other.variance_of_mean)
    return Estimate(exp(value), exp(value - width), exp(value + width))
