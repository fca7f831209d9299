"""Predictors and columns of a study from its layers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.card import Predictor
from ml.layers import layer_names
from ml.layers.stored import shortest
from ml.layers.stored_index import level_name
from ml.recipes.recipe import LayerChoice
from ml.recipes.reports import LayerReport

#: The bioclimatic variables by the names that WorldClim gives them.
BIOCLIMATIC = {
    "bio1": "Annual mean temperature",
    "bio2": "Mean diurnal range",
    "bio3": "Isothermality",
    "bio4": "Temperature seasonality",
    "bio5": "Max temperature of warmest month",
    "bio6": "Min temperature of coldest month",
    "bio7": "Temperature annual range",
    "bio8": "Mean temperature of wettest quarter",
    "bio9": "Mean temperature of driest quarter",
    "bio10": "Mean temperature of warmest quarter",
    "bio11": "Mean temperature of coldest quarter",
    "bio12": "Annual precipitation",
    "bio13": "Precipitation of wettest month",
    "bio14": "Precipitation of driest month",
    "bio15": "Precipitation seasonality",
    "bio16": "Precipitation of wettest quarter",
    "bio17": "Precipitation of driest quarter",
    "bio18": "Precipitation of warmest quarter",
    "bio19": "Precipitation of coldest quarter",
}
_PRECIPITATION = frozenset({"bio12", "bio13", "bio14", "bio16", "bio17", "bio18", "bio19"})
#: Units that only a file or a user states, unlike °C and mm, which inspection also gives where nothing is stated.
_STATED_CELSIUS = frozenset({"degc", "deg c", "celsius", "c", "degree celsius", "degrees celsius", "degree_celsius"})
_TEMPERATURE_LIMITS = (-100.0, 70.0)


def as_predictor(layer: LayerReport, choice: LayerChoice | None = None) -> Predictor:
    """Return the predictor of a layer; training adds its range, median and levels.

    Parameters
    ----------
    layer : LayerReport
        With the choice applied.
    choice : LayerChoice, optional
        What the recipe chooses for the layer.
    """
    known = layer_names.KNOWN.get(layer.name)
    label = layer.label or BIOCLIMATIC.get(layer.name) or (known.label if known is not None else layer.name)
    lowest, highest = possible_values(layer, choice)
    return Predictor(
        name=layer.name,
        label=label if label.lower() == layer.name.lower() else f"{label} ({layer.name})",
        unit=layer.unit,
        description=layer.description,
        type=layer.kind,
        lowest_possible=lowest,
        highest_possible=highest,
    )


def possible_values(layer: LayerReport, choice: LayerChoice | None = None) -> tuple[float | None, float | None]:
    """Return the lowest and the highest possible value of a known variable whose unit is certain.

    Parameters
    ----------
    layer : LayerReport
        With the choice applied.
    choice : LayerChoice, optional

    Returns
    -------
    lowest, highest : float or None
        None where there is no limit, or where the unit or the values leave it open.
    """
    if layer.kind != "continuous" or layer.minimum is None or layer.maximum is None:
        return None, None
    lowest, highest = _limits(layer, choice)
    if (lowest is not None and layer.minimum < lowest) or (highest is not None and layer.maximum > highest):
        return None, None
    return lowest, highest


def _limits(layer: LayerReport, choice: LayerChoice | None) -> tuple[float | None, float | None]:
    if layer.name in _PRECIPITATION and layer.unit == "mm":
        return 0.0, None
    if layer.name == "bio15" and layer.unit == "%":
        return 0.0, None
    # Isothermality as a share of 1 has limits of its own, and no file says which it is.
    if layer.name == "bio3" and layer.unit == "%" and (layer.maximum or 0.0) > 1.0:
        return 0.0, 100.0
    if layer.name in layer_names.TEMPERATURES and _is_in_celsius(layer, choice):
        return _TEMPERATURE_LIMITS
    return None, None


def _is_in_celsius(layer: LayerReport, choice: LayerChoice | None) -> bool:
    """Return whether a temperature is certainly in °C.

    Inspection gives °C to a temperature without a unit. Tenths of °C are stored as whole numbers, so that values which
    are not whole numbers, or that a user converted, confirm it.
    """
    if layer.unit.lower() in _STATED_CELSIUS:
        return True
    if layer.unit != "°C":
        return False
    if choice is not None and (choice.unit is not None or choice.factor is not None or choice.offset is not None):
        return True
    return not layer.codes


def as_column(layer: LayerReport, values: NDArray[np.float32]) -> NDArray[Any]:
    """Return the values of a layer as they stand in a column of a study.

    Parameters
    ----------
    layer : LayerReport
    values : ndarray of float32, shape (n,)
        Without NaN.

    Returns
    -------
    ndarray, shape (n,)
        Numbers in double precision that are written with as few digits as single precision needs, so that 12.3 is
        shown as 12.3 and is the same number in the model. Categories as their labels, or as codes without a legend.
    """
    unique, inverse = np.unique(values, return_inverse=True)
    if layer.kind == "categorical":
        names = [level_of(layer, float(code)) for code in unique]
        return np.array(names, dtype=object)[inverse]
    return np.asarray(shortest(unique)[inverse])


def level_of(layer: LayerReport, code: float) -> str:
    """Return the label of a category, or its code as text."""
    return level_name(layer.levels, code)
