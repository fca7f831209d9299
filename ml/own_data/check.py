"""Whether the files and the recipe of a study can be trained: preflight and training ask the same function."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ml.layers.grid import check_crs
from ml.layers.review import review
from ml.own_data.cleaned import CleanedRecords, clean_files
from ml.own_data.landscape import Landscape
from ml.own_data.problems import NO_LAYERS, NO_RECORDS, rarity, too_few
from ml.recipes.recipe import Recipe
from ml.recipes.reports import FileReport, Problem


@dataclass(frozen=True)
class Check:
    """What a check of a study found.

    Attributes
    ----------
    problems : list of Problem
        A study with a blocking one cannot be trained.
    records : CleanedRecords or None
        None where there are no files of records.
    species : list of str
        Species that can be trained, by name.
    untrained : dict of str to str
        Species with too few cells, and the reason.
    """

    problems: list[Problem]
    records: CleanedRecords | None = None
    species: list[str] = field(default_factory=list)
    untrained: dict[str, str] = field(default_factory=dict)


def check_files(folder: Path, recipe: Recipe, files: Sequence[FileReport], landscape: Landscape | None) -> Check:
    """Check the layers and the records of a study.

    Parameters
    ----------
    folder : Path
        Has the files.
    recipe : Recipe
    files : sequence of FileReport
        In the order of their names.
    landscape : Landscape or None
        None where the layers cannot be opened.

    Returns
    -------
    Check

    Raises
    ------
    ml.records.errors.OccurrenceError
        A file of records cannot be read.
    """
    problems = _layer_problems(recipe, files, landscape)
    if not any(file.role == "records" for file in files):
        return Check([*problems, NO_RECORDS])
    records = clean_files(folder, recipe, files, landscape.cells if landscape is not None else None)
    problems += records.report.problems
    if landscape is None:
        return Check(problems, records)
    cells = {name: len(records.cells_of[name]) for name in sorted(records.cells_of)}
    fewest = recipe.settings.fewest
    species = [name for name, n in cells.items() if n >= fewest]
    untrained = {name: rarity(name, n, fewest) for name, n in cells.items() if n < fewest}
    if not species and not any(problem.blocking for problem in problems):
        problems.append(too_few(records.report.n, records.n_kept, records.dropped, untrained))
    return Check(problems, records, species, untrained)


def _layer_problems(recipe: Recipe, files: Sequence[FileReport], landscape: Landscape | None) -> list[Problem]:
    if landscape is not None:
        return list(landscape.report.problems)
    problems = [*review(recipe, files).problems, *check_crs(recipe)]
    return problems if any(problem.blocking for problem in problems) else [*problems, NO_LAYERS]
