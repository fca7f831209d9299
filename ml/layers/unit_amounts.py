"""Amounts of one set that contradict each other: sums and ranges that are parts of others."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ml.recipes.reports import LayerReport

#: Factors between units of one quantity.
FACTORS = (10.0, 100.0, 1000.0, 0.1, 0.01, 0.001)
#: (smaller, larger, most times): larger lies between smaller and `most times` smaller.
_AMOUNTS = (
    ("bio13", "bio12", 12.0),
    ("bio16", "bio12", 4.0),
    ("bio13", "bio16", 3.0),
    ("bio18", "bio16", math.inf),
    ("bio19", "bio16", math.inf),
)
#: (smaller, larger, times): larger is at least `times` smaller.
_LEAST = (("bio14", "bio12", 12.0), ("bio17", "bio12", 4.0), ("bio14", "bio17", 3.0))


@dataclass(frozen=True)
class Conversion:
    """How the values of a layer become those of another's unit: factor × value + offset."""

    factor: float
    offset: float
    text: str


def amount_pairs(named: dict[str, LayerReport]) -> list[tuple[LayerReport, LayerReport, Conversion, Conversion]]:
    """Return pairs of one set whose amounts do not fit in one unit, with the conversions of either into the other's."""
    pairs = []

    def add(one: str, other: str, fits: list[float]) -> None:
        """Add a pair in which the values of `other` times one of the factors fit."""
        if fits:
            text = f"{1.0 / fits[0]:g} times as large as the unit of {one}"
            back = f"{fits[0]:g} times as large as the unit of {other}"
            pairs.append(
                (named[one], named[other], Conversion(fits[0], 0.0, text), Conversion(1.0 / fits[0], 0.0, back))
            )

    mean = {name: layer.mean or 0.0 for name, layer in named.items()}
    low = {name: layer.minimum or 0.0 for name, layer in named.items()}
    for smaller, larger, most in _AMOUNTS:
        if smaller in named and larger in named and mean[smaller] > 0.0 and min(low[smaller], low[larger]) >= 0.0:
            ratio = mean[larger] / mean[smaller]
            if not 0.9 <= ratio <= 1.1 * most:
                add(larger, smaller, [k for k in FACTORS if 0.9 <= ratio / k <= 1.1 * most])
    for smaller, larger, times in _LEAST:
        if smaller in named and larger in named and mean[larger] > 0.0 and low[smaller] >= 0.0:
            ratio = mean[smaller] * times / mean[larger]
            # bio14 above bio12 is impossible, whatever the reason is (`impossible_pairs`).
            if ratio > 1.1 and (smaller != "bio14" or mean[smaller] <= mean[larger]):
                add(larger, smaller, [k for k in (0.1, 0.01, 0.001) if ratio * k <= 1.1])
    if {"bio5", "bio6", "bio7"} <= named.keys() and mean["bio5"] > mean["bio6"]:
        ratio = mean["bio7"] / (mean["bio5"] - mean["bio6"])
        if not 0.8 <= ratio <= 1.25:
            add("bio5", "bio7", [k for k in (10.0, 0.1) if 0.8 <= ratio * k <= 1.25])
    elif {"bio2", "bio7"} <= named.keys() and mean["bio7"] > 0.0:
        ratio = mean["bio2"] / mean["bio7"]
        if not 0.1 <= ratio <= 1.05:
            add("bio7", "bio2", [k for k in (0.1, 10.0) if 0.1 <= ratio * k <= 1.05])
    return pairs


def impossible_pairs(layers: Sequence[LayerReport]) -> list[tuple[LayerReport, LayerReport, str]]:
    """Return pairs of one set that contradict each other whatever their unit is, with a sentence."""
    named = {layer.name: layer for layer in layers if layer.mean is not None}
    results = []
    for smaller, larger, slack in (("bio6", "bio5", 1.0), ("bio11", "bio10", 1.0), ("bio14", "bio12", 1.0)):
        if smaller in named and larger in named:
            low, high = named[smaller].mean or 0.0, named[larger].mean or 0.0
            if low > high + max(slack, 0.05 * abs(high)):
                text = (
                    f"{larger} (mean {high:.4g}) is below {smaller} (mean {low:.4g}), which is impossible: the names "
                    "of the layers are exchanged, or their units differ; give them the right names or factors"
                )
                results.append((named[larger], named[smaller], text))
    return results
