"""Choices of a user applied to the reports on layers, and checks of the choices. No file is read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from ml.layers import layer_names
from ml.layers.placement import normal_crs, turn_longitudes
from ml.layers.review_checks import layers_remedy
from ml.layers.scenarios import named_scenario
from ml.layers.unit_checks import doubtful_units, recognise_unit
from ml.recipes.recipe import LayerChoice
from ml.recipes.reports import LayerReport, Problem, Remedy


def check_choices(choices: Sequence[LayerChoice], layers: Sequence[LayerReport]) -> list[Problem]:
    """Return a problem for each choice that has no effect or cannot be meant.

    Parameters
    ----------
    choices : sequence of LayerChoice
    layers : sequence of LayerReport
        As inspected, before the choices are applied.
    """
    problems = []
    known = {(layer.file, layer.band): layer for layer in layers}
    seen: set[tuple[str, str]] = set()

    def add(choice: LayerChoice, code: str, text: str, remedy: Remedy | None = None, *, blocking: bool = False) -> None:
        problems.append(
            Problem(code=code, text=text, blocking=blocking, file=choice.file, band=choice.band, remedy=remedy)
        )

    for choice in choices:
        key, where = (choice.file, choice.band), f"{choice.file}, band {choice.band}"
        layer = known.get(key)
        if layer is None:
            bands = [band for file, band in known if file == choice.file]
            reason = "the study has no such layer"
            if bands:
                reason += f"; the file has {'band' if len(bands) == 1 else 'the bands'} {', '.join(bands[:20])}"
            add(choice, "choice-unknown", f"a choice for {where}, has no effect: {reason}")
            continue
        if key in seen:
            add(choice, "choice-twice", f"there are several choices for {where}: the last is used; remove the others")
        seen.add(key)
        if choice.factor == 0.0:
            remedy = layers_remedy("do not multiply", [layer], factor=None)
            text = f"the factor of {where}, is 0, which makes every value the same: type another, or leave it empty"
            add(choice, "factor-zero", text, remedy, blocking=True)
        stated = "" if has_problem(layer, "crs-wrong") else normal_crs(layer.crs or "")
        if choice.crs is not None and stated and normal_crs(choice.crs) != stated:
            text = (
                f"the CRS {choice.crs[:60]!r} typed for {where}, is not used: the file states {stated[:60]}; "
                "correct the file if that is wrong"
            )
            add(choice, "crs-stated", text, layers_remedy("use the CRS of the file", [layer], crs=None))
    return problems


def apply_choice(report: LayerReport, choice: LayerChoice | None) -> LayerReport:
    """Return a copy of the report of a layer with a user's choice applied; the stack reads values by it."""
    layer = report.model_copy(deep=True)
    _apply_nodata(layer, choice.nodata if choice is not None else None)
    if choice is None:
        _state_unit(layer)
        return layer
    if choice.name is not None:
        layer.name = choice.name
    if choice.crs is not None and (layer.crs is None or has_problem(layer, "crs-wrong")):
        _apply_crs(layer, choice.crs)
    factor, offset = choice.factor if choice.factor is not None else 1.0, choice.offset or 0.0
    if (factor, offset) != (1.0, 0.0):
        layer.scale, layer.offset = layer.scale * factor, layer.offset * factor + offset
        if layer.minimum is not None and layer.maximum is not None and layer.mean is not None:
            edges = [layer.minimum * factor + offset, layer.maximum * factor + offset]
            layer.minimum, layer.maximum = min(edges), max(edges)
            layer.mean = layer.mean * factor + offset
        known = layer_names.KNOWN.get(layer.name)
        layer.unit = known.unit if known is not None else layer.unit
        layer.notes.append(f"multiplied by {factor:g}" + (f", {offset:g} added" if offset else ""))
        layer.codes, layer.doubtful = [], []
    if choice.kind is not None:
        _apply_kind(layer, choice.kind)
    if choice.legend is not None and layer.kind == "categorical":
        layer.levels |= dict(choice.legend)
        layer.legend_from = "typed"
    if choice.unit is not None:
        layer.unit = choice.unit
    else:
        _state_unit(layer)
    if choice.scenario is not None:
        layer.scenario = named_scenario(choice.scenario, layer.scenario)
    elif choice.role in ("training", "static"):
        layer.scenario = None
    elif choice.role == "scenario" and layer.scenario is None:
        layer.scenario = named_scenario("future")
    return layer


