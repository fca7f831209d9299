"""The layers that a model is projected onto, found by the names of its predictors and compared with its training."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from ml.card import ModelCard, Predictor, Source
from ml.card_preparation import UsedLayer
from ml.layers.grid import check_crs
from ml.layers.layer_names import canonical_name
from ml.layers.placement import same_grid
from ml.layers.review import review
from ml.layers.stack import Stack
from ml.own_data import texts
from ml.projection.comparison import compare_layer, refuse_odd_layer
from ml.projection.errors import ProjectionError
from ml.recipes.recipe import LayerChoice, Recipe
from ml.recipes.reports import FileReport, LayerReport, LayersReport, Scenario
from ml.serving.artifact import Artifact

_MOST_NAMES = 12


@dataclass(frozen=True)
class ProjectionInputs:
    """Layers on one grid, one for each predictor of a model, in the order of its card.

    Attributes
    ----------
    stack : Stack
        Its names are those of the predictors.
    scenario : Scenario or None
        None for layers of the present.
    used : list of UsedLayer
        As a model's card lists them.
    sources : list of Source
        Of the layers.
    notes : list of str
        What should be known about the layers.
    identity : str
        Of stored layers, which have no files with hashes.
    shift : dict of str to float
        A number that is added to all cells, by predictor (`ml.projection.shifts`).
    shift_text : str
        The same in words.
    """

    stack: Stack
    scenario: Scenario | None
    used: list[UsedLayer]
    sources: list[Source]
    notes: list[str] = field(default_factory=list)
    identity: str = ""
    shift: dict[str, float] = field(default_factory=dict)
    shift_text: str = ""


@contextmanager
def open_inputs(
    artifact: Artifact,
    folder: Path,
    files: Sequence[FileReport],
    recipe: Recipe | None = None,
    scenario: str | None = None,
) -> Iterator[ProjectionInputs]:
    """Open the layers of a model's predictors; they are closed at the end of the block.

    Parameters
    ----------
    artifact : Artifact
    folder : Path
        Has the files.
    files : sequence of FileReport
        Reports on all files with layers.
    recipe : Recipe, optional
        Choices for the layers; by default those of the model's own study, for the files that it was trained with and
        for files of scenarios by their names.
    scenario : str, optional
        Label of a scenario; static layers are carried over to it.

    Yields
    ------
    ProjectionInputs

    Raises
    ------
    ProjectionError
        A predictor has no layer, or its layer has another unit, kind or legend than in training.
    ml.layers.errors.LayerError
        A file cannot be read.
    """
    files = sorted(files, key=lambda file: file.name)
    card = artifact.card
    notes: list[str] = []
    if recipe is None:
        recipe, notes = _recipe_of(card, files)
    recipe = _existing(recipe, files)
    recipe = _kinds_of_training(recipe, card.predictors, review(recipe, files))
    report = review(recipe, files)
    chosen = _find_scenario(report, scenario)
    if chosen is not None and "training" not in report.roles:
        # Without layers of the present, those of the scenario decide about the grid.
        recipe = _as_training(recipe, report, chosen.label)
        report = review(recipe, files)
        layers = _choose(card.predictors, report, None, f"the scenario {chosen.label} has")
    else:
        where = "there is" if chosen is None else f"the scenario {chosen.label} has"
        layers = _choose(card.predictors, report, scenario, where)
    trained = {layer.predictor: layer.sha256 for layer in card.preparation.layers} if card.preparation else {}
    pairs = list(zip(card.predictors, layers, strict=True))
    known = {predictor.name for predictor, layer in pairs if trained.get(predictor.name) == layer.sha256}
    _refuse_problems(report, recipe, layers, card.predictors, known)
    for predictor, layer in pairs:
        notes += compare_layer(predictor, layer, known=predictor.name in known)
    grid = report.grid
    if grid is None or not grid.crs:
        raise ProjectionError("no layer states its coordinate reference system: type it on the page Check layers")
    names = [predictor.name for predictor in card.predictors]
    used = [
        texts.used_layer(layer, layer.grid is None or not same_grid(layer.grid, grid)).model_copy(
            update={"predictor": name}
        )
        for name, layer in zip(names, layers, strict=True)
    ]
    sources = texts.layer_sources(
        files, report.model_copy(update={"layers": layers, "roles": ["training"] * len(names)})
    )
    with Stack(folder, layers, grid, names) as stack:
        yield ProjectionInputs(stack, chosen, used, sources, notes)


def _recipe_of(card: ModelCard, files: Sequence[FileReport]) -> tuple[Recipe, list[str]]:
    """Return the recipe of a model's study, and notes on what was left out of it; an empty one for a demo study.

    A factor that is right for a file of the study would be wrong for another one of the same name.
    """
    recipe = Recipe(title="projection")
    if card.preparation is None:
        return recipe, []
    # A card of another version of the program can have a recipe that this one does not read.
    with suppress(ValidationError):
        recipe = Recipe.model_validate_json(card.preparation.recipe)
    trained = {(layer.file, layer.band): layer for layer in card.preparation.layers}
    hashes = {(layer.file, layer.band): layer.sha256 for file in files for layer in file.layers}
    choices, notes = [], []
    for choice in recipe.layers:
        used = trained.get((choice.file, choice.band))
        own = used is None or hashes.get((choice.file, choice.band), used.sha256) == used.sha256
        plain = choice.model_copy(update=dict.fromkeys(("unit", "factor", "offset", "nodata", "legend")))
        choices.append(choice if own else plain)
        if used is not None and not own and plain != choice:
            notes.append(
                f"{used.predictor}: {choice.file} is not the file of that name in training: its values were taken as "
                "they are."
            )
    return recipe.model_copy(update={"layers": choices}), notes


def _existing(recipe: Recipe, files: Sequence[FileReport]) -> Recipe:
    """Return a recipe with the choices for layers that there are."""
    there = {(layer.file, layer.band) for file in files for layer in file.layers}
    return recipe.model_copy(
        update={
            "layers": [choice for choice in recipe.layers if (choice.file, choice.band) in there],
            "grid": recipe.grid if recipe.grid in there else None,
        }
    )


def _kinds_of_training(recipe: Recipe, predictors: Sequence[Predictor], report: LayersReport) -> Recipe:
    """Return a recipe in which layers whose values can be quantities or classes are what they were in training.

    The values of a small area do not show it: a single class looks like a quantity, and one whole number like a class.
    """
    types = {name: one.type for one in predictors for name in (canonical_name(one.name), one.name)}
    choices = {(choice.file, choice.band): choice for choice in recipe.layers}
    for layer in report.layers:
        key = (layer.file, layer.band)
        choice = choices.get(key) or LayerChoice(file=layer.file, band=layer.band)
        kind = types.get(layer.name, layer.kind)
        is_unsure = bool(layer.codes) if kind == "categorical" else not layer.legend_from
        if choice.kind is None and kind != layer.kind and is_unsure:
            choices[key] = choice.model_copy(update={"kind": kind})
    return recipe.model_copy(update={"layers": list(choices.values())})


def _as_training(recipe: Recipe, report: LayersReport, scenario: str) -> Recipe:
    """Return a recipe in which the layers of one scenario are those of the training set."""
    choices = {(choice.file, choice.band): choice for choice in recipe.layers}
    for layer, role in zip(report.layers, report.roles, strict=True):
        if role != "scenario" or layer.scenario is None:
            continue
        key = (layer.file, layer.band)
        choice = choices.get(key) or LayerChoice(file=layer.file, band=layer.band)
        own = layer.scenario.label == scenario
        choices[key] = choice.model_copy(update={"role": "training" if own else "unused"})
    return recipe.model_copy(update={"layers": list(choices.values())})


def _find_scenario(report: LayersReport, label: str | None) -> Scenario | None:
    """Return the scenario of a label.

    Raises
    ------
    ProjectionError
        No layer is of it.
    """
    scenarios = {
        layer.scenario.label: layer.scenario
        for layer, role in zip(report.layers, report.roles, strict=True)
        if role == "scenario" and layer.scenario is not None
    }
    if label is None or label in scenarios:
        return scenarios.get(label) if label is not None else None
    known = f"there are {_listed(sorted(scenarios))}" if scenarios else "no file states one in its name"
    raise ProjectionError(f"no layer is of the scenario {label}; {known}")


def _choose(
    predictors: Sequence[Predictor], report: LayersReport, scenario: str | None, where: str
) -> list[LayerReport]:
    """Return the layer of each predictor; `where` is how a message about missing ones begins."""
    by_name: dict[str, list[LayerReport]] = {}
    own: dict[str, list[LayerReport]] = {}
    labels: dict[str, set[str]] = {}
    for layer, role in zip(report.layers, report.roles, strict=True):
        if role == "scenario" and layer.scenario is not None:
            labels.setdefault(layer.scenario.label, set()).add(layer.name)
            if layer.scenario.label == scenario:
                own.setdefault(layer.name, []).append(layer)
        elif role == "static" or (role == "training" and scenario is None):
            by_name.setdefault(layer.name, []).append(layer)
    by_name |= own
    layers, missing = [], []
    for predictor in predictors:
        match = by_name.get(predictor.name) or by_name.get(canonical_name(predictor.name)) or []
        if len(match) > 1:
            files = " and ".join(f"{layer.file}, band {layer.band}" for layer in match[:2])
            raise ProjectionError(f"two layers are {predictor.name}: {files}; leave one of them out")
        layers += match
        missing += [] if match else [predictor.name]
    if missing:
        text = f"{where} no layer for {_listed(missing)}, of the {len(predictors)} predictors of the model"
        text += f"; the layers are {_listed(sorted(by_name))}" if by_name else ""
        complete = sorted(label for label, names in labels.items() if set(missing) <= names)
        if scenario is None and complete:
            text += f"; the scenario {complete[0]} has it: add --scenario {complete[0]!r}"
        raise ProjectionError(text)
    return layers


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more


def _refuse_problems(
    report: LayersReport,
    recipe: Recipe,
    layers: Sequence[LayerReport],
    predictors: Sequence[Predictor],
    known: Collection[str],
) -> None:
    """Raise ProjectionError where a layer that is used has a problem that stands in the way."""
    bands = {(layer.file, layer.band) for layer in layers}
    files = {layer.file for layer in layers}
    for problem in [*report.problems, *check_crs(recipe)]:
        concerns = (problem.file, problem.band) in bands if problem.band is not None else problem.file in files
        if problem.blocking and (concerns or problem.code == "grid-missing"):
            if problem.code == "units-differ":
                # which of two layers is in another unit, their training ranges tell
                refuse_odd_layer(predictors, layers, known)
            raise ProjectionError(problem.text)
