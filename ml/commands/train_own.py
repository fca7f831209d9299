"""``python -m ml train --records … --layers …``: models of users' own data."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from ml.commands import own_recipe
from ml.commands.own_files import open_folder
from ml.commands.own_recipe import add_choices, add_layer_choices, add_species, read_recipe
from ml.commands.progress import Progress
from ml.commands.tables import print_scores
from ml.recipes.recipe import Recipe
from ml.recipes.reports import FileReport
from ml.serving.artifact import read_card
from ml.study import StudyData
from ml.tracking.tracker import Tracker

_PREPARED = 0.3
"""Share of the progress at which a study is prepared."""
_STORING = 0.27
"""Share of the progress at which the values of the layers are stored."""


def add_options(command: argparse.ArgumentParser) -> None:
    """Declare the options of training from own files."""
    own = command.add_argument_group("own data", "train from files of records and layers instead of a demo study")
    own.add_argument("--records", type=Path, nargs="+", metavar="FILE", help="Darwin Core archives, tables, workbooks")
    own.add_argument("--layers", type=Path, nargs="+", metavar="PATH", help="rasters, or folders with rasters")
    own.add_argument("--files", type=Path, metavar="DIR", help="a folder with all files of a study")
    own.add_argument("--recipe", type=Path, metavar="JSON", help="the recipe of a study, as its page offers it")
    own.add_argument("--output", type=Path, metavar="DIR", help="where models go (default: --models)")
    own.add_argument("--work", type=Path, metavar="DIR", help="keep checkpoints here and go on from them")
    own.add_argument("--only", choices=["prepare"], help="stop after this step")
    own.add_argument("--progress", choices=["bar", "json"], default="bar", help="how progress is shown")
    own_recipe.add_options(command)


def is_own(options: argparse.Namespace) -> bool:
    """Return whether the options ask for training from own files."""
    return bool(options.records or options.layers or options.files or options.recipe)


def run(options: argparse.Namespace, tracker: Tracker) -> int:
    """Train models from own files; return 1 when a species could not be trained."""
    if options.studies or options.all:
        raise ValueError("name demo studies, or files with --records and --layers, not both")
    _check_output(options.output or options.models)
    progress = Progress(options.progress)
    try:
        with open_folder(options) as (folder, names), contextlib.ExitStack() as stack:
            work = options.work or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ecopredict-train-")))
            return _train(options, folder, names, work, progress, tracker)
    finally:
        progress.close()


def _check_output(folder: Path) -> None:
    """Raise ValueError where models cannot be written to a folder, before the files are read."""
    existing = next(path for path in (folder.absolute(), *folder.absolute().parents) if os.path.lexists(path))
    if not existing.is_dir():
        raise ValueError(f"{folder} cannot be the folder of the models: {existing} is not a folder")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise ValueError(f"{folder} cannot be the folder of the models: {existing} is not writable")


def _train(
    options: argparse.Namespace, folder: Path, names: list[str], work: Path, progress: Progress, tracker: Tracker
) -> int:
    """Prepare the study, or go on from a checkpoint, and train its species."""
    # Training imports joblib and scikit-learn, which the other commands do not need.
    from ml.layers.files import sha256_of
    from ml.own_data.checkpoint import checkpoint_key, load_assembly, save_assembly
    from ml.own_data.files import is_raster
    from ml.own_data.layer_store import layers_are_missing
    from ml.recipes.companions import is_companion
    from ml.training.provenance import TrainingOptions
    from ml.training.train import train_study
    from ml.workers import workers

    tables = [name for name in names if not is_companion(name) and not is_raster(folder / name)]
    recipe = add_choices(read_recipe(options, names), options, tables)
    hashes = {}
    for number, name in enumerate(names):
        progress(0.05 * number / len(names), "Comparing the files with the checkpoint")
        hashes[name] = sha256_of(folder / name)
    choices = [*(options.species or []), options.crs or "", *(options.unused or [])]
    key = checkpoint_key(recipe, choices, hashes)
    assembly = load_assembly(work, key)
    if assembly is None or layers_are_missing(options.layer_store, work, assembly.study):
        assembly = _prepare(options, recipe, folder, hashes, work, progress)
        save_assembly(assembly, work, key)
    study, recipe = assembly.study, assembly.recipe
    if options.progress != "json":
        progress.close()
        print(describe(study))
    if options.only == "prepare":
        return 0
    settings = recipe.settings
    models = options.output or options.models
    total = len(study.species)
    trained: list[dict[str, Any]] = []
    failed = [{"species": name, "problem": problem} for name, problem in assembly.untrained.items()]
    name_of = {one.slug: one.scientific_name for one in study.species}
    training = TrainingOptions(settings.trees, settings.folds, settings.seed)
    progress(_PREPARED, f"Training {_count(total)}", "train")
    with workers(options.jobs, options.scheduler):
        for number, result in enumerate(train_study(study, models, training, None, work / "held_out"), 1):
            name = name_of.get(result.species, result.species)
            if result.path is None:
                failed.append({"species": name, "problem": result.problem})
            else:
                if result.fresh:
                    tracker.add(result.path)
                trained.append(
                    {
                        "species": name,
                        "slug": result.species,
                        "model_id": result.path.name,
                        "path": str(result.path.resolve()),
                    }
                )
            progress(_PREPARED + (1 - _PREPARED) * number / total, f"{number} of {total} trained: {name}", "train")
    trained.sort(key=lambda one: one["slug"])
    tracked = tracker.close()
    if tracked.sentence:
        progress.close()
        print(tracked.sentence, flush=True)
    outcome = {"trained": trained, "failed": failed, "tracked": [tracked.logged, tracked.not_logged]}
    # A job of the web application reads it: a line of output may be cut.
    draft = work / ".result.json.part"
    draft.write_text(json.dumps(outcome), encoding="utf-8")
    draft.replace(work / "result.json")
    if options.progress == "json":
        print(json.dumps({"trained": trained, "failed": failed}), flush=True)
    else:
        progress.close()
        print_scores([read_card(Path(one["path"])) for one in trained])
        for one in trained:
            print(f"{one['model_id']}  {one['path']}")
        for one in failed:
            print(f"not trained: {one['problem']}", file=sys.stderr)
    if not trained:
        raise ValueError("; ".join(one["problem"] for one in failed[:3]) or "no species could be trained")
    return 1 if failed and options.progress != "json" else 0


def describe(study: StudyData) -> str:
    """Return what the study has and which records were left out, in one line."""
    left_out = "; ".join(f"{reason}: {n:,}" for reason, n in study.dropped.items())
    background = int((study.presence.sum(axis=1) == 0).sum())
    return (
        f"{len(study.presence) - background:,} presences and {background:,} background rows; records left out: "
        f"{left_out or 'none'}"
    )


def _count(n: int) -> str:
    return "1 species" if n == 1 else f"{n} species"


def _prepare(
    options: argparse.Namespace, recipe: Recipe, folder: Path, hashes: dict[str, str], work: Path, progress: Progress
) -> Any:
    """Read the files and assemble the study."""
    from ml.own_data.assemble import assemble
    from ml.own_data.files import inspect_file, is_raster
    from ml.own_data.layer_store import keep_layers

    choices = {choice.name: choice for choice in recipe.records}
    reports: list[FileReport] = []
    for number, (name, sha256) in enumerate(hashes.items()):
        progress(0.05 + 0.05 * number / len(hashes), f"Reading {name}")
        report = inspect_file(folder, name, choices.get(name), sha256)
        if report.role == "unknown":
            problem = report.problems[0].text if report.problems else f"{name}: {report.sentence}"
            if not options.files or is_raster(folder / name):
                raise ValueError(problem)
            # A folder may contain a readme. The page of a study shows such a file as not used.
            print(f"not used: {problem}", file=sys.stderr)
        reports.append(report)
    extra = [one.name for one in reports if one.role == "records" and choices and one.name not in choices]
    if options.recipe is not None and extra:
        raise ValueError(
            f"{extra[0]} is a file of records that the recipe does not name; take it out of {options.files}, or add it "
            "to the member records of the recipe"
        )
    recipe = add_species(add_layer_choices(recipe, options, reports), options.species, reports)
    chosen = {choice.name: choice for choice in recipe.records}
    # Files with another choice are read again, as the page does.
    reports = [
        inspect_file(folder, one.name, chosen[one.name], one.sha256)
        if chosen.get(one.name) != choices.get(one.name)
        else one
        for one in reports
    ]
    assembly = assemble(
        folder, recipe, reports, work, lambda share, message: progress(0.1 + (_STORING - 0.1) * share, message)
    )
    if options.layer_store is not None:
        problem = keep_layers(
            options.layer_store,
            folder,
            assembly,
            reports,
            work,
            lambda share: progress(_STORING + (_PREPARED - _STORING) * share, "Storing the values of the layers"),
        )
        if problem:
            progress(_PREPARED, problem)
    return assembly
