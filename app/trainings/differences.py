"""In words: how the recipe and the files of one version differ from those of another."""

from __future__ import annotations

from pydantic import ValidationError

from ml.card_preparation import Preparation
from ml.numbers import exact
from ml.recipes.recipe import Recipe, RecordRules, TrainingSettings
from ml.records.reasons import CHECKS

_MOST = 8
_LABELS = {check.code: check.label for check in CHECKS}
_SETTINGS = {
    "trees": "trees",
    "folds": "folds",
    "seed": "as the seed",
    "background": "background cells at most",
    "fewest": "cells at least",
}


def describe_differences(now: Preparation | None, then: Preparation | None) -> list[str] | None:
    """Return what differs in a version from another one, a few words each; None where a card does not say it."""
    if now is None or then is None:
        return None
    recipe, before = _recipe(now), _recipe(then)
    if recipe is None or before is None:
        return None
    texts = [
        *_rules(recipe.rules, before.rules),
        *_settings(recipe.settings, before.settings),
        *_files(now, then),
    ]
    if recipe.merge != before.merge:
        texts.append("other names merged")
    read_before = {file.name: file for file in before.records}
    texts += [f"{file.name} read in another way" for file in recipe.records if read_before.get(file.name, file) != file]
    if recipe.layers != before.layers:
        texts.append("other choices for layers")
    if recipe.grid != before.grid:
        texts.append(f"grid of {recipe.grid[0]}" if recipe.grid is not None else "grid as chosen by the program")
    return [*texts[:_MOST], f"and {len(texts) - _MOST} more"] if len(texts) > _MOST + 1 else texts


def _recipe(preparation: Preparation) -> Recipe | None:
    try:
        return Recipe.model_validate_json(preparation.recipe)
    except ValidationError:
        return None


def _rules(rules: RecordRules, before: RecordRules) -> list[str]:
    texts = []
    if rules.thin_km != before.thin_km:
        texts.append(f"thinned to {exact(rules.thin_km)} km" if rules.thin_km is not None else "not thinned")
    if (rules.first_year, rules.last_year) != (before.first_year, before.last_year):
        texts.append(_years(rules))
    if rules.max_uncertainty_m != before.max_uncertainty_m:
        limit = f"{rules.max_uncertainty_m:,.0f} m" if rules.max_uncertainty_m is not None else "the width of a cell"
        texts.append(f"uncertainty up to {limit}")
    if rules.licences != before.licences:
        texts.append(f"licences {', '.join(rules.licences)}" if rules.licences is not None else "open licences")
    # A check that is off no longer drops records; a flag that drops them does.
    for now, then, word, opposite in ((rules.off, before.off, "off", "on"), (rules.drop, before.drop, "on", "off")):
        texts += [f"check “{_LABELS.get(code, code)}” {word}" for code in now if code not in then]
        texts += [f"check “{_LABELS.get(code, code)}” {opposite}" for code in then if code not in now]
    return texts


def _years(rules: RecordRules) -> str:
    if rules.first_year is not None and rules.last_year is not None:
        return f"years {rules.first_year} to {rules.last_year}"
    if rules.first_year is not None:
        return f"years from {rules.first_year}"
    return f"years to {rules.last_year}" if rules.last_year is not None else "any year"


def _settings(settings: TrainingSettings, before: TrainingSettings) -> list[str]:
    texts = []
    for name, noun in _SETTINGS.items():
        now, then = getattr(settings, name), getattr(before, name)
        if now != then:
            texts.append(f"{now:,} {noun} instead of {then:,}")
    return texts


def _files(preparation: Preparation, before: Preparation) -> list[str]:
    now = {file.name: file.sha256 for file in preparation.files}
    then = {file.name: file.sha256 for file in before.files}
    return [
        *[f"with {name}" for name in now if name not in then],
        *[f"without {name}" for name in then if name not in now],
        *[f"{name} replaced" for name in now if name in then and now[name] != then[name]],
    ]
