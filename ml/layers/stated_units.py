"""Conversions between the units of amounts and heights that files state."""

from __future__ import annotations

import math

from ml.layers.layer_names import KNOWN
from ml.layers.unit_amounts import Conversion
from ml.recipes.reports import LayerReport

#: Unit of precipitation to its millimetres.
_AMOUNTS_MM = {"mm": 1.0, "kgm-2": 1.0, "cm": 10.0, "m": 1000.0, "in": 25.4, "inches": 25.4}
_HEIGHTS_M = {"m": 1.0, "metres": 1.0, "meters": 1.0, "ft": 0.3048, "feet": 0.3048, "foot": 0.3048, "km": 1000.0}


def stated_conversion(reference: LayerReport, layer: LayerReport) -> Conversion | None:
    """Return the conversion between the units of a known amount or height that two layers state."""
    known = KNOWN.get(layer.name)
    if known is None:
        return None
    table = {"mm": _AMOUNTS_MM, "m": _HEIGHTS_M}.get(known.unit, {})
    factors = [table.get(one.unit.lower().replace(" ", "")) for one in (reference, layer)]
    if None in factors or factors[0] == factors[1]:
        return None
    if known.unit == "m" and not _speaks_for(reference, layer, (factors[0] or 1.0) / (factors[1] or 1.0)):
        # A file without a unit counts as metres, so that the values decide.
        return None
    return Conversion((factors[1] or 1.0) / (factors[0] or 1.0), 0.0, f"{layer.unit} instead of {reference.unit}")


def _speaks_for(reference: LayerReport, layer: LayerReport, ratio: float) -> bool:
    """Return whether the ranges of two layers differ rather by a ratio than not at all."""
    spreads = [(one.maximum or 0.0) - (one.minimum or 0.0) for one in (reference, layer)]
    if min(spreads) <= 0.0:
        return False
    measured = math.log(spreads[1] / spreads[0])
    return abs(measured - math.log(ratio)) < abs(measured)