def has_problem(layer: LayerReport, code: str) -> bool:
    """Return whether a layer has a problem of a code."""
    return any(problem.code == code for problem in layer.problems)


def _apply_crs(layer: LayerReport, crs: str) -> None:
    layer.crs = normal_crs(crs)
    layer.problems = [problem for problem in layer.problems if problem.code not in ("crs-missing", "crs-wrong")]
    layer.notes.append(f"CRS {layer.crs[:60]} as typed")
    if layer.grid is not None:
        grid = layer.grid.model_copy(update={"crs": layer.crs})
        # Other systems need PROJ, which is not imported for a review.
        layer.extent = None
        if layer.crs == "EPSG:4326":
            west, _ = turn_longitudes(grid.west, grid.cell_x, grid.width)
            grid.west = west
            east, south = west + grid.width * grid.cell_x, grid.north - grid.height * grid.cell_y
            layer.extent = (west, max(-90.0, south), east if east <= 180.0 else east - 360.0, min(90.0, grid.north))
        layer.grid = grid


def _apply_nodata(layer: LayerReport, nodata: float | Literal["none"] | None) -> None:
    """Take a value as missing, or ask about the values of which it is not certain."""
    if nodata == "none":
        layer.doubtful = []
        return
    if nodata is not None and nodata not in layer.missing:
        layer.missing.append(nodata)
        layer.notes.append(f"{nodata:.10g} is no value, as chosen")
        stated = next((one for one in layer.doubtful if one.value == nodata), None)
        layer.codes = [one for one in layer.codes if one != nodata]
        layer.levels.pop(f"{nodata:.10g}", None)
        layer.values_hash = ""
        if stated is not None:
            layer.minimum, layer.maximum, layer.mean = stated.minimum, stated.maximum, stated.mean
            # One value can be chosen; others that were doubtful are used as they are.
            layer.doubtful = []
        elif layer.codes and (layer.scale, layer.offset) == (1.0, 0.0):
            layer.minimum, layer.maximum = min(layer.codes), max(layer.codes)
    for one in layer.doubtful:
        text = (
            f"{layer.file}, band {layer.band} ({layer.name}) has {one.value:.10g} in {one.cells:,} cells, while its "
            f"other values are {one.minimum:.4g} to {one.maximum:.4g}: treat {one.value:.10g} as no value, or "
            'set nodata to "none" if it is a measurement'
        )
        solution = layers_remedy(f"treat {one.value:.10g} as no value", [layer], nodata=one.value)
        layer.problems.append(
            Problem(code="nodata-unsure", text=text, file=layer.file, band=layer.band, remedy=solution)
        )


def _apply_kind(layer: LayerReport, kind: Literal["continuous", "categorical"]) -> None:
    layer.kind = kind
    layer.problems = [problem for problem in layer.problems if problem.code != "kind-unsure"]
    if kind == "continuous":
        layer.levels, layer.legend_from = {}, ""
        return
    layer.unit = ""
    if not layer.levels:
        layer.levels = {str(int(value)): str(int(value)) for value in layer.codes}
    if not layer.levels:
        layer.problems.append(
            Problem(
                code="no-codes",
                text=f"{layer.file}, band {layer.band}, cannot be categories: its values are not whole numbers, or "
                "there are more than 1,000 of them; choose continuous",
                file=layer.file,
                band=layer.band,
                remedy=layers_remedy("treat as continuous", [layer], kind="continuous"),
            )
        )


def _state_unit(layer: LayerReport) -> None:
    """Give a known variable the unit that its values show."""
    if units := doubtful_units(layer):
        layer.unit = ""
        layer.notes.append(f"values can be in {' or '.join(units)}")
    unit = recognise_unit(layer)
    if unit and layer.kind == "continuous":
        layer.unit = unit
        layer.notes.append(f"values are in {unit}")
