"""``python -m ml layers``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from ml.commands.options import Subparsers
from ml.layers.errors import LayerError
from ml.layers.files import companions
from ml.layers.inspection import inspect_layers
from ml.layers.review import review
from ml.recipes.recipe import Recipe
from ml.recipes.reports import FileReport, LayersReport

#: Endings of files that are layers; in folders, files with others are passed over.
ENDINGS = (".tif", ".tiff", ".asc", ".grd", ".nc", ".nc4", ".cdf")
#: Most files of a command.
_MOST_FILES = 10_000


def add_parser(commands: Subparsers) -> None:
    """Declare the command and its options."""
    command = commands.add_parser(
        "layers",
        help="print what files of layers are recognised as",
        description="Print what each layer of files is recognised as: name, kind, unit, range, CRS, grid and scenario, "
        "and what stands in the way of training with them.",
    )
    command.add_argument(
        "paths", nargs="+", type=Path, metavar="PATH", help="a GeoTIFF, ESRI ASCII, R grid or NetCDF file, or a folder"
    )
    command.add_argument("--json", action="store_true", help="print JSON: files, the reviewed set, and errors")
    command.set_defaults(run=run)


def run(options: argparse.Namespace, started: float) -> int:
    """Print the layers of all files; 2 if one of them cannot be read."""
    files, errors = [], []
    for path in layer_files(options.paths):
        try:
            layers = inspect_layers(path)
        except LayerError as error:
            errors.append(str(error))
            continue
        files.append(
            FileReport(
                name=path.name,
                size=path.stat().st_size,
                sha256=layers[0].sha256,
                role="layers",
                sentence=f"{len(layers)} layer{'s' if len(layers) > 1 else ''}",
                layers=layers,
            )
        )
    reviewed = review(Recipe(title="layers"), files)
    if options.json:
        content = {
            "files": [file.model_dump(mode="json") for file in files],
            "review": reviewed.model_dump(mode="json"),
            "errors": errors,
        }
        print(json.dumps(content, ensure_ascii=False, indent=1))
    else:
        print_layers(reviewed)
    for text in errors:
        print(f"python -m ml layers: {text}", file=sys.stderr)
    return 2 if errors else 0


def layer_files(paths: Sequence[Path]) -> list[Path]:
    """Return the files of the paths, those of folders by their names; files that belong to others are left out.

    Raises
    ------
    ValueError
        A path does not exist, or a folder has no layer.
    """
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            members = sorted(member for member in path.iterdir() if member.suffix.lower() in ENDINGS)
            if not members:
                raise ValueError(f"{path} has no layer: files that end with {', '.join(ENDINGS)}")
            files += members
        elif path.exists() or path.is_symlink():
            grid = path.with_suffix(".grd")
            files.append(grid if path.suffix.lower() == ".gri" and grid.is_file() else path)
        else:
            raise ValueError(f"{path} does not exist")
    files = list(dict.fromkeys(files))
    others = {companion for path in files for companion in companions(path)}
    files = [path for path in files if path not in others]
    if len(files) > _MOST_FILES:
        raise ValueError(f"{len(files):,} files; at most {_MOST_FILES:,} are read")
    names = [path.name for path in files]
    double = next((name for name in names if names.count(name) > 1), None)
    if double is not None:
        raise ValueError(f"two files have the name {double}: give one of them another name")
    return files


def print_layers(report: LayersReport) -> None:
    """Print a table of layers, then scenarios, notes and problems."""
    head = ("file", "band", "name", "kind", "unit", "range", "CRS", "cells", "no value", "use")
    rows = []
    for layer, role in zip(report.layers, report.roles, strict=True):
        known = layer.minimum is not None and layer.maximum is not None
        rows.append(
            (
                layer.file,
                layer.band,
                layer.name,
                f"{len(layer.levels)} categories" if layer.kind == "categorical" else layer.kind,
                layer.unit,
                f"{layer.minimum:.6g} to {layer.maximum:.6g}" if known else "none",
                (layer.crs or "not stated")[:24],
                f"{layer.grid.width} × {layer.grid.height}" if layer.grid else "",
                f"{100 * layer.nodata_share:.1f} %",
                layer.scenario.label if role == "scenario" and layer.scenario else role,
            )
        )
    widths = [max(len(row[n]) for row in (head, *rows)) for n in range(len(head))]
    for row in (head, *rows) if rows else ():
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    if report.grid is not None and report.grid_of is not None:
        print(f"\ngrid: that of {report.grid_of[0]}, band {report.grid_of[1]}")
    for item in report.scenarios:
        carried = f", carried over: {', '.join(item.carried)}" if item.carried else ""
        missing = f", missing: {', '.join(item.missing)}" if item.missing else ""
        print(f"scenario {item.scenario.label}: {len(item.layers)} of {len(report.training)} layers{carried}{missing}")
    notes = {(layer.file, note): layer.name for layer in report.layers for note in layer.notes}
    for file, note in notes:
        print(f"note: {file}: {note}")
    for problem in report.problems:
        print(f"{'problem' if problem.blocking else 'look at'}: {problem.text}")
