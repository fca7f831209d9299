"""``python -m ml predict``."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import gc
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from tqdm import tqdm

from ml.batch.answering import (
    Answering,
    Subject,
    check_header,
    columns_of_numbers,
)
from ml.batch.cells import describe_cells, missing_columns, name_missing, place_of
from ml.batch.chunks import Rows, RowsFile
from ml.batch.place_columns import PlaceColumns, PlaceOptions, find_place_columns, no_place_columns
from ml.batch.run import BatchRun, token_of
from ml.batch.summary import Summary, errors_text
from ml.batch.table import ZIP, TableFile, look_through
from ml.commands.options import Subparsers
from ml.layers.stored import UnknownScenarioError, find_store
from ml.records.workbooks import write_sheet
from ml.serving.artifact import load_artifact


def add_parser(commands: Subparsers) -> None:
    """Declare the command and its options."""
    command = commands.add_parser(
        "predict",
        help="predict each row of a CSV file",
        description="Read rows of conditions and write them with the answers of the API added: the verdict, the "
        "suitability with its interval (low, high), suitable (1 or 0; empty where the verdict is cannot_say), "
        "in_area_of_applicability (0 where a value, or the combination of values, is unlike the training records), the "
        "dissimilarity index, the MESS and the most dissimilar predictor. A row with a value that cannot be used gets "
        "an error instead; the other rows are answered, and the command ends with status 2. With several models, each "
        "row is written once for each species, with its slug in the column species. Memory does not grow with the "
        "number of rows.",
    )
    command.add_argument("--model", type=Path, required=True, action="append", help="a model's directory; repeatable")
    command.add_argument(
        "--input",
        type=Path,
        required=True,
        help="CSV file or Excel workbook (.xlsx) with a column for each predictor, or of places",
    )
    command.add_argument("--output", type=Path, required=True, help="CSV file to write")
    command.add_argument("--threshold", help="a number from 0 to 1, or maxSSS, P10 or MTP; the model's own by default")
    command.add_argument(
        "--extrapolation",
        choices=["allow", "flag", "refuse"],
        default="flag",
        help="outside the area of applicability: a verdict, cannot_say (the default), or an error",
    )
    command.add_argument(
        "--layer-store",
        type=Path,
        help="stored layers of studies, as train --layer-store writes them: the rows are places, and the "
        "layers' values there, which are written as env.NAME, are the conditions",
    )
    command.add_argument("--latitude", help="with --layer-store: the column of latitudes; found by its name by default")
    command.add_argument("--longitude", help="with --layer-store: the column of longitudes")
    command.add_argument("--scenario", help="with --layer-store: the label of the scenario of all rows")
    command.add_argument(
        "--scenario-column",
        help="with --layer-store: a column with labels, which go before --scenario; scenario by default",
    )
    command.add_argument(
        "--rows", action="store_true", help="the input has lines of JSON: a list of columns, then a list of texts a row"
    )
    command.add_argument("--summary", type=Path, help="JSON file to write with the number of answers by verdict")
    command.add_argument(
        "--spreadsheet", action="store_true", help="put an apostrophe before cells that a spreadsheet runs as formulas"
    )
    command.add_argument(
        "--resume", action="store_true", help="go on after the last complete part of a killed run of the same command"
    )
    command.add_argument(
        "--without-index",
        action="store_true",
        help="leave the dissimilarity index and MESS out; they mark training records",
    )
    command.add_argument("--accept-errors", action="store_true", help="end with status 0 although rows have an error")
    command.add_argument("--progress", choices=["bar", "json"], default="bar", help="how progress is shown")
    command.set_defaults(run=run)


def run(options: argparse.Namespace, started: float) -> int:
    """Write the rows of a CSV file with their answers."""
    subjects = [_subject(path, options.threshold, options.layer_store) for path in options.model]
    slugs = [subject.slug for subject in subjects]
    if len(set(slugs)) < len(slugs):
        raise ValueError("two of the models are for one species")
    with _regular_file(options.input) as path, _no_collections():
        table: Rows = (RowsFile if options.rows else TableFile)(path, str(options.input))
        places = _places(table, subjects, options)
        check_header(subjects, table.header, table.name, places)
        overview = look_through(table, columns_of_numbers(subjects, places))
        answering = Answering(
            subjects,
            table.header,
            table.name,
            decimal=overview.decimal,
            extrapolation=options.extrapolation,
            places=places,
            with_index=not options.without_index,
        )
        progress = _Progress(options.progress, overview.n_rows)
        try:
            batch = BatchRun(
                table,
                answering,
                slugs,
                options.output,
                guard=options.spreadsheet,
                token=_token(options, path, subjects, answering.columns) if options.resume else None,
            )
            summary = batch.run(progress.show)
        finally:
            progress.close()
    if options.summary is not None:
        options.summary.write_text(json.dumps(summary.as_json()), encoding="utf-8")
    print(f"{summary.n_rows} rows written to {options.output}")
    return _report(summary, options)


def _report(summary: Summary, options: argparse.Namespace) -> int:
    """Name the rows with an error on standard error; return the status."""
    if not summary.n_bad or options.accept_errors:
        return 0
    errors = errors_text(summary.counts, summary.n_rows, {})
    problems = [(place_of(row, line), name, text) for row, line, name, text in summary.problems]
    cells = describe_cells(str(options.input), problems, summary.n_problems) if problems else ""
    where = cells or f"{options.input}: the conditions lie outside the training conditions"
    print(f"python -m ml predict: {errors}: {where}", file=sys.stderr)
    return 2


def _places(table: Rows, subjects: list[Subject], options: argparse.Namespace) -> PlaceColumns | None:
    """Return the columns of places, or None for a table of conditions."""
    stated = PlaceOptions(options.latitude, options.longitude, options.scenario_column, options.scenario)
    if options.layer_store is None:
        if stated.is_stated:
            raise ValueError("--latitude, --longitude, --scenario and --scenario-column need --layer-store")
        names = {one.name.lower() for subject in subjects for one in subject.predictors}
        if table.header and not names.intersection(name.lower() for name in table.header):
            missing = missing_columns(subjects[0].predictors, table.header)
            raise ValueError(
                f"{table.name} has no column {name_missing(missing, table.header)}; for a table of places, name the "
                "stored layers of the study with --layer-store"
            )
        return None
    places = find_place_columns(table, stated)
    if places is None:
        raise ValueError(no_place_columns(table.name, "with --latitude and --longitude"))
    for subject in subjects:
        try:
            if subject.store is not None:
                subject.store.open(places.scenario)
        except UnknownScenarioError as error:
            raise ValueError(f"--scenario {error}") from None
    return dataclasses.replace(places, is_mixed=options.rows)


def _subject(path: Path, threshold: str | None, home: Path | None) -> Subject:
    """Return an opened model with the threshold that is requested, and with its layers for places."""
    artifact = load_artifact(path)
    rules = artifact.card.thresholds
    requested: float | str | None = threshold
    if threshold is not None and threshold not in rules:
        try:
            requested = float(threshold)
        except ValueError:
            requested = -1.0
        if not 0 <= requested <= 1:
            raise ValueError(
                f"--threshold must be a number from 0 to 1 or one of {', '.join(rules)}, not {threshold!r:.40}"
            )
    store = find_store(home, artifact.card) if home is not None else None
    if home is not None and store is None:
        raise ValueError(f"{home} has no layers that the model of {artifact.card.species.slug} was trained on")
    return Subject(artifact.card.species.slug, artifact, artifact.predictor.cutoff(requested), store)


@contextlib.contextmanager
def _regular_file(path: Path) -> Iterator[Path]:
    """Yield a table that can be read twice: the input itself, a copy of a pipe, or the CSV of a workbook."""
    if path.is_file() or not path.exists() or path.is_dir():
        if path.is_file() and _is_zip(path):
            with tempfile.TemporaryDirectory() as folder:
                write_sheet(path, Path(folder) / "sheet.csv")
                yield Path(folder) / "sheet.csv"
            return
        yield path
        return
    with tempfile.NamedTemporaryFile(suffix=".csv") as copy:
        with path.open("rb") as source:
            shutil.copyfileobj(source, copy)
        copy.flush()
        if _is_zip(Path(copy.name)):
            raise ValueError(f"{path} has a zip file or an Excel workbook; name the file instead")
        yield Path(copy.name)


def _is_zip(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(len(ZIP)) == ZIP


@contextlib.contextmanager
def _no_collections() -> Iterator[None]:
    """Switch the collector of cycles off: rows have no cycles, and looking for them takes a fifth of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _token(options: argparse.Namespace, path: Path, subjects: list[Subject], columns: Sequence[str]) -> str:
    # a workbook is read from a copy, which has another time
    stamp = (options.input if options.input.is_file() else path).stat()
    models = [subject.artifact.model_id for subject in subjects]
    kind = (options.threshold, options.extrapolation, options.spreadsheet, options.rows, options.without_index)
    places = (options.layer_store, options.latitude, options.longitude, options.scenario_column, options.scenario)
    return token_of((stamp.st_size, stamp.st_mtime_ns, *models, *kind, *places, *columns))


class _Progress:
    """Shows the rows that are written: a bar on a terminal, or lines of JSON for a program."""

    def __init__(self, kind: str, total: int) -> None:
        self._total = total
        self._prints = kind == "json"
        self._bar = tqdm(total=total, unit="row", disable=self._prints or not sys.stderr.isatty())

    def show(self, done: int) -> None:
        """Show the number of rows that are written."""
        if self._prints:
            line = {"progress": round(done / self._total, 4), "message": f"{done:,} of {self._total:,} rows"}
            print(json.dumps(line), flush=True)
        else:
            self._bar.update(done - self._bar.n)

    def close(self) -> None:
        """Remove the bar."""
        self._bar.close()
