"""What a training would take, and what stands in its way."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ml.own_data.canonical import canonical_recipe
from ml.own_data.check import check_files
from ml.own_data.landscape import Landscape, open_landscape
from ml.own_data.problems import COMMAND, UnusableDataError
from ml.own_data.samples import choose_samples, read_samples
from ml.recipes.recipe import Recipe
from ml.recipes.reports import FileReport, Preflight, Problem, are_samples

_MOST_NOTES = 50


@dataclass(frozen=True)
class Size:
    """What the time of a training depends on."""

    grid_cells: int
    presences: int
    background: int
    predictors: int
    species: int
    trees: int = 500
    folds: int = 5


def check_study(folder: Path, recipe: Recipe, files: Sequence[FileReport], cache: Path | None = None) -> Preflight:
    """Say what a training would take, and what stands in its way.

    Parameters
    ----------
    folder : Path
        Has the files.
    recipe : Recipe
    files : sequence of FileReport
    cache : Path, optional
        As for `ml.own_data.assemble.assemble`.

    Returns
    -------
    Preflight

    Raises
    ------
    ml.records.errors.OccurrenceError, ml.layers.errors.LayerError, OSError
        A file cannot be read.
    """
    files = sorted(files, key=lambda file: file.name)
    recipe = canonical_recipe(recipe, files)
    if are_samples(files):
        return _check_samples(folder, recipe, files)
    with open_landscape(folder, recipe, files, cache) as landscape:
        return _check(folder, recipe, files, landscape)


def _check(folder: Path, recipe: Recipe, files: Sequence[FileReport], landscape: Landscape | None) -> Preflight:
    """Say what a training on records and layers would take."""
    check = check_files(folder, recipe, files, landscape)
    cleaned, chosen = check.records, check.species
    if landscape is None or cleaned is None or not chosen:
        kept = cleaned.n_kept if cleaned is not None else 0
        return _report(check.problems, presences=kept, cells=landscape.n_valid if landscape is not None else 0)
    problems = [*check.problems, *_rare(check.untrained)]
    presences = sum(len(cleaned.cells_of[name]) for name in chosen)
    settings = recipe.settings
    grid = landscape.report.grid
    assert grid is not None  # noqa: S101 (a landscape has a grid)
    size = Size(
        grid.width * grid.height,
        presences,
        min(landscape.n_valid, settings.background),
        len(landscape.used),
        len(chosen),
        settings.trees,
        settings.folds,
    )
    minutes, memory = estimate(size)
    who = chosen[0] if len(chosen) == 1 else f"{len(chosen)} species"
    sentence = (
        f"{cleaned.n_usable:,} records of {who} in {presences:,} cells, {landscape.n_valid:,} valid cells; about "
        f"{describe_minutes(minutes)}, {memory:,.0f} MB of memory."
    )
    return _report(problems, minutes, memory, presences, landscape.n_valid, len(chosen), sentence)


def _check_samples(folder: Path, recipe: Recipe, files: Sequence[FileReport]) -> Preflight:
    """Say what a training on samples with data would take."""
    try:
        samples = read_samples(folder, recipe, files)
        chosen, untrained = choose_samples(samples, recipe)
    except UnusableDataError as error:
        return _report(error.problems)
    problems = _rare(untrained)
    presences, settings = sum(samples.counts[name] for name in chosen), recipe.settings
    size = Size(
        0, presences, samples.n_background, samples.environment.shape[1], len(chosen), settings.trees, settings.folds
    )
    minutes, memory = estimate(size)
    who = chosen[0] if len(chosen) == 1 else f"{len(chosen)} species"
    sentence = (
        f"{presences:,} samples of {who} and {samples.n_background:,} of background; about "
        f"{describe_minutes(minutes)}, {memory:,.0f} MB of memory."
    )
    return _report(problems, minutes, memory, presences, samples.n_background, len(chosen), sentence)


def _rare(untrained: Mapping[str, str]) -> list[Problem]:
    """Return a note for each species with too few records, for at most 50 of them."""
    notes = [Problem(code="species_too_rare", text=f"{text}.", blocking=False) for text in untrained.values()]
    return notes[:_MOST_NOTES]


def _report(
    problems: Sequence[Problem],
    minutes: float = 0.0,
    memory: float = 0.0,
    presences: int = 0,
    cells: int = 0,
    species: int = 0,
    sentence: str = "",
) -> Preflight:
    blocking = [problem for problem in problems if problem.blocking]
    return Preflight(
        minutes=round(minutes, 2),
        memory_mb=round(memory),
        presences=presences,
        cells=cells,
        species=species,
        sentence=sentence if not blocking else "The training cannot start yet.",
        problems=list(problems),
        command="" if blocking else COMMAND,
    )


def describe_minutes(minutes: float) -> str:
    """Return a time in words: seconds below a minute, else minutes or hours."""
    if minutes < 0.9:
        return f"{max(5, round(minutes * 12) * 5)} seconds"
    if minutes < 90:
        return "1 minute" if round(minutes) == 1 else f"{round(minutes)} minutes"
    return f"{minutes / 60:.1f} hours"


def estimate(size: Size) -> tuple[float, float]:
    """Estimate the time and memory of a training on two cores.

    The coefficients were fitted to the runs of ``python -m benchmarks.preflight``, which compares the estimate with
    the measurement.

    Parameters
    ----------
    size : Size

    Returns
    -------
    minutes, memory_mb : float
    """
    rows = size.presences + size.background
    table = rows * size.predictors
    # Of a default fit; the part that does not grow with trees and folds is small.
    effort = 0.2 + 0.8 * (size.trees / 500) * (size.folds / 5)
    reading = 8.0 + 2e-7 * size.grid_cells * size.predictors
    if size.species == 1:
        fitting = 2.0 + 0.034 * math.sqrt(table) * effort
    else:
        # The network that the species share takes most of the time; each species adds its forest and MaxEnt-type model.
        shared = 8.0 + 7e-3 * rows * (size.folds / 5)
        fitting = shared + size.species * 0.003 * math.sqrt(table) * effort
    memory = 970 + 1e-3 * table + 5e-5 * size.grid_cells + (250 if size.species > 1 else 0)
    return (reading + fitting) / 60, memory
