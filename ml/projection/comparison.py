"""Whether a layer can stand for a predictor of a model: its kind, unit and categories beside those of the training."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ml.card import Predictor
from ml.layers.layer_names import TEMPERATURES
from ml.layers.stored_index import level_name
from ml.layers.unit_checks import compare, is_impossible
from ml.layers.units import temperature_unit
from ml.numbers import range_seen
from ml.predictors.encoding import find_level, list_levels
from ml.projection.errors import ProjectionError
from ml.recipes.reports import LayerReport

#: Spellings of one unit, in lower case without spaces.
_SPELLINGS = {
    "%": ("percent", "percentage", "pct"),
    "mm": ("kgm-2", "kgm**-2", "kg/m2", "kg/m^2", "millimetres", "millimeters", "millimetre", "millimeter"),
    "m": ("metres", "meters", "metre", "meter"),
    "km": ("kilometres", "kilometers"),
    "°": ("deg", "degree", "degrees"),
}
_UNIT = {spelling: unit for unit, spellings in _SPELLINGS.items() for spelling in spellings}

_CHECK = ": check its unit."
_REMEDY = ": state the unit or a factor in a recipe, or convert the layer"


def compare_layer(predictor: Predictor, layer: LayerReport, *, known: bool) -> list[str]:
    """Return what should be known about a layer.

    Parameters
    ----------
    predictor : Predictor
    layer : LayerReport
        With the choices of the recipe applied.
    known : bool
        The layer is the one that the predictor was read from in training.

    Raises
    ------
    ProjectionError
        The layer has another kind, unit or legend than the predictor.
    """
    where = layer.file if layer.band == "1" else f"{layer.file}, band {layer.band},"
    kinds = {"continuous": "quantities", "categorical": "categories"}
    if layer.kind != predictor.type:
        raise ProjectionError(
            f"{predictor.name}: {where} has {kinds[layer.kind]}, and the model was trained with "
            f"{kinds[predictor.type]}; state its kind in a recipe, or use another layer"
        )
    if predictor.type == "categorical":
        return _compare_categories(predictor, layer, where)
    if layer.minimum is None or layer.maximum is None:
        raise ProjectionError(f"{predictor.name}: no cell of {where} has a value")
    if known:
        return []
    units = normal_unit(predictor.unit), normal_unit(layer.unit)
    if units[0] and units[1] and units[0] != units[1]:
        raise ProjectionError(
            f"{predictor.name}: {where} is in {layer.unit}, and the model was trained in {predictor.unit}; state a "
            "factor in a recipe, or convert the layer"
        )
    if None in (predictor.minimum, predictor.maximum, predictor.median):
        return []
    # Training ranges as if they were a layer; its extent is not known, so that climates may differ much.
    reference = LayerReport(
        file="the training data",
        band="1",
        name=layer.name,
        unit=predictor.unit,
        minimum=predictor.minimum,
        maximum=predictor.maximum,
        mean=predictor.median,
    )
    conversion = compare(reference, layer)
    if conversion is None:
        return []
    found, seen = (
        range_seen(low, high) if low is not None and high is not None else "no values"
        for low, high in ((layer.minimum, layer.maximum), (predictor.minimum, predictor.maximum))
    )
    text = f"{predictor.name}: {where} has {found}, and the training data {seen} ({conversion.text})"
    if layer.name in TEMPERATURES:
        raise ProjectionError(f"{text}{_REMEDY}")
    return [f"{text}{_CHECK}"]


def refuse_odd_layer(predictors: Sequence[Predictor], layers: Sequence[LayerReport], known: Collection[str]) -> None:
    """Raise ProjectionError for the layer that differs from its own training range, where layers contradict each other.

    Parameters
    ----------
    predictors : sequence of Predictor
    layers : sequence of LayerReport
        In the order of the predictors.
    known : collection of str
        Names of the predictors whose layers are those of the training.
    """
    pairs = [pair for pair in zip(predictors, layers, strict=True) if pair[1].kind == pair[0].type == "continuous"]
    for predictor, layer in pairs:
        for note in compare_layer(predictor, layer, known=predictor.name in known):
            raise ProjectionError(f"{note.removesuffix(_CHECK)}{_REMEDY}")
    for predictor, layer in pairs:
        if is_impossible(layer):
            found = range_seen(layer.minimum or 0.0, layer.maximum or 0.0, layer.unit)
            raise ProjectionError(
                f"{predictor.name}: {layer.file} has {found}, which it cannot have in any unit; mark wrong cells as "
                "nodata, or use another layer"
            )


def normal_unit(text: str) -> str:
    """Return one spelling of a unit; empty where none is stated."""
    plain = text.strip().lower().replace(" ", "")
    return temperature_unit(text) or _UNIT.get(plain, plain)


def _compare_categories(predictor: Predictor, layer: LayerReport, where: str) -> list[str]:
    levels = predictor.levels or []
    labels = [level_name(layer.levels, code) for code in layer.codes] or list(layer.levels.values())
    unknown = [label for label in labels if find_level(levels, label) is None]
    if labels and len(unknown) == len(labels):
        raise ProjectionError(
            f"{predictor.name}: {where} has none of the categories that the model knows: {list_levels(unknown)} "
            f"instead of {list_levels(levels)}; it has another legend than in training"
        )
    if not unknown:
        return []
    return [f"{predictor.name}: cells with categories that the model never saw have no answer: {list_levels(unknown)}."]
