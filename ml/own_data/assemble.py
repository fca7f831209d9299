"""From a folder of files and a recipe to a study that can be trained."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml.card import Predictor, Source, SpeciesDescription
from ml.card_preparation import Preparation
from ml.own_data import texts
from ml.own_data.canonical import canonical_recipe
from ml.own_data.check import check_files
from ml.own_data.cleaned import CleanedRecords
from ml.own_data.landscape import Landscape, open_landscape
from ml.own_data.predictors import as_column, as_predictor
from ml.own_data.problems import COMMAND, refuse
from ml.own_data.sample_study import assemble_samples
from ml.recipes.companions import companion_names
from ml.recipes.recipe import Recipe
from ml.recipes.reports import FileReport, LayersReport, are_samples
from ml.recipes.slugs import species_slug_in, study_slug
from ml.records.names import species_slug
from ml.study import StudyData

Advance = Callable[[float, str], None]
"""Is called with the share of the work that is done, and what is done next."""


@dataclass(frozen=True)
class Assembly:
    """A study and what was left out of it.

    Attributes
    ----------
    study : StudyData
    recipe : Recipe
    untrained : dict of str to str
        Species with too few cells, and the reason.
    """

    study: StudyData
    recipe: Recipe
    untrained: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Rows:
    """The rows of a study: cells with presences, then background cells."""

    cell: NDArray[np.int64]
    presence: NDArray[np.int64]


def assemble(
    folder: Path,
    recipe: Recipe,
    files: Sequence[FileReport],
    cache: Path | None = None,
    advance: Advance = lambda share, message: None,
) -> Assembly:
    """Read, clean and align the files of a study.

    Parameters
    ----------
    folder : Path
        Has the files.
    recipe : Recipe
    files : sequence of FileReport
        Of all files of the study.
    cache : Path, optional
        Folder in which the mask of the layers is kept.
    advance : callable, optional

    Returns
    -------
    Assembly

    Raises
    ------
    UnusableDataError
        The layers or the records cannot be used.
    ml.records.errors.OccurrenceError, ml.layers.errors.LayerError, OSError
        A file cannot be read.
    """
    # The study must not depend on the order in which files arrived.
    files = sorted(files, key=lambda file: file.name)
    recipe = canonical_recipe(recipe, files)
    if are_samples(files):
        study, untrained = assemble_samples(folder, recipe, files)
        return Assembly(study, recipe, untrained)
    advance(0.0, "Reading the layers")
    with open_landscape(
        folder, recipe, files, cache, lambda share: advance(0.4 * share, "Reading the layers")
    ) as landscape:
        return _assemble(folder, recipe, files, landscape, advance)


def _assemble(
    folder: Path, recipe: Recipe, files: Sequence[FileReport], landscape: Landscape | None, advance: Advance
) -> Assembly:
    advance(0.4, "Reading and cleaning the records")
    check = check_files(folder, recipe, files, landscape)
    refuse(check.problems)
    cleaned, chosen = check.records, check.species
    # Without layers, records or species there is a blocking problem.
    assert landscape is not None and cleaned is not None and chosen  # noqa: S101
    advance(0.7, "Drawing background cells and reading their conditions")
    rows = _rows(cleaned, chosen, landscape, recipe)
    environment, predictors = _environment(landscape, recipe, rows.cell)
    name = recipe.slug or study_slug(recipe.title)
    species = [SpeciesDescription(slug=species_slug_in(name, species_slug(one)), scientific_name=one) for one in chosen]
    longitude_latitude, projected = landscape.centres(rows.cell)
    study = StudyData(
        description=texts.describe_study(
            recipe.title,
            name,
            chosen,
            cleaned.n_usable,
            len(np.unique(rows.cell[rows.presence.any(axis=1)])),
            [predictor.name for predictor in predictors],
            _sources(cleaned, files, landscape.report),
        ),
        predictors=predictors,
        environment=environment,
        species=species,
        presence=pd.DataFrame(rows.presence, columns=[one.slug for one in species]),
        coordinates=longitude_latitude,
        recorded={one.slug: cleaned.places_of[one.scientific_name] for one in species},
        projected=projected,
        dropped=cleaned.dropped,
        cells=rows.cell,
        preparation=_preparation(recipe, files, cleaned, landscape),
    )
    advance(1.0, "The study is ready for training")
    return Assembly(study, recipe, check.untrained)


def _rows(cleaned: CleanedRecords, chosen: Sequence[str], landscape: Landscape, recipe: Recipe) -> _Rows:
    """Return the cells with presences of the chosen species, in ascending order, and then the background cells."""
    cells = np.unique(np.concatenate([cleaned.cells_of[name] for name in chosen]))
    presence = np.column_stack([np.isin(cells, cleaned.cells_of[name]) for name in chosen]).astype(np.int64)
    background = landscape.draw_background(recipe.settings.background, recipe.settings.seed)
    return _Rows(
        np.concatenate([cells, background]),
        np.concatenate([presence, np.zeros((len(background), len(chosen)), np.int64)]),
    )


def _environment(landscape: Landscape, recipe: Recipe, cell: NDArray[np.int64]) -> tuple[pd.DataFrame, list[Predictor]]:
    values = landscape.cells.values(cell)
    columns, predictors = {}, []
    for number, layer in enumerate(landscape.used):
        columns[layer.name] = pd.Series(as_column(layer, values[:, number]))
        predictors.append(as_predictor(layer, landscape.choice_of(layer)))
    return pd.DataFrame(columns), predictors


def _sources(cleaned: CleanedRecords, files: Sequence[FileReport], layers: LayersReport) -> list[Source]:
    return texts.record_sources(files, cleaned.licences) + texts.layer_sources(files, layers)


def _preparation(
    recipe: Recipe, files: Sequence[FileReport], cleaned: CleanedRecords, landscape: Landscape
) -> Preparation:
    rasters = {layer.file for layer in landscape.used}
    companions = {name.casefold() for raster in rasters for name in companion_names(raster)}
    used = {table.name for table in cleaned.tables} | rasters
    used |= {file.name for file in files if file.role == "companion" and file.name.casefold() in companions}
    grid = landscape.report.grid
    assert grid is not None  # noqa: S101 (without a grid there is a blocking problem)
    return Preparation(
        files=texts.used_files(files, used),
        layers=[texts.used_layer(layer, layer.grid != grid) for layer in landscape.used],
        grid=texts.describe_grid(grid, landscape.extent, landscape.n_valid),
        rules=texts.describe_rules(recipe, cleaned.report.reasons),
        recipe=recipe.model_dump_json(),
        command=COMMAND,
        places="records",
    )
