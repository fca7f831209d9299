"""Numbers that stand for "no value" without being declared, judged by the other values of their band."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np

#: Marks that are no values wherever no other value is near them.
_USUAL = (-999.0, -9999.0, -99999.0, -999999.0, -32768.0, -32767.0, -2147483648.0, -2147483647.0)
_USUAL_POSITIVE = (32767.0, 2147483647.0, 1e20)
#: Marks that are also ordinary numbers: they have to be isolated.
_ORDINARY = (-99.0, 999.0, 9999.0, 99999.0, 999999.0)
#: Gap between a mark and the nearest value, in ranges of the values: beyond the first a mark is certain to be one.
_CERTAIN, _DOUBTFUL = 2.0, 0.5


@dataclass
class Mark:
    """A possible mark: how many cells have it, and the sum of their weights in the hash of the values."""

    value: float
    n: int = 0
    weights: int = 0


def possible_marks(dtype: np.dtype[Any], excluded: Collection[float]) -> list[Mark]:
    """Return the marks that a band of a type can have, without those that are declared or are labelled classes."""
    candidates = [*_USUAL, *_USUAL_POSITIVE, *_ORDINARY]
    if dtype.kind == "f":
        candidates += [-1e20, -1e15, 1e15, -1e10, 1e10]
    else:
        limits = np.iinfo(dtype)
        candidates.append(float(limits.max if dtype.kind == "u" else limits.min))
        candidates = [mark for mark in candidates if limits.min <= mark <= limits.max]
    return [Mark(value) for value in dict.fromkeys(candidates) if value not in excluded]


def judge(mark: Mark, minimum: float, maximum: float, n: int) -> str:
    """Return "missing", "doubtful" or "value" for a mark, by the range of the other values of the band.

    Parameters
    ----------
    mark : Mark
    minimum, maximum : float
        Of the values that are no possible marks.
    n : int
        Number of those values.
    """
    if not n:
        return "value" if mark.value in _ORDINARY else "missing"
    apart = minimum > mark.value / 2.0 if mark.value < 0.0 else maximum < mark.value / 2.0
    if mark.value not in _ORDINARY:
        return "missing" if apart else "value"
    gap = minimum - mark.value if mark.value < 0.0 else mark.value - maximum
    # Zero belongs to the range: amounts of 0.1 to 0.3 do not make 5 an isolated value.
    width = max(maximum, 0.0) - min(minimum, 0.0)
    if apart and gap > _CERTAIN * width:
        return "missing"
    return "doubtful" if gap > _DOUBTFUL * width else "value"
