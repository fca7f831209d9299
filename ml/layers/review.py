"""Review of a study's layers from the reports on its files: roles, names, units, grid, scenarios. No file is read.

It does not import the libraries that read rasters, so that the web application can import it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ml.layers import layer_names
from ml.layers.choices import apply_choice, check_choices, has_problem
from ml.layers.duplicate_layers import check_duplicates
from ml.layers.grid_checks import check_grids
from ml.layers.placement import same_grid
from ml.layers.review_checks import (
    CodeRole,
    check_impossible,
    check_scenario_units,
    check_training_units,
)
from ml.layers.scenario_pairs import pair_scenarios
from ml.recipes.recipe import LayerChoice, Recipe
from ml.recipes.reports import FileReport, Grid, LayerReport, LayersReport, Problem, are_samples


def review(recipe: Recipe, files: Sequence[FileReport]) -> LayersReport:
    """Return the layers of a study with roles, choices and problems.

    Parameters
    ----------
    recipe : Recipe
        Choices of the user: roles, names, kinds, units, factors, CRS, legends, grid.
    files : sequence of FileReport
        In the order of the study.

    Returns
    -------
    LayersReport
        ``cells`` and ``lost`` are not filled in, because they need the values.

    Notes
    -----
    The grid is that of most training layers; among equals the finest, then the first.
    """
    problems: list[Problem] = []
    choices = {(choice.file, choice.band): choice for choice in recipe.layers}
    layers: list[LayerReport] = []
    roles: list[CodeRole] = []
    for file in files:
        for found in file.layers:
            choice = choices.get((found.file, found.band))
            layer = apply_choice(found, choice)
            layers.append(layer)
            roles.append(_role(layer, choice))
    problems += check_choices(recipe.layers, [layer for file in files for layer in file.layers])
    problems += check_duplicates(layers, roles, {key for key, choice in choices.items() if choice.role is not None})
    used = [(layer, role) for layer, role in zip(layers, roles, strict=True) if role != "unused"]
    training = [layer for layer, role in used if role in ("training", "static")]
    problems = _lifted(used) + problems
    grid_layer, grid_problems = _choose_grid(recipe, layers, training)
    problems += grid_problems
    if grid_layer is not None:
        problems += check_grids([layer for layer, _ in used], grid_layer)
    problems += check_training_units(training, choices)
    problems += check_impossible(training)
    problems += check_scenario_units(training, [layer for layer, role in used if role == "scenario"], choices)
    if not training and not are_samples(files):
        problems.append(
            Problem(
                code="no-training-layers",
                text="there are no layers of the present: add some, or give layers the role training"
                if layers
                else "there are no layers: add GeoTIFF, ESRI ASCII, R grid or NetCDF files",
            )
        )
    scenarios, scenario_problems = pair_scenarios(used)
    names = list(dict.fromkeys(layer.name for layer in training))
    return LayersReport(
        grid=grid_layer.grid if grid_layer is not None else None,
        grid_of=(grid_layer.file, grid_layer.band) if grid_layer is not None else None,
        training=names,
        layers=layers,
        roles=roles,
        scenarios=scenarios,
        problems=[*problems, *scenario_problems],
    )


def _role(layer: LayerReport, choice: LayerChoice | None) -> CodeRole:
    if choice is not None and choice.role is not None:
        return choice.role
    if choice is not None and choice.scenario is not None:
        return "scenario"
    if layer_names.is_auxiliary(layer.file, layer.name):
        layer.notes.append("unused, because its name says that it is about the records (bias, mask, sample)")
        return "unused"
    if layer.scenario is not None:
        return "scenario"
    if layer.kind == "categorical" or layer_names.is_static(layer.name, layer.file):
        return "static"
    return "training"


def _lifted(used: Sequence[tuple[LayerReport, CodeRole]]) -> list[Problem]:
    """Return the problems of layers that are used; equal ones of one file are one, with one remedy for all bands."""
    merged: dict[tuple[str, str | None, str], Problem] = {}
    for layer, _ in used:
        for problem in layer.problems:
            key = (problem.code, problem.file, problem.text)
            first = merged.get(key)
            if first is None:
                merged[key] = problem.model_copy(deep=True)
                continue
            first.band = None
            if first.remedy is not None and problem.remedy is not None:
                entries = first.remedy.change.get("layers"), problem.remedy.change.get("layers")
                if isinstance(entries[0], list) and isinstance(entries[1], list):
                    first.remedy.change["layers"] = [*entries[0], *entries[1]]
    return list(merged.values())


def _choose_grid(
    recipe: Recipe, layers: Sequence[LayerReport], training: Sequence[LayerReport]
) -> tuple[LayerReport | None, list[Problem]]:
    """Return the layer whose grid the others are aligned to."""
    problems = []
    if recipe.grid is not None:
        own = next((layer for layer in layers if (layer.file, layer.band) == recipe.grid), None)
        if own is not None and own.grid is not None and own.crs:
            return own, []
        problems.append(
            Problem(
                code="grid-missing",
                text=f"the grid is to be that of {recipe.grid[0]}, band {recipe.grid[1]}, which the study does not "
                "have or which has no CRS: choose another layer's grid",
            )
        )
    candidates = [
        layer
        for layer in training
        if layer.grid is not None and layer.crs and layer.mean is not None and not has_problem(layer, "crs-wrong")
    ]
    groups: list[tuple[Grid, list[LayerReport]]] = []
    for layer in candidates:
        assert layer.grid is not None  # noqa: S101  (for the type checker)
        group = next((members for grid, members in groups if same_grid(grid, layer.grid)), None)
        if group is None:
            groups.append((layer.grid, [layer]))
        else:
            group.append(layer)
    if not groups:
        return None, problems
    counts = Counter({number: len(members) for number, (_, members) in enumerate(groups)})
    best = min(counts, key=lambda number: (-counts[number], _area(groups[number][1][0]), number))
    return groups[best][1][0], problems


def _area(layer: LayerReport) -> float:
    """Return the area of a cell in square degrees, roughly."""
    if layer.grid is None or layer.extent is None:
        return float("inf")
    west, south, east, north = layer.extent
    width = east - west if east > west else east - west + 360.0
    return width * (north - south) / max(1, layer.grid.width * layer.grid.height)
