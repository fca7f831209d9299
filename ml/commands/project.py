"""``python -m ml project``."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml.commands.options import Subparsers, add_workers, shift_option, stated_shift
from ml.commands.own_files import open_folder
from ml.commands.own_recipe import read_recipe
from ml.commands.progress import Progress
from ml.recipes.reports import FileReport

if TYPE_CHECKING:
    from ml.projection.inputs import ProjectionInputs
    from ml.serving.artifact import Artifact


def add_parser(commands: Subparsers) -> None:
    """Declare the command and its options."""
    command = commands.add_parser(
        "project",
        help="write the map of a model over layers",
        description="Answer every cell of a set of layers and write a folder with a cloud-optimised GeoTIFF for each "
        "quantity (suitability, low, high, verdict, inside, index, mess, most_dissimilar) and a summary, map.json. "
        "Layers are found by the names of the model's predictors. A map that was stopped goes on from its finished "
        "blocks when the command is started again.",
    )
    command.add_argument("--model", type=Path, required=True, help="a model's directory")
    command.add_argument("--layers", type=Path, nargs="+", metavar="PATH", help="rasters, or folders with rasters")
    command.add_argument("--files", type=Path, metavar="DIR", help="a folder with all files of a study")
    command.add_argument(
        "--layer-store",
        type=Path,
        metavar="DIR",
        help="stored layers of studies, as train --layer-store writes them: those that the model was trained on",
    )
    command.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder of the map")
    command.add_argument("--scenario", metavar="LABEL", help="use the layers of this scenario; see python -m ml layers")
    command.add_argument(
        "--shift",
        type=shift_option,
        action="append",
        default=[],
        metavar="PREDICTOR=CHANGE",
        help="add a number to a continuous layer, for example bio1=+2.0, at most the width of its training range; "
        "repeat it for several",
    )
    command.add_argument(
        "--recipe", type=Path, metavar="JSON", help="choices for the layers (default: those of the model's own study)"
    )
    command.add_argument("--replace", action="store_true", help="discard a map of other inputs in the folder")
    command.add_argument("--preview", action="store_true", help="write a coarse preview first, in DIR/preview")
    command.add_argument("--progress", choices=["bar", "json"], default="bar", help="how progress is shown")
    add_workers(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace, started: float) -> int:
    """Write a map."""
    # GDAL, pandas and joblib take a second to import, which --help does not need.
    from ml.layers.rasters import gdal
    from ml.projection.project import project
    from ml.projection.shifts import with_shift
    from ml.serving.artifact import load_artifact
    from ml.workers import workers

    if not options.layers and not options.files and not options.layer_store:
        raise ValueError("name the layers with --layers, a study's folder with --files, or --layer-store")
    if options.layer_store and (options.layers or options.files or options.recipe):
        raise ValueError("--layer-store takes the place of --layers, --files and --recipe")
    artifact = load_artifact(options.model)
    progress = Progress(options.progress)
    try:
        with _open(artifact, options, progress) as inputs, gdal(), workers(options.jobs, options.scheduler):
            summary = project(
                artifact,
                with_shift(artifact.card.predictors, inputs, stated_shift(options.shift)),
                options.output,
                advance=lambda share, message: progress(0.1 + 0.9 * share, message, "project"),
                replace=options.replace,
                coarse=options.preview,
            )
    finally:
        progress.close()
    if options.progress != "json":
        print(describe(summary))
        print(options.output)
    return 0


@contextlib.contextmanager
def _open(artifact: Artifact, options: argparse.Namespace, progress: Progress) -> Iterator[ProjectionInputs]:
    """Yield the layers of the options, open."""
    from ml.layers.rasters import gdal
    from ml.projection.inputs import open_inputs
    from ml.projection.stored_inputs import open_stored_inputs

    if options.layer_store:
        with open_stored_inputs(artifact, options.layer_store, options.scenario) as inputs:
            yield inputs
        return
    with _open_layers(options) as (folder, names):
        recipe = read_recipe(options, names) if options.recipe is not None else None
        reports = _inspect(folder, names, progress, skip=options.files is not None)
        with gdal(), open_inputs(artifact, folder, reports, recipe, options.scenario) as inputs:
            yield inputs


@contextlib.contextmanager
def _open_layers(options: argparse.Namespace) -> Iterator[tuple[Path, list[str]]]:
    """Yield a folder that has all layers, and their names. Layers of one folder are used where they are."""
    from ml.commands.layers import layer_files

    if options.layers and not options.files:
        paths = layer_files(options.layers)
        if len({path.resolve().parent for path in paths}) == 1:
            yield paths[0].parent, [path.name for path in paths]
            return
    with open_folder(argparse.Namespace(records=None, layers=options.layers, files=options.files)) as (folder, names):
        yield folder, names


def _inspect(folder: Path, names: list[str], progress: Progress, *, skip: bool) -> list[FileReport]:
    """Return reports on the layers; other files are passed over where a folder has all files of a study."""
    from ml.own_data.files import inspect_file, is_raster
    from ml.recipes.companions import is_companion

    reports = []
    names = [name for name in names if not is_companion(name) and not (skip and not is_raster(folder / name))]
    for number, name in enumerate(names):
        progress(0.1 * number / len(names), f"Reading {name}", "read")
        report = inspect_file(folder, name)
        if report.role != "layers":
            raise ValueError(report.problems[0].text if report.problems else f"{name}: {report.sentence}")
        reports.append(report)
    if not reports:
        raise ValueError(f"{folder} has no raster file")
    return reports


def describe(summary: dict[str, Any]) -> str:
    """Return what a map says in some lines: first how much of it lies beyond the area of applicability."""
    from ml.serving.verdict import VERDICTS, WORDS

    cells, areas = summary["cells"], summary["area_km2"]
    lines = [summary["beyond"]["sentence"]]
    lines += [
        f"{WORDS[name]:<20} {cells['by_verdict'][name]:>15,} cells {areas['by_verdict'][name]:>15,.0f} km²"
        for name in VERDICTS
    ]
    left = summary["without_answer"]
    lines.append(f"{'No answer':<20} {cells['total'] - cells['valid']:>15,} cells")
    for name, count in left["impossible"].items():
        lines.append(f"  {count:,} of them have an impossible value of {name}")
    for name, labels in left["unknown_category"].items():
        known = ", ".join(f"{label}: {count:,}" for label, count in list(labels.items())[:5])
        lines.append(f"  categories of {name} that the model never saw: {known}")
    return "\n".join([*lines, *(f"note: {note}" for note in summary["notes"])])
