"""Units that differ silently: ranges of layers compared, by what temperatures and precipitation can be."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ml.layers.layer_names import KNOWN, TEMPERATURES
from ml.layers.unit_amounts import FACTORS, Conversion, amount_pairs
from ml.layers.units import temperature_unit
from ml.recipes.reports import LayerReport

#: Unit to (factor, offset): °C = factor × value + offset.
TEMPERATURE_UNITS = {
    "°C": (1.0, 0.0),
    "°C × 10": (0.1, 0.0),
    "K": (1.0, -273.15),
    "K × 10": (0.1, -273.15),
    "°F": (5.0 / 9.0, -160.0 / 9.0),
}
#: Units that are found from values alone. °F have numbers that °C have too, so that they must be stated.
_FROM_VALUES = ("°C", "°C × 10", "K", "K × 10")
#: Mean below which the ratio of two sums of rain says nothing, mm.
_LITTLE = 40.0
#: Temperatures that bioclimatic variables can have anywhere on land, °C.
_COLDEST, _HOTTEST = -75.0, 62.0
#: Largest plausible mean and value of ranges of temperature, °C.
_WIDEST = {"bio2": 40.0, "bio7": 80.0}
#: Variables of temperature from the coldest to the warmest, where one cannot be above the other.
_ORDER = {"bio6": 0, "bio11": 1, "bio1": 2, "bio10": 3, "bio5": 4}


def temperature_units(layer: LayerReport) -> list[str]:
    """Return the units that the values of a temperature can be in."""
    kinds = {"K": ("K", "K × 10"), "°F": ("°F",)}.get(temperature_unit(layer.unit), ())
    stated = [unit for unit in kinds if _is_possible(layer, unit)]
    return stated[:1] or [unit for unit in _FROM_VALUES if _is_possible(layer, unit)]


def _is_possible(layer: LayerReport, unit: str) -> bool:
    """Return whether the values of a temperature can be in a unit."""
    if layer.minimum is None or layer.maximum is None:
        return False
    factor, offset = TEMPERATURE_UNITS[unit]
    return factor * layer.minimum + offset >= _COLDEST and factor * layer.maximum + offset <= _HOTTEST


def doubtful_units(layer: LayerReport) -> list[str]:
    """Return the units that the values of a temperature can be in where neither they nor the file tell which; else [].

    Tenths of a degree are whole numbers as a rule. Other numbers of their size can be °F or K too.
    """
    units = temperature_units(layer)
    if layer.name not in TEMPERATURES or units[:1] != ["°C × 10"] or _are_whole(layer, layer):
        return []
    if layer.unit == "°C × 10":
        # the user states it
        return []
    others = [unit for unit in ("K", "°F") if _is_possible(layer, unit)]
    return ["°C × 10", *others] if others else []


def recognise_unit(layer: LayerReport) -> str:
    """Return the unit of a known variable where its values show it; empty where they do not."""
    if layer.minimum is None or layer.maximum is None:
        return ""
    if layer.name in TEMPERATURES:
        units = temperature_units(layer)
        if doubtful_units(layer):
            return ""
        return units[0] if "°C" not in units and units else ""
    if layer.name in _WIDEST and _WIDEST[layer.name] < layer.maximum <= 10.0 * _WIDEST[layer.name]:
        return "°C × 10"
    return ""


def is_impossible(layer: LayerReport) -> bool:
    """Return whether a known variable has values beyond its limits, in any unit that it can have."""
    known = KNOWN.get(layer.name)
    if known is None or layer.minimum is None or layer.maximum is None or recognise_unit(layer):
        return False
    if layer.name in TEMPERATURES:
        return not temperature_units(layer)
    slack = 1e-6 * max(1.0, abs(known.highest_possible))
    # Isothermality is in per cent or in units of 0.01; both have the same limits.
    return layer.minimum < known.lowest_possible - slack or layer.maximum > known.highest_possible + slack


def compare(reference: LayerReport, layer: LayerReport) -> Conversion | None:
    """Return how a layer becomes comparable with another of one variable; None where nothing speaks against one unit.

    Parameters
    ----------
    reference, layer : LayerReport
        One variable of two sets, as of the present and of a scenario.
    """
    if None in (reference.minimum, reference.maximum, reference.mean, layer.minimum, layer.maximum, layer.mean):
        return None
    if not _on_one_region(reference, layer):
        return None
    if layer.name in TEMPERATURES:
        return _compare_temperatures(reference, layer)
    conversion = _compare_amounts(reference, layer, 2.0 if layer.name in KNOWN else 1.5)
    if conversion is None and reference.name == layer.name and layer.name in _WIDEST:
        return _compare_ranges(reference, layer)
    return conversion


def differs_greatly(reference: LayerReport, layer: LayerReport) -> bool:
    """Return whether a known amount, as a sum of rain, is at least four times as large in one of two layers."""
    known = KNOWN.get(layer.name)
    if known is None or known.unit not in ("mm", "m") or layer.name != reference.name:
        return False
    (low_a, high_a, mean_a), (low_b, high_b, mean_b) = _numbers(reference), _numbers(layer)
    # Sums of a few millimetres change by large factors.
    if min(low_a, low_b) < 0.0 or min(mean_a, mean_b) <= 0.0 or max(mean_a, mean_b) < _LITTLE:
        return False
    return _on_one_region(reference, layer) and not any(
        0.25 <= ratio <= 4.0 for ratio in (mean_b / mean_a, high_b / high_a)
    )


def _numbers(layer: LayerReport) -> tuple[float, float, float]:
    return layer.minimum or 0.0, layer.maximum or 0.0, layer.mean or 0.0


def _on_one_region(one: LayerReport, other: LayerReport) -> bool:
    """Return whether the extents share enough that ranges can be compared; True where an extent is not known."""
    if one.extent is None or other.extent is None:
        return True
    (w1, s1, e1, n1), (w2, s2, e2, n2) = one.extent, other.extent
    if e1 <= w1 or e2 <= w2:
        return True
    common = max(0.0, min(e1, e2) - max(w1, w2)) * max(0.0, min(n1, n2) - max(s1, s2))
    return common > 0.1 * ((e1 - w1) * (n1 - s1) + (e2 - w2) * (n2 - s2) - common)


def _compare_temperatures(one: LayerReport, other: LayerReport) -> Conversion | None:
    same = one.name == other.name
    units, others = temperature_units(one), temperature_units(other)
    differ = same and bool(units and others) and units[0] != others[0]
    shared = [unit for unit in units if unit in others]
    if differ and not _are_whole(one, other):
        # Tenths are whole numbers as a rule; others are in one unit only if they are close to each other.
        shared = [unit for unit in shared if _close(one, other, unit)]
    if any(_plausible(one, other, unit, unit, same, strict=False) for unit in shared):
        return None
    pairs = [(a, b) for a in units for b in others if a != b]
    if same:
        # °F that are not stated are found beside °C of the same variable.
        pairs += [("°F", "°C")] if "°C" in others and "°F" not in units and _is_possible(one, "°F") else []
        pairs += [("°C", "°F")] if "°C" in units and "°F" not in others and _is_possible(other, "°F") else []
    choices = [(_distance(one, other, a, b), a, b) for a, b in pairs if _plausible(one, other, a, b, same, strict=True)]
    if not choices and differ:
        # Two units are recognised, however much the climates differ.
        choices = [(_distance(one, other, a, b), a, b) for a in units for b in others if a != b]
    if not choices:
        return None
    _, a, b = min(choices)
    (factor_a, offset_a), (factor_b, offset_b) = TEMPERATURE_UNITS[a], TEMPERATURE_UNITS[b]
    return Conversion(
        round(factor_b / factor_a, 12), round((offset_b - offset_a) / factor_a, 12), f"{b} instead of {a}"
    )


def _close(one: LayerReport, other: LayerReport, unit: str) -> bool:
    """Return whether two layers of one variable are alike in a unit."""
    (spread_a, mean_a), (spread_b, mean_b) = _in_celsius(one, unit), _in_celsius(other, unit)
    return abs(mean_a - mean_b) <= 3.0 and 1.0 / 1.5 <= (spread_b + 0.3) / (spread_a + 0.3) <= 1.5


def _in_celsius(layer: LayerReport, unit: str) -> tuple[float, float]:
    """Return spread and mean in °C."""
    factor, offset = TEMPERATURE_UNITS[unit]
    low, high, mean = _numbers(layer)
    return factor * (high - low), factor * mean + offset


def _plausible(one: LayerReport, other: LayerReport, a: str, b: str, same: bool, *, strict: bool) -> bool:
    """Return whether two temperatures of one region can be in the units `a` and `b`."""
    (spread_a, mean_a), (spread_b, mean_b) = _in_celsius(one, a), _in_celsius(other, b)
    # Spreads of layers that are almost constant say nothing.
    ratio = (spread_b + 0.3) / (spread_a + 0.3)
    widest, largest = {(True, False): (4.0, 20.0), (True, True): (2.5, 12.0), (False, False): (5.0, 70.0)}.get(
        (same, strict), (3.0, 45.0)
    )
    gap = abs(mean_a - mean_b)
    if not same and not strict and a == b == "°C × 10" and _are_whole(one, other):
        widest = 10.0
    if not same and (_out_of_order(one, other, mean_a, mean_b) or (not strict and _in_kelvin(one, other, a, b, gap))):
        return False
    return 1.0 / widest <= ratio <= widest and gap <= largest


def _out_of_order(one: LayerReport, other: LayerReport, mean_a: float, mean_b: float) -> bool:
    """Return whether the mean of one is above that of another that it cannot exceed."""
    if one.name not in _ORDER or other.name not in _ORDER:
        return False
    colder, warmer = (mean_a, mean_b) if _ORDER[one.name] < _ORDER[other.name] else (mean_b, mean_a)
    return colder > warmer + 1.0


def _in_kelvin(one: LayerReport, other: LayerReport, a: str, b: str, gap: float) -> bool:
    """Return whether two layers that could be in tenths of a degree are rather in K and in °C.

    K are between 27 and 30 °C as tenths, whatever the climate is. Tenths are whole numbers as a rule.
    """
    if a != b or "× 10" not in a or gap <= 20.0:
        return False
    units = (temperature_units(one), temperature_units(other))
    if not any("K" in units[n] and "°C" in units[1 - n] for n in (0, 1)):
        return False
    return not _are_whole(one, other)


def _are_whole(one: LayerReport, other: LayerReport) -> bool:
    """Return whether the ranges are whole numbers, as those of tenths of a degree are."""
    edges = (one.minimum, one.maximum, other.minimum, other.maximum)
    return all(edge is not None and float(edge).is_integer() for edge in edges)


def _distance(one: LayerReport, other: LayerReport, a: str, b: str) -> float:
    (spread_a, mean_a), (spread_b, mean_b) = _in_celsius(one, a), _in_celsius(other, b)
    return abs(mean_a - mean_b) + 10.0 * abs(math.log((spread_b + 0.3) / (spread_a + 0.3)))


def _compare_ranges(one: LayerReport, other: LayerReport) -> Conversion | None:
    """Return the conversion of ranges of temperature of which one is recognised as tenths and the other is not."""
    units = [recognise_unit(layer) or "°C" for layer in (one, other)]
    ratio = (other.mean or 0.0) / one.mean if one.mean else 1.0
    # Both can be tenths where the climates are alike: small islands.
    if units[0] == units[1] or _are_whole(one, other) or 1.0 / 1.5 <= ratio <= 1.5:
        return None
    factor = 0.1 if units[1] == "°C × 10" else 10.0
    return Conversion(factor, 0.0, f"{units[1]} instead of {units[0]}")


def _compare_amounts(one: LayerReport, other: LayerReport, tolerance: float) -> Conversion | None:
    (low_a, high_a, mean_a), (low_b, high_b, mean_b) = _numbers(one), _numbers(other)
    if min(low_a, low_b) >= 0.0 and min(mean_a, mean_b, high_a, high_b) > 0.0:
        ratios = mean_b / mean_a, high_b / high_a
    elif min(high_a - low_a, high_b - low_b, abs(mean_a), abs(mean_b)) > 0.0 and mean_a * mean_b > 0.0:
        ratios = (high_b - low_b) / (high_a - low_a), mean_b / mean_a
    else:
        return None
    if any(0.25 <= ratio <= 4.0 for ratio in ratios):
        return None
    for factor in FACTORS:
        if all(1.0 / tolerance <= ratio / factor <= tolerance for ratio in ratios):
            return Conversion(1.0 / factor, 0.0, f"{factor:g} times as large")
    return None


def conflicts(layers: Sequence[LayerReport]) -> list[tuple[LayerReport, LayerReport, Conversion]]:
    """Return layers of one set that are in another unit than the others: layer, the other, conversion of the layer.

    Parameters
    ----------
    layers : sequence of LayerReport
        Continuous layers of different variables over one region.
    """
    named = {layer.name: layer for layer in layers if layer.mean is not None}
    pairs: list[tuple[LayerReport, LayerReport, Conversion, Conversion]] = []
    warm = [layer for layer in named.values() if layer.name in TEMPERATURES]
    for number, one in enumerate(warm):
        for other in warm[number + 1 :]:
            forth, back = _compare_temperatures(one, other), _compare_temperatures(other, one)
            if forth is not None and back is not None:
                pairs.append((one, other, forth, back))
    # A layer in another unit contradicts most of the others; two of many that do so by chance are of one unit.
    counts = {name: sum(layer.name == name for pair in pairs for layer in pair[:2]) for name in named}
    pairs = [pair for pair in pairs if 2 * max(counts[layer.name] for layer in pair[:2]) >= len(warm) - 1]
    odd_names = {layer.name for pair in pairs for layer in pair[:2]}
    pairs += amount_pairs({name: layer for name, layer in named.items() if name not in odd_names})
    results = []
    while pairs:
        often = [sum(layer in pair[:2] for pair in pairs) for layer in layers]
        # Of two that contradict each other alone, the later.
        odd = layers[max(range(len(layers)), key=lambda n: (often[n], is_impossible(layers[n]), n))]
        one, other, forth, back = next(pair for pair in pairs if odd in pair[:2])
        results.append((odd, one, forth) if odd is other else (odd, other, back))
        pairs = [pair for pair in pairs if odd not in pair[:2]]
    return results
