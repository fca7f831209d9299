"""The recipe after a change of its layers or its grid."""

from __future__ import annotations

from collections.abc import Sequence

from app.errors import ValidationFailed
from app.layers.schemas import LayersChange
from app.web.input_validation import pointer
from ml.recipes.recipe import LayerChoice, Recipe
from ml.recipes.reports import FileReport


def change_recipe(recipe: Recipe, change: LayersChange, files: Sequence[FileReport]) -> Recipe:
    """Return the recipe after a change.

    Raises
    ------
    ValidationFailed
        The change names a layer that the study does not have.
    """
    layers = {(layer.file, layer.band) for file in files for layer in file.layers}
    updates: dict[str, object] = {}
    if change.layers is not None:
        updates["layers"] = _choices(recipe.layers, change.layers, layers)
    if "grid" in change.model_fields_set:
        if change.grid is not None and change.grid not in layers:
            raise ValidationFailed([("/grid", _unknown(*change.grid))])
        updates["grid"] = change.grid
    return recipe.model_copy(update=updates)


def _choices(
    choices: Sequence[LayerChoice], changes: Sequence[LayerChoice], layers: set[tuple[str, str]]
) -> list[LayerChoice]:
    by_layer = {(choice.file, choice.band): choice for choice in choices}
    for number, change in enumerate(changes):
        layer = change.file, change.band
        if layer not in layers:
            raise ValidationFailed([(pointer("layers", number), _unknown(*layer))])
        before = by_layer.get(layer, LayerChoice(file=change.file, band=change.band))
        by_layer[layer] = LayerChoice.model_validate({**before.model_dump(), **change.model_dump(exclude_unset=True)})
    # A choice that chooses nothing would only make two equal recipes differ.
    return [choice for layer, choice in by_layer.items() if choice != LayerChoice(file=layer[0], band=layer[1])]


def _unknown(file: str, band: str) -> str:
    return f"band “{band}” of “{file}” is not a layer of this study"
