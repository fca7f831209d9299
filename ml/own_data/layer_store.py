"""The layers of a study of own data, stored so that places can be asked without GDAL."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from ml.card_preparation import Preparation
from ml.layers.errors import LayerError
from ml.layers.review import review
from ml.layers.stack import open_stack
from ml.layers.store import SetSource, extent_of, write_store
from ml.layers.stored_index import INDEX, StoredLayer, StoredLayers, StoredSet, layers_key
from ml.own_data.assemble import Assembly
from ml.own_data.predictors import as_predictor
from ml.recipes.recipe import Recipe
from ml.recipes.reports import FileReport, LayerReport, LayersReport
from ml.study import StudyData

#: In the folder of a training: why the layers were not stored.
_PROBLEM = "layers-not-stored.txt"


def store_layers(
    home: Path,
    folder: Path,
    recipe: Recipe,
    files: Sequence[FileReport],
    preparation: Preparation,
    study: str,
    advance: Callable[[float], None] = lambda share: None,
) -> Path:
    """Store the training layers of a study, and those of each scenario that has all of them.

    Parameters
    ----------
    home : Path
        Gets a folder of the study and in it one of these layers.
    folder : Path
        Has the files.
    recipe : Recipe
        In the canonical form of the assembled study.
    files : sequence of FileReport
    preparation : Preparation
        Of the assembled study; it determines the key.
    study : str
        Slug.
    advance : callable, optional
        Is called with the share of the work that is done.

    Returns
    -------
    Path
        The folder of the stored layers.

    Raises
    ------
    LayerError
        The disk has not enough space, or a layer cannot be read.
    """
    report = review(recipe, sorted(files, key=lambda file: file.name))
    if report.grid is None or not report.training:
        raise LayerError("the study has no layers")
    sources = [_source(folder, report, recipe, None, "training.npy")]
    for number, one in enumerate((s for s in report.scenarios if s.complete), 1):
        sources.append(_source(folder, report, recipe, one.scenario.label, f"scenario-{number}.npy"))
    index = StoredLayers(
        key=layers_key(preparation),
        study=study,
        grid=report.grid,
        extent=extent_of(report.grid),
        sources={layer.file: layer.sha256 for layer in report.layers},
        sets=[source.about for source in sources],
        incomplete={one.scenario.label: one.missing for one in report.scenarios if not one.complete},
    )
    return write_store(home / study, index, sources, advance)


def keep_layers(
    home: Path,
    folder: Path,
    assembly: Assembly,
    files: Sequence[FileReport],
    work: Path,
    advance: Callable[[float], None],
) -> str:
    """Store the layers of an assembled study, and return why they could not be stored, or nothing.

    A study whose layers cannot be stored is trained all the same; its places cannot be asked then.
    """
    study = assembly.study
    if study.preparation is None or not _has_layers(study):
        return ""
    try:
        store_layers(home, folder, assembly.recipe, files, study.preparation, study.description.slug, advance)
    except (LayerError, OSError) as error:
        work.mkdir(parents=True, exist_ok=True)
        work.joinpath(_PROBLEM).write_text(str(error), encoding="utf-8")
        return f"Places of this study cannot be asked: {error}"
    work.joinpath(_PROBLEM).unlink(missing_ok=True)
    return ""


def layers_are_missing(home: Path | None, work: Path, study: StudyData) -> bool:
    """Return whether the layers of a study are to be stored, are not there, and were not refused before."""
    if home is None or study.preparation is None or not _has_layers(study):
        return False
    stored = home / study.description.slug / layers_key(study.preparation) / INDEX
    return not stored.is_file() and not (work / _PROBLEM).is_file()


def _has_layers(study: StudyData) -> bool:
    """Return whether the conditions of a study come from layers; those of samples come from the table itself."""
    return study.preparation is not None and any(layer.sha256 for layer in study.preparation.layers)


def _source(folder: Path, report: LayersReport, recipe: Recipe, scenario: str | None, file: str) -> SetSource:
    """Return a layer set, with the labels and the categories of its own layers."""
    by_name: dict[str, LayerReport] = {}
    for layer, role in zip(report.layers, report.roles, strict=True):
        if role == "static" or (role == "training" and scenario is None):
            by_name.setdefault(layer.name, layer)
        if role == "scenario" and layer.scenario is not None and layer.scenario.label == scenario:
            by_name[layer.name] = layer
    layers = []
    for name in report.training:
        layer, predictor = by_name[name], as_predictor(by_name[name])
        layers.append(
            StoredLayer(name=name, label=predictor.label, unit=layer.unit, kind=layer.kind, levels=dict(layer.levels))
        )
    return SetSource(
        StoredSet(file=file, scenario=scenario, layers=layers),
        partial(open_stack, folder, report, recipe, scenario),
    )
