"""Checks of a review: layers of one name, units, and layers of scenarios beside those of the training set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from ml.layers.placement import same_grid
from ml.layers.unit_amounts import Conversion, impossible_pairs
from ml.layers.unit_checks import compare, conflicts, is_impossible, stated_conversion
from ml.recipes.recipe import LayerChoice
from ml.recipes.reports import LayerReport, Problem, Remedy

CodeRole = Literal["training", "scenario", "static", "unused"]
Choices = Mapping[tuple[str, str], LayerChoice]
_NAMES = 8


def layers_remedy(label: str, layers: Sequence[LayerReport], **change: object) -> Remedy:
    """Return one change of the choices of several layers."""
    entries = [{"file": layer.file, "band": layer.band, **change} for layer in layers]
    return Remedy(label=label, target="layers", change={"layers": entries})


def _set_of(layer: LayerReport, role: CodeRole) -> str | None:
    """Return which set a layer is in; None where it is unused."""
    if role == "unused":
        return None
    return f"scenario {layer.scenario.label}" if role == "scenario" and layer.scenario else "the training set"


def check_duplicates(
    layers: Sequence[LayerReport], roles: list[CodeRole], fixed: set[tuple[str, str]]
) -> list[Problem]:
    """Find layers of one name in one set; equal ones are set aside in `roles`, others are a problem.

    Parameters
    ----------
    layers : sequence of LayerReport
    roles : list
        Changed: "unused" where a layer is equal to another.
    fixed : set of (file, band)
        Layers whose role a user chose.
    """
    sets: dict[tuple[str, str], list[int]] = {}
    for number, (layer, role) in enumerate(zip(layers, roles, strict=True)):
        group = _set_of(layer, role)
        if group is not None:
            sets.setdefault((group, layer.name), []).append(number)
    problems: list[Problem] = []
    clashes: dict[tuple[str, str, str], list[tuple[int, int]]] = {}
    sizes: dict[str, int] = {}
    for layer, role in zip(layers, roles, strict=True):
        sizes[layer.file] = sizes.get(layer.file, 0) + (role != "unused")
    for (group, _), numbers in sets.items():
        if len(numbers) < 2:
            continue
        best = max(numbers, key=lambda n: (bool(layers[n].legend_from), sizes[layers[n].file], -n))
        for number in numbers:
            if number == best:
                continue
            reason = _equal(layers[best], layers[number])
            if reason and (layers[number].file, layers[number].band) not in fixed:
                roles[number] = "unused"
                layers[number].notes.append(f"unused: {reason}")
                continue
            clashes.setdefault((group, layers[best].file, layers[number].file), []).append((best, number))
    problems += _same_values(layers, roles)
    for (group, first, second), pairs in clashes.items():
        extra = [layers[number] for _, number in pairs]
        names = ", ".join(dict.fromkeys(layer.name for layer in extra[:_NAMES]))
        text = f"{first} and {second} both have {names} for {group}"
        if first == second:
            bands = ", ".join(f"{layers[best].band} and {layers[number].band}" for best, number in pairs[:_NAMES])
            text = f"{first} has {names} twice for {group} (bands {bands})"
        coding = [_describe_codes(layers[n]) for n in pairs[0]] if extra[0].kind == "categorical" else []
        if coding and layers[pairs[0][0]].kind == "categorical":
            text += f"; their codes differ: {coding[0]}, {coding[1]}, so that one code means two things"
        problems.append(
            Problem(
                code="name-twice",
                text=f"{text}: leave one unused, or give it another name",
                file=second,
                band=extra[0].band if len(extra) == 1 else None,
                remedy=layers_remedy(f"leave {names} of {second} unused", extra, role="unused"),
            )
        )
    return problems


def _same_values(layers: Sequence[LayerReport], roles: Sequence[CodeRole]) -> list[Problem]:
    """Return a remark for each layer that has the values of another layer of its set under another name."""
    first: dict[tuple[str, str], LayerReport] = {}
    problems: list[Problem] = []
    for layer, role in zip(layers, roles, strict=True):
        group = _set_of(layer, role)
        if group is None or not layer.values_hash:
            continue
        other = first.setdefault((group, layer.values_hash), layer)
        if other.name != layer.name and _equal(other, layer):
            problems.append(
                Problem(
                    code="same-values",
                    text=f"{layer.name} of {layer.file} has the values of {other.name} of {other.file}: one of the two "
                    "may be a wrong file, and the model cannot tell their effects apart; leave one unused",
                    blocking=False,
                    file=layer.file,
                    band=layer.band,
                    remedy=layers_remedy(f"leave {layer.name} of {layer.file} unused", [layer], role="unused"),
                )
            )
    return problems


def _equal(one: LayerReport, other: LayerReport) -> str:
    """Return why two layers are the same layer; empty where they are not."""
    if one.sha256 and (one.sha256, one.band) == (other.sha256, other.band):
        return f"the same file as {one.file}"
    numbers = [(r.minimum, r.maximum, r.mean, r.nodata_share, r.kind) for r in (one, other)]
    # Layers of one range and mean can still be turned or mirrored.
    same_values = bool(one.values_hash) and one.values_hash == other.values_hash
    if same_values and numbers[0] == numbers[1] and one.grid and other.grid and same_grid(one.grid, other.grid):
        return f"the same values as band {one.band} of {one.file}"
    return ""


def _describe_codes(layer: LayerReport) -> str:
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
    if conversion.text.startswith(("°C × 10 ", "K × 10 ", "K ", "°C ")):
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
    typed = [choices.get((one.file, one.band)) for one in (reference, layer)]
    if typed[0] is not None and typed[1] is not None and typed[0].unit and typed[0].unit == typed[1].unit:
        # The user states that both have one unit.
        return None
    if not any(choice is not None and choice.factor is not None for choice in typed):
        stated = stated_conversion(reference, layer)
        if stated is not None:
            return stated
    return compare(reference, layer)


def _other_coding(reference: LayerReport, layer: LayerReport) -> Problem:
    """Return the problem of a categorical layer of a scenario that has no category of the training layer."""
    text = (
        f"{layer.name} of {layer.file} has no category of {reference.file} ({_describe_codes(layer)}; "
        f"{_describe_codes(reference)}): recode it, "
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
    return [*problems, *_grouped(pairs, choices, "the training set")]
