"""The one form of a recipe that all roads to a model store, so that the same choices give the same model."""

from __future__ import annotations

from collections.abc import Sequence

from ml.own_data.cleaned import records_files
from ml.recipes.recipe import LICENCES, Recipe
from ml.recipes.reports import FileReport
from ml.recipes.slugs import study_slug


def canonical_recipe(recipe: Recipe, files: Sequence[FileReport]) -> Recipe:
    """Return a recipe with the same meaning: every file of records, only choices that choose, lists in a fixed order.

    Parameters
    ----------
    recipe : Recipe
    files : sequence of FileReport
        Files of the study; choices for other files are left out.

    Returns
    -------
    Recipe
    """
    names = {file.name for file in files}
    rules = recipe.rules
    licences = None if rules.licences is None else [one for one in LICENCES if one in rules.licences]
    layers = [
        choice
        for choice in sorted(recipe.layers, key=lambda choice: (choice.file, choice.band))
        if choice.file in names and choice.model_dump(exclude={"file", "band"}, exclude_none=True)
    ]
    return recipe.model_copy(
        update={
            "slug": recipe.slug or study_slug(recipe.title),
            "records": [one for one in records_files(recipe, files) if one.name in names],
            "species": None if recipe.species is None else sorted(set(recipe.species)),
            "merge": dict(sorted(recipe.merge.items())),
            "rules": rules.model_copy(
                update={"off": sorted(set(rules.off)), "drop": sorted(set(rules.drop)), "licences": licences}
            ),
            "layers": layers,
        }
    )
