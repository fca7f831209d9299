"""Checks of a review: layers of one name, units, and layers of scenarios beside those of the training set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from ml.layers.stated_units import stated_conversion
from ml.layers.unit_amounts import Conversion, impossible_pairs
from ml.layers.unit_checks import (
    compare,
    conflicts,
    differs_greatly,
    doubtful_units,
    is_impossible,
)
from ml.recipes.recipe import LayerChoice
from ml.recipes.reports import LayerReport, Problem, Remedy

CodeRole = Literal["training", "scenario", "static", "unused"]
Choices = Mapping[tuple[str, str], LayerChoice]
_NAMES = 8


def layers_remedy(label: str, layers: Sequence[LayerReport], **change: object) -> Remedy:
    """Return one change of the choices of several layers."""
    entries = [{"file": layer.file, "band": layer.band, **change} for layer in layers]
    return Remedy(label=label, target="layers", change={"layers": entries})


def describe_codes(layer: LayerReport) -> str:
    """Return the codes of a categorical layer and where its legend is from."""
    codes = sorted(int(key) for key in layer.levels if key.lstrip("-").isdigit())
    span = f"{codes[0]}–{codes[-1]}" if codes else "none"
    legend = f"with the legend of {layer.legend_from}" if layer.legend_from else "without a legend"
    return f"{layer.file} has {span} {legend}"


def _unit_problem(
    pairs: Sequence[tuple[LayerReport, LayerReport, Conversion]], choices: Choices, where: str
) -> Problem:
    """Return one problem for layers of one file that need one conversion."""
    layers = [layer for layer, _, _ in pairs]
    layer, other, conversion = pairs[0]
    names = ", ".join(item.name for item in layers[:_NAMES])
    entries: list[dict[str, object]] = []
    for item in layers:
        before = choices.get((item.file, item.band))
        factor = before.factor if before is not None and before.factor is not None else 1.0
        offset = before.offset if before is not None and before.offset is not None else 0.0
        entry: dict[str, object] = {
            "file": item.file,
            "band": item.band,
            "factor": factor * conversion.factor,
            "offset": offset * conversion.factor + conversion.offset,
        }
        entries.append(entry)
    label = f"multiply {names} of {layer.file} by {conversion.factor:g}"
    if conversion.offset:
        label += f" and add {conversion.offset:g}"
    if conversion.text.startswith(("°C × 10 ", "K × 10 ", "K ", "°C ", "°F ")):
        label = f"treat {names} of {layer.file} as {conversion.text.split(' instead')[0]}"
    text = (
        f"{names} of {layer.file} {'is' if len(layers) == 1 else 'are'} in another unit than {where}: {layer.name} has "
        f"{_range(layer)}, {other.name} of {other.file} {_range(other)} ({conversion.text}); {label}"
    )
    return Problem(
        code="units-differ",
        text=text,
        file=layer.file,
        band=layer.band if len(layers) == 1 else None,
        remedy=Remedy(label=label, target="layers", change={"layers": entries}),
    )


def _range(layer: LayerReport) -> str:
    return f"{layer.minimum or 0.0:.4g} to {layer.maximum or 0.0:.4g}"


def _grouped(
    pairs: Sequence[tuple[LayerReport, LayerReport, Conversion]], choices: Choices, where: str
) -> list[Problem]:
    groups: dict[tuple[str, Conversion], list[tuple[LayerReport, LayerReport, Conversion]]] = {}
    for pair in pairs:
        groups.setdefault((pair[0].file, pair[2]), []).append(pair)
    return [_unit_problem(group, choices, where) for group in groups.values()]


def check_training_units(training: Sequence[LayerReport], choices: Choices) -> list[Problem]:
    """Find layers of the training set in another unit than the others, and temperatures in tenths of a degree."""
    continuous = [layer for layer in training if layer.kind == "continuous"]
    problems = _grouped(conflicts(continuous), choices, "the other layers")
    tenths: dict[str, list[LayerReport]] = {}
    for layer in continuous:
        if layer.unit == "°C × 10" and f"values are in {layer.unit}" in layer.notes:
            tenths.setdefault(layer.file, []).append(layer)
    if problems:
        return problems
    for layer in continuous:
        if units := doubtful_units(layer):
            problems.append(
                Problem(
                    code="unit-unsure",
                    text=f"values of {layer.name} of {layer.file} can be {' or '.join(units)}, and are used as they "
                    "are: state the unit",
                    blocking=False,
                    file=layer.file,
                    band=layer.band,
                )
            )
    for file, layers in tenths.items():
        names = ", ".join(layer.name for layer in layers[:_NAMES])
        problems.append(
            Problem(
                code="unit-recognised",
                text=f"values of {names} of {file} are in °C × 10 and used as such; they can be turned to °C",
                blocking=False,
                file=file,
                remedy=layers_remedy(f"treat {names} of {file} as °C × 10: turn them to °C", layers, factor=0.1),
            )
        )
    return problems


def check_impossible(training: Sequence[LayerReport]) -> list[Problem]:
    """Find layers that contradict each other, and values beyond what a known variable can be."""
    continuous = [layer for layer in training if layer.kind == "continuous"]
    in_conflict = {id(layer) for odd, other, _ in conflicts(continuous) for layer in (odd, other)}
    problems = [
        Problem(code="impossible", text=text, file=layer.file, band=layer.band)
        for layer, other, text in impossible_pairs(continuous)
        if id(layer) not in in_conflict and id(other) not in in_conflict
    ]
    problems += [
        Problem(
            code="beyond-limits",
            text=f"{layer.name} of {layer.file} has {_range(layer)}, which it cannot be in {layer.unit or 'any unit'}: "
            "check its name and unit",
            blocking=False,
            file=layer.file,
            band=layer.band,
        )
        for layer in continuous
        if is_impossible(layer)
    ]
    return problems


def _conversion(reference: LayerReport, layer: LayerReport, choices: Choices) -> Conversion | None:
    """Return how a layer of a scenario gets the unit of the training layer; None where nothing is to be done."""
    typed = _choices_of(reference, layer, choices)
    if _is_settled(reference, layer, choices):
        return None
    if not any(choice is not None and choice.factor is not None for choice in typed):
        stated = stated_conversion(reference, layer)
        if stated is not None:
            return stated
    return compare(reference, layer)


def _is_settled(reference: LayerReport, layer: LayerReport, choices: Choices) -> bool:
    """Return whether the user states that two layers have one unit."""
    units = [choice.unit if choice is not None else None for choice in _choices_of(reference, layer, choices)]
    return bool(units[0]) and units[0] == units[1]


def _choices_of(one: LayerReport, other: LayerReport, choices: Choices) -> list[LayerChoice | None]:
    return [choices.get((layer.file, layer.band)) for layer in (one, other)]


def _other_coding(reference: LayerReport, layer: LayerReport) -> Problem:
    """Return the problem of a categorical layer of a scenario that has no category of the training layer."""
    text = (
        f"{layer.name} of {layer.file} has no category of {reference.file} ({describe_codes(layer)}; "
        f"{describe_codes(reference)}): recode it, "
    )
    if reference.legend_from and not layer.legend_from and set(layer.levels) <= set(reference.levels):
        text += "or use the legend of the training layer if the codes mean the same"
        legend = {key: reference.levels[key] for key in layer.levels}
        remedy = layers_remedy(f"use the legend of {reference.file}", [layer], legend=legend)
    else:
        text += "or leave it unused"
        remedy = layers_remedy(f"leave {layer.file} unused", [layer], role="unused")
    return Problem(code="codes-differ", text=text, file=layer.file, band=layer.band, remedy=remedy)


def check_scenario_units(
    training: Sequence[LayerReport], scenario: Sequence[LayerReport], choices: Choices
) -> list[Problem]:
    """Compare each layer of a scenario with the training layer of its name."""
    named = {layer.name: layer for layer in training}
    pairs = []
    problems = []
    for layer in scenario:
        reference = named.get(layer.name)
        if reference is None:
            continue
        if reference.kind != layer.kind:
            problems.append(
                Problem(
                    code="kinds-differ",
                    text=f"{layer.name} is {reference.kind} in {reference.file} and {layer.kind} in {layer.file}: "
                    f"choose {reference.kind} for both",
                    file=layer.file,
                    band=layer.band,
                    remedy=layers_remedy(f"treat {layer.name} as {reference.kind}", [layer], kind=reference.kind),
                )
            )
        elif layer.kind == "categorical":
            unknown = [key for key in layer.levels if reference.levels.get(key) != layer.levels[key]]
            if unknown and not set(layer.levels.values()) & set(reference.levels.values()):
                problems.append(_other_coding(reference, layer))
            elif unknown:
                problems.append(
                    Problem(
                        code="codes-differ",
                        text=f"{layer.name} of {layer.file} has codes that {reference.file} does not have, or with "
                        f"other labels: {', '.join(unknown[:_NAMES])}",
                        blocking=False,
                        file=layer.file,
                        band=layer.band,
                    )
                )
        elif (conversion := _conversion(reference, layer, choices)) is not None:
            pairs.append((layer, reference, conversion))
        elif not _is_settled(reference, layer, choices) and differs_greatly(reference, layer):
            problems.append(
                Problem(
                    code="units-unsure",
                    text=f"{layer.name} of {layer.file} has {_range(layer)}, {reference.file} {_range(reference)}, at "
                    "least four times as much or as little: give the layer a factor, or state one unit for both if the "
                    "change is real",
                    file=layer.file,
                    band=layer.band,
                )
            )
    return [*problems, *_grouped(pairs, choices, "the training set")]
