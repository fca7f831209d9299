"""Layers that are the same: of one name in one set, or with the values of another layer."""

from __future__ import annotations

from collections.abc import Sequence

from ml.layers.placement import same_grid
from ml.layers.review_checks import CodeRole, describe_codes, layers_remedy
from ml.recipes.reports import LayerReport, Problem

_NAMES = 8


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
        coding = [describe_codes(layers[n]) for n in pairs[0]] if extra[0].kind == "categorical" else []
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
